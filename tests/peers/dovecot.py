"""Dovecot's LMTP server, over TCP and over its unix socket.

Dovecot has the paths of its programs compiled in, so it runs in a small root of its own:
the unpacked packages and the libraries that they need, copied into the test's folder.
Every recipient at example.org has a Maildir, save those named nobody*.
"""

import os
import re
import shutil
import subprocess

import corpus
from support import (
    LONG, PACKAGES, PeerCase, Process, need_root, package_file, read_file, start_on_free_port,
    strip_trace, wait_for, answers,
)

ADDED = ("Return-Path", "Delivered-To", "Received")
USER = 8  # mail, as everywhere in Debian; inside the root it owns the mailboxes

CONFIGURATION = """
protocols = lmtp
auth_mechanisms = plain
log_path = /log
ssl = no
postmaster_address = postmaster@example.org
mail_location = maildir:~/Maildir
first_valid_uid = 1
userdb {{
  driver = passwd-file
  args = username_format=%n /etc/dovecot/users
}}
passdb {{
  driver = static
  args = nopassword=y
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""

BOXES = ["one", "two", "tcp", "unix", "data", "slow", "mbox", "big", "stdin"]


class Dovecot:
    """One running Dovecot: port, and the path of its socket."""

    def __init__(self, root):
        self.root = root
        package_file("usr/sbin/dovecot")
        for folder in ("etc/dovecot", "dev", "run", "tmp", "mail", "usr/sbin", "usr/bin"):
            os.makedirs(f"{root}/{folder}")
        os.chown(f"{root}/mail", USER, USER)
        os.chmod(f"{root}/tmp", 0o1777)
        # A plain file will do: it is read as empty, and what is written to it is small.
        self.write("dev/null", "")
        os.chmod(f"{root}/dev/null", 0o666)
        self.write("etc/passwd", "root:x:0:0::/:\nmail:x:8:8::/:\ndovecot:x:997:997::/:\ndovenull:x:998:998::/:\n")
        self.write("etc/group", "root:x:0:\nmail:x:8:\ndovecot:x:997:\ndovenull:x:998:\n")
        self.write("etc/dovecot/users", "".join(f"{box}::{USER}:{USER}::/mail/{box}\n" for box in BOXES))
        self.copy_programs()
        self.process, self.port = start_on_free_port(self.start)
        self.socket = f"{root}/run/dovecot/lmtp"
        wait_for("LMTP socket", lambda: answers(self.socket), alive=self.process)

    def write(self, name, text):
        with open(f"{self.root}/{name}", "w") as f:
            f.write(text)

    def copy_programs(self):
        for name in ("usr/sbin/dovecot", "usr/bin/doveconf"):
            shutil.copy2(f"{PACKAGES}/{name}", f"{self.root}/{name}")
        shutil.copytree(f"{PACKAGES}/usr/lib/dovecot", f"{self.root}/usr/lib/dovecot", symlinks=True)
        libraries = f"{PACKAGES}/usr/lib/dovecot:{PACKAGES}/usr/lib/x86_64-linux-gnu:{PACKAGES}/lib/x86_64-linux-gnu"
        programs = [f"{PACKAGES}/usr/sbin/dovecot", f"{PACKAGES}/usr/bin/doveconf"]
        programs += [f"{PACKAGES}/usr/lib/dovecot/{name}" for name in (
            "anvil", "auth", "config", "dict", "lmtp", "log", "stats", "modules/libssl_iostream_openssl.so")]
        found = subprocess.run(
            ["ldd", *programs], env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": libraries},
            stdout=subprocess.PIPE, check=True, text=True,
        ).stdout
        for path in set(re.findall(r"(/\S+) \(0x", found)):
            inside = path.removeprefix(PACKAGES)
            if not inside.startswith("/usr/lib/dovecot/"):
                os.makedirs(os.path.dirname(self.root + inside), exist_ok=True)
                shutil.copy2(path, self.root + inside)

    def start(self, port):
        self.write("etc/dovecot/dovecot.conf", CONFIGURATION.format(port=port))
        return Process(["chroot", self.root, "/usr/sbin/dovecot", "-F"], self.root + "/out")

    def stop(self):
        self.process.stop()

    def arrived(self, box):
        """The messages of a mailbox, less what Dovecot put on top. LMTP has no queue: what
        was accepted is there."""
        new = f"{self.root}/mail/{box}/Maildir/new"
        names = os.listdir(new) if os.path.isdir(new) else []
        return [strip_trace(read_file(f"{new}/{name}"), ADDED) for name in names]


class DovecotTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        need_root("Dovecot")
        super().setUpClass()
        cls.dovecot = cls.keep(Dovecot(cls.scratch + "/d"))
        cls.tcp = f"lmtp://127.0.0.1:{cls.dovecot.port}"
        cls.unix = "lmtp+unix:" + cls.dovecot.socket
        cls.mail = corpus.samples() + corpus.edges() + corpus.long_lines()
        cls.files = corpus.write_all(cls.scratch + "/mail", cls.mail)

    def send_all(self, server, box, *options):
        result = self.envoi(server, *options, *self.files, to=[f"{box}@example.org"])
        self.expect(result, 0, "delivered", "221", messages=len(self.files))
        self.assertEqual(result.sessions[0]["hello"], "LHLO", str(result))
        self.assert_same_mail([corpus.stored(c) for _, c in self.mail], self.dovecot.arrived(box))

    def test_samples_over_tcp(self):
        self.send_all(self.tcp, "tcp")

    def test_samples_over_a_unix_socket(self):
        self.send_all(self.unix, "unix")

    def test_samples_with_data(self):
        self.send_all(self.tcp, "data", "--without", "CHUNKING")

    def test_samples_one_command_at_a_time(self):
        self.send_all(self.unix, "slow", "--without", "CHUNKING,PIPELINING")

    def test_mbox_in_one_session(self):
        mail = self.mail * (10 if LONG else 1)
        path = self.scratch + "/all.mbox"
        with open(path, "wb") as f:
            f.write(corpus.mbox(mail))
        result = self.envoi(self.unix, "--mbox", path, to=["mbox@example.org"])
        self.assertGreater(len(mail), 50)
        self.expect(result, 0, "delivered", "221", messages=len(mail))
        self.assert_same_mail([corpus.stored(c) for _, c in mail], self.dovecot.arrived("mbox"))

    def test_big_message(self):
        name, content = corpus.big(6)
        path = corpus.write_all(self.scratch, [(name, content)])
        result = self.envoi(self.tcp, *path, to=["big@example.org"])
        self.expect(result, 0, "delivered", "221")
        self.assert_same_mail([corpus.stored(content)], self.dovecot.arrived("big"))

    def test_a_reply_for_each_recipient(self):
        """Three recipients, one of them refused at RCPT: two final replies."""
        for way, options in {"chunking": [], "data": ["--without", "CHUNKING"]}.items():
            with self.subTest(way):
                before = len(self.dovecot.arrived("one"))
                result = self.envoi(
                    self.unix, *options, *self.files[:3],
                    to=["one@example.org", "nobody@example.org", "two@example.org"])
                self.expect(result, 67, {"delivered", "rejected"}, "221", messages=3)
                for message in result.messages:
                    self.assertEqual(
                        [r["outcome"] for r in message["recipients"]], ["delivered", "rejected", "delivered"])
                    self.assertEqual(message["recipients"][0]["phase"], "dot", str(result))
                self.assertEqual(len(self.dovecot.arrived("one")), before + 3)
                self.assertEqual(len(self.dovecot.arrived("two")), before + 3)

    def test_every_recipient_refused(self):
        for way, options in {"chunking": [], "data": ["--without", "CHUNKING"]}.items():
            with self.subTest(way):
                result = self.envoi(self.tcp, *options, *self.files[:3], to=["nobody@example.org"])
                self.expect(result, 67, "rejected", messages=3, sessions=None)

    def test_stdin(self):
        text = b"Subject: stdin\n\n.from a pipe\n"
        result = self.envoi(self.unix, to=["stdin@example.org"], stdin=text)
        self.expect(result, 0, "delivered", "221", messages=1)
        self.assert_same_mail([corpus.stored(text)], self.dovecot.arrived("stdin"))
