"""What every caller needs: a machine on which envoi is the sendmail, and a Postfix behind it.

A caller runs in a mount namespace of its own. There /usr is the machine's with the unpacked
packages laid over it, /usr/sbin/sendmail and /usr/lib/sendmail are envoi, and its configuration
is the one of the system; what a caller writes below /var and /run is gone with it.

Each caller sends the same several ways:

    direct    to Postfix; what arrived is compared with what the caller was told to send
    recorded  the same, and what envoi was given is kept: its words must be those of the
              table of callers, and what arrived its standard input octet for octet, but for
              the repairs that `repaired` below makes
    refused   to somebody whom Postfix does not know
    dead      to a server that is not there, and later the queue is run when it is
"""

import atexit
import base64
import email
import email.policy
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from postfix import Postfix
from support import (
    BINARY, PeerCase, certificate, free_port, need_root, package_file, read_file, write_file,
)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CALLERS = os.path.abspath(os.environ.get("ENVOI_CALLERS", TOP + "/build-callers/root"))
BOUND = 60  # seconds for one run of a caller
DOMAIN = "here.example"

# $1 is the top layer, $2 the packages, $3 envoi's configuration.
NAMESPACE = """
mount -t overlay overlay -o "lowerdir=$1/usr:$2/usr:/usr" /usr &&
mount -t overlay overlay -o "lowerdir=$1/etc:$2/etc:/etc" /etc &&
mount --bind "$3" /etc/envoi/config && mount --bind "$3" /usr/local/etc/envoi/config &&
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/spool && mount -t tmpfs tmpfs /var/lib &&
shift 3 && exec "$@"
"""

# Keeps what envoi is given, and is envoi.
RECORDER = """#!/usr/bin/python3
import json, os, subprocess, sys, threading
def keep(kind, text):
    with open({kept!r} + "/" + kind, "wb") as f:
        f.write(text)
def talk():
    # Both sides wait for each other.
    envoi = subprocess.Popen(["sendmail", *sys.argv[1:]], executable={binary!r}, stdin=-1, stdout=-1)
    def answer():
        while part := os.read(envoi.stdout.fileno(), 65536):
            os.write(1, part)
    answers = threading.Thread(target=answer)
    answers.start()
    given = b""
    while part := os.read(0, 65536):
        given += part
        keep("stdin", given)
        envoi.stdin.write(part)
        envoi.stdin.flush()
    envoi.stdin.close()
    answers.join()
    sys.exit(envoi.wait())
keep("words", json.dumps(sys.argv[1:]).encode())
if "-bs" in sys.argv:
    talk()
given = b""
while True:
    part = os.read(0, 65536)
    if not part:
        break
    given += part
keep("stdin", given)
os.dup2(os.open({kept!r} + "/stdin", os.O_RDONLY), 0)
os.execv({binary!r}, ["sendmail", *sys.argv[1:]])
"""

SUBJECT = "Grüße: 50 % über €"
LONG = "long " + "x" * 975  # MIME::Lite breaks lines of 990
TEXT = f"""First line.
.leading dot
.
..two dots
Grüße, €, 😀
From here
{LONG}

--
the last line has no end"""

ADDED = ("received", "date", "from", "message-id", "to")
DROPPED = ("bcc", "resent-bcc", "return-path", "content-length")
BARE = re.compile(rb"(?i)((?:from|to|cc|reply-to|sender): *)([\w.+-]+)((?: *\(.*\))?)$")


def fields(content):
    """The header fields, each with its folded lines and line ends, and what follows them."""
    header, _, body = content.partition(b"\n\n") if not content.startswith(b"\n") else (b"", 0, content[1:])
    if not header:
        return [], body
    return re.findall(rb"[^\n]+(?:\n[ \t][^\n]*)*", header), body


def name(field):
    return field.partition(b":")[0].strip().decode().lower()


def in_ascii(field):
    """A short subject in UTF-8, as one encoded word."""
    start, text = field[:9], field[9:]
    if field.isascii() or start != b"Subject: " or len(text) > 45:
        return field
    return start + b"=?UTF-8?B?" + base64.b64encode(text) + b"?="


