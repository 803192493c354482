"""Exim's daemon, in a small root of its own.

Exim has the user it runs as, by name, and the path of its configuration compiled in, so it, the
libraries that it needs and both of these are put into a folder which then is its root. Mail for
anyone at example.org goes into one Maildir, save for nobody*; with a relay, all other mail goes
there.
"""

import os
import pwd
import re

import corpus
from support import (
    LONG, PeerCase, Process, copy_programs, need_root, read_file, start_on_free_port, strip_trace,
    wait_for, write_file,
)

ADDED = ("Envelope-to", "Received")
USER = "mail"  # not used for anything on a Debian machine that is not a mail server

CONFIGURATION = """
primary_hostname = mx.example.org
spool_directory = /spool
log_file_path = /log/%s
pid_file_path = /spool/exim-daemon.pid
trusted_users = root
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtputf8_advertise_hosts = *
accept_8bitmime = true
# The message must arrive as it was sent.
return_path_remove = false
delivery_date_remove = false
envelope_to_remove = false
# All at once: no message waits for the next run of the queue.
smtp_accept_queue_per_connection = 0
smtp_accept_max = 0
bounce_return_size_limit = 2K
message_size_limit = 8M
acl_smtp_rcpt = check
acl_smtp_data = accept
acl_not_smtp = accept
begin acl
check:
  deny local_parts = ^nobody
    message = 5.1.1 no such user
  accept domains = example.org
  deny
begin routers
here:
  driver = accept
  domains = example.org
  transport = box
{routers}
begin transports
box:
  driver = appendfile
  directory = /mail
  maildir_format
  envelope_to_add
  user = {user}
  # They are there to be read by us alone.
  mode = 0600
{transports}
"""
ROUTER = """
relay:
  driver = manualroute
  route_list = * 127.0.0.1::{port} byname
  self = send
  transport = out
"""
TRANSPORT = """
out:
  driver = smtp
  hosts_avoid_tls = *
"""


class Exim:
    """One running Exim and its port, or, with daemon=False, just its root. relay: the port on
    this machine that takes mail for anybody elsewhere. more: lines at the top of the
    configuration, in place of those that are here."""

    def __init__(self, root, relay=None, daemon=True, more=""):
        self.root, self.boxes, self.read = root, {}, set()
        user = pwd.getpwnam(USER)
        for folder in ("etc/exim4", "dev", "tmp", "spool", "mail", "run", "log"):
            os.makedirs(f"{root}/{folder}")
        for folder in ("spool", "mail", "log"):
            os.chown(f"{root}/{folder}", user.pw_uid, user.pw_gid)
        os.chmod(root + "/tmp", 0o1777)
        # A plain file will do: it is read as empty, and what is written to it is small.
        self.write("dev/null", "")
        os.chmod(root + "/dev/null", 0o666)
        ids = f"{user.pw_uid}:{user.pw_gid}"
        self.write("etc/passwd", f"root:x:0:0:root:/:\n{USER}:x:{ids}::/:\nDebian-exim:x:{ids}::/:\n")
        self.write("etc/group", f"root:x:0:\n{USER}:x:{user.pw_gid}:\nDebian-exim:x:{user.pw_gid}:\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/services", "smtp 25/tcp\n")
        text = CONFIGURATION.format(
            user=USER, routers=ROUTER.format(port=relay) if relay else "", transports=TRANSPORT if relay else "")
        for name in re.findall(r"(?m)^(\w+) =", more):
            text = re.sub(rf"(?m)^{name} =.*\n", "", text, count=1)
        self.write("etc/exim4/exim4.conf", more + text)
        copy_programs(root, ["usr/sbin/exim4"])
        self.process = None
        if daemon:
            self.process, self.port = start_on_free_port(self.start)

    def write(self, name, text):
        with open(f"{self.root}/{name}", "w") as f:
            f.write(text)

    def command(self, *words):
        return ["chroot", self.root, "/usr/sbin/exim4", *words]

    def start(self, port):
        return Process(self.command("-bdf", "-oX", f"127.0.0.1.{port}"), self.root + "/out")

    def stop(self):
        if self.process is not None:
            self.process.stop()

    def accepted(self):
        """How many messages it has taken, for whomever."""
        return len(re.findall(" <= ", self.log()))

    def log(self):
        path = self.root + "/log/main"
        return read_file(path).decode(errors="replace") if os.path.exists(path) else ""

    def collect(self):
        """Reads what came in since the last time into self.boxes, by recipient, less what Exim
        put on top."""
        folder = self.root + "/mail/new"
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name not in self.read:
                self.read.add(name)
                content = read_file(f"{folder}/{name}")
                box = re.match(rb"Envelope-to: (.*)@", content).group(1).decode()
                self.boxes.setdefault(box, []).append(strip_trace(content, ADDED))

    def arrived(self, box, count):
        """The messages of a mailbox, once there are count."""
        def enough():
            self.collect()
            return len(self.boxes.get(box, [])) >= count

        try:
            wait_for(f"{count} messages in {box}", enough, alive=self.process)
        except TimeoutError as e:
            raise AssertionError(f"{e}; Exim's log ends\n{self.log()[-3000:]}") from None
        return self.boxes[box]