def repaired(given, words):
    """What the manual says envoi makes of it, but for the fields that it adds."""
    text = given.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not {"-i", "-oi", "-ti"} & set(words):
        text = re.sub(rb"(?s)(^|\n)\.\n.*", rb"\1", text)
    text = re.sub(rb"\A(>*From .*\n)+", b"", text)
    header, body = fields(text)
    kept = [BARE.sub(rb"\1\2@" + DOMAIN.encode() + rb"\3", in_ascii(f)) for f in header if name(f) not in DROPPED]
    if body and not body.endswith(b"\n"):
        body += b"\n"
    return kept, body


def dictated(dialogue):
    """The message of an SMTP client's side."""
    message = re.search(rb"(?is)(?:\A|\n)DATA\r?\n(.*?)(\A|\r?\n)\.\r?\n", dialogue)
    return re.sub(rb"(?m)^\.", b"", message[1] + message[2])


def as_text(part):
    return part.get_payload(decode=True).decode().replace("\r\n", "\n")


class World:
    """Postfix, and the layers of the namespace. One for all tests."""

    made = None

    @classmethod
    def get(cls):
        if cls.made is None:
            cls.made = cls()
        return cls.made

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="envoi-")
        atexit.register(shutil.rmtree, self.folder, True)
        os.chmod(self.folder, 0o755)
        self.postfix = Postfix(self.folder + "/postfix", *certificate(self.folder), free_port())
        self.home = self.folder + "/home"
        self.queue = self.home + "/.local/state/envoi/queue"
        self.kept = self.folder + "/kept"
        for path in (self.home, self.kept):
            os.mkdir(path)
        self.layer("direct", None)
        self.layer("recorded", RECORDER.format(kept=self.kept, binary=BINARY))
        self.configure("server", self.postfix.port)
        self.configure("dead", 1)

    def layer(self, which, program):
        top = f"{self.folder}/{which}"
        for path in ("usr/sbin", "usr/lib", "usr/local/etc/envoi", "etc/envoi"):
            os.makedirs(f"{top}/{path}")
        for path in ("usr/sbin/sendmail", "usr/lib/sendmail"):
            if program is None:
                os.symlink(BINARY, f"{top}/{path}")
            else:
                write_file(f"{top}/{path}", program.encode())
                os.chmod(f"{top}/{path}", 0o755)
        write_file(top + "/etc/mailname", DOMAIN.encode() + b"\n")
        for path in ("etc/envoi/config", "usr/local/etc/envoi/config"):
            write_file(f"{top}/{path}", b"")
        # Root's dead.letter is ours.
        users = re.sub(rb"(?m)^(root:.*):[^:]*:([^:]*)$", rb"\1:%s:\2" % self.home.encode(), read_file("/etc/passwd"))
        write_file(top + "/etc/passwd", users)

    def configure(self, which, port):
        write_file(f"{self.folder}/{which}.config", f"""account default
host 127.0.0.1
port {port}
tls off
domain client.example.org
maildomain {DOMAIN}
""".encode())

    def command(self, how, *words):
        layer = "recorded" if how == "recorded" else "direct"
        config = "dead" if how == "dead" else "server"
        return ["unshare", "-m", "/bin/sh", "-c", NAMESPACE, "sh", f"{self.folder}/{layer}", CALLERS,
                f"{self.folder}/{config}.config", *words]