def kept(content):
    """What Exim keeps: a header that ends at the end, or at a line that is no field, gets the
    blank line that is missing."""
    lines = corpus.stored(content).split(b"\n")
    at = 0
    while lines[at] and (corpus.HEADER_FIELD.match(lines[at]) or at and lines[at][:1] in (b" ", b"\t")):
        at += 1
    if at > 0 and (lines[at] or at == len(lines) - 1):
        lines.insert(at, b"")
    return b"\n".join(lines)


WAYS = {
    "chunking": [],
    "chunking-slowly": ["--without", "PIPELINING"],
    "data": ["--without", "CHUNKING"],
    "data-slowly": ["--without", "PIPELINING,CHUNKING"],
}
# Exim takes 0.2 s to say goodbye.
SOME = WAYS if LONG else {way: WAYS[way] for way in ("chunking", "data")}


class EximTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        need_root("Exim")
        super().setUpClass()
        cls.exim = cls.keep(Exim(cls.scratch + "/exim"))
        cls.server = f"smtp://127.0.0.1:{cls.exim.port}"
        cls.mail = corpus.samples() + corpus.edges() + corpus.long_lines()
        cls.files = corpus.write_all(cls.scratch + "/mail", cls.mail)

    def test_samples(self):
        """Every sample in one session; byte for byte in the mailbox."""
        for way, options in SOME.items():
            with self.subTest(way):
                result = self.envoi(self.server, *options, *self.files, to=[f"{way}@example.org"])
                self.expect(result, 0, "delivered", "221", messages=len(self.files))
                expected = [kept(content) for _, content in self.mail]
                self.assert_same_mail(expected, self.exim.arrived(way, len(expected)))

    def test_mbox_in_one_session(self):
        mail = self.mail * (10 if LONG else 1)
        path = write_file(self.scratch + "/all.mbox", corpus.mbox(mail))
        result = self.envoi(self.server, "--mbox", path, to=["mbox@example.org"])
        self.assertGreater(len(mail), 50)
        self.expect(result, 0, "delivered", "221", messages=len(mail))
        self.assertEqual(result.sessions[0]["messages"], len(mail), str(result))
        self.assert_same_mail([kept(c) for _, c in mail], self.exim.arrived("mbox", len(mail)))

    def test_big_message(self):
        name, content = corpus.big(6)
        paths = corpus.write_all(self.scratch, [(name, content)])
        for way, options in SOME.items():
            with self.subTest(way):
                result = self.envoi(self.server, *options, *paths, to=[f"big-{way}@example.org"])
                self.expect(result, 0, "delivered", "221")
                self.assert_same_mail([kept(content)], self.exim.arrived(f"big-{way}", 1))

    def test_recipients_refused(self):
        """One of two, and all of them with more messages behind."""
        for way, options in SOME.items():
            with self.subTest(way):
                result = self.envoi(
                    self.server, *options, self.files[0], to=["nobody@example.org", f"partial-{way}@example.org"])
                self.expect(result, 67, {"delivered", "rejected"}, "221", messages=1)
                self.assertEqual(result.outcomes(), ["rejected", "delivered"], str(result))
                self.assert_same_mail([kept(self.mail[0][1])], self.exim.arrived(f"partial-{way}", 1))
                result = self.envoi(
                    self.server, *options, *self.files[:3], to=["nobody@example.org", "x@example.net"])
                self.expect(result, 67, "rejected", "221", messages=3)

    def test_addresses_outside_of_ascii(self):
        text = b"Subject: letters\n\nhello\n"
        for box, recipient in (("müller", "müller@example.org"), ("ascii", "ascii@example.org")):
            with self.subTest(recipient):
                result = self.envoi(self.server, sender="älice@example.org", to=[recipient], stdin=text)
                self.expect(result, 0, "delivered", "221", messages=1)
                self.assert_same_mail([kept(text)], self.exim.arrived(box, 1))

    def test_over_the_size_limit(self):
        path = corpus.write_all(self.scratch, [("huge.eml", corpus.big(9)[1])])
        # Exim takes what is left of a chunk that is too big for commands.
        for way, options in {"announced": [], "unannounced": ["--without", "SIZE,CHUNKING"]}.items():
            with self.subTest(way):
                result = self.envoi(
                    self.server, *options, *path, self.files[0], to=[f"size-{way}@example.org"])
                self.assertEqual(result.status, 69, str(result))
                self.assertEqual([m["outcome"] for m in result.messages], ["rejected", "delivered"], str(result))
                self.assertEqual(len(self.exim.arrived(f"size-{way}", 1)), 1)