class CallerCase(PeerCase):
    @classmethod
    def setUpClass(cls):
        need_root("Postfix")
        super().setUpClass()
        package_file("usr/sbin/postfix")
        if not os.path.exists(CALLERS + "/usr"):
            raise unittest.SkipTest("the callers were not unpacked (scripts/callers-setup does it)")
        cls.world = World.get()
        cls.boxes = 0
        probe = subprocess.run(
            cls.world.command("direct", "true"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if probe.returncode != 0:
            raise unittest.SkipTest(f"no mount namespace: {probe.stdout.strip()}")

    def box(self):
        """A recipient that nobody had before."""
        type(self).boxes += 1
        return f"box-{type(self).__name__.lower()}-{self.boxes}"

    def start(self, how, *words, stdin=b"", env=None, **more):
        """Runs a caller; its standard input is a pipe."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.world.home, "LANG": "C.UTF-8",
                       "NODE_PATH": "/usr/share/nodejs", "MAILRC": "/dev/null", **(env or {})}
        dead = self.world.home + "/dead.letter"
        if os.path.exists(dead):
            os.unlink(dead)
        more.setdefault("cwd", self.world.home)
        run = subprocess.run(
            self.world.command(how, *words), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, timeout=BOUND, **more)
        self.assertNotRegex(run.stderr + run.stdout, b"runtime error|Sanitizer", run)
        return run

    def quiet(self, run, status=0, said=b""):
        """said: a pattern for what the caller itself prints."""
        self.assertEqual((run.returncode, run.stderr), (status, b""), run.args[9:])
        self.assertRegex(run.stdout, b"^" + said + b"$", run.args[9:])

    def arrived(self, box):
        return self.world.postfix.arrived(box, 1)[0]

    def run_queue(self):
        """The server is back: all that waits goes."""
        self.assertRegex(self.start("direct", "sendmail", "-bp").stdout, b"box-")
        self.quiet(self.start("direct", "sendmail", "-q"))
        self.assertEqual(os.listdir(self.world.queue + "/mail"), [])

    def recorded(self):
        """The words and the standard input that envoi was called with."""
        return json.loads(read_file(self.world.kept + "/words")), read_file(self.world.kept + "/stdin")

    def assert_repaired(self, box, words):
        """What arrived is what envoi was given. words: a pattern for its words."""
        given_words, given = self.recorded()
        self.assertRegex(" ".join(given_words), f"(?s)^({words.replace('BOX', box)})$")
        if "-bs" in given_words:
            given, given_words = dictated(given), ["-i"]
        want, body = repaired(given, given_words)
        names = {name(f) for f in want}
        got, got_body = fields(self.arrived(box))
        added = [f for f in got if name(f) not in names]
        self.assertLessEqual({name(f) for f in added}, set(ADDED), added)
        self.assertEqual([f for f in got if f not in added], want)
        self.assertEqual(got_body, body)
        for field in ("date", "message-id", "from", "received"):
            self.assertEqual(len([f for f in got if name(f) == field]), 1, got)

    def assert_message(self, box, subject=SUBJECT, text=TEXT, files=()):
        message = email.message_from_bytes(self.arrived(box), policy=email.policy.SMTP)
        self.assertEqual(str(message["subject"]), subject)
        self.assertIsNone(message["bcc"])
        parts = list(message.walk())
        leaves = [p for p in parts if not p.is_multipart()]
        self.assertEqual(as_text(leaves[0]).rstrip("\n"), text.replace("\r\n", "\n").rstrip("\n"))
        self.assertEqual([p.get_payload(decode=True) for p in leaves[1:]], list(files))
        return message

    def each_way(self, send, words, status=0, refused=67, said=b"", check=None):
        """send(how, box) runs the caller. status, refused: its exit status on success, and for a
        recipient who is not known; None: whatever. Without a server it is that of success."""
        check = check or self.assert_message
        box = self.box()
        with self.subTest("direct"):
            self.quiet(send("direct", box), status, said)
            check(box)
        with self.subTest("recorded"):
            box = self.box()
            self.quiet(send("recorded", box), status, said)
            self.assert_repaired(box, words)
        with self.subTest("refused"):
            run = send("refused", "nobody")
            if refused is not None:
                self.assertEqual(run.returncode, refused, run)
        with self.subTest("dead"):
            box = self.box()
            self.quiet(send("dead", box), status, said)
            self.run_queue()
            check(box)
            self.assertFalse(os.path.exists(self.world.home + "/dead.letter"))
