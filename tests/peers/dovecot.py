"""Dovecot's LMTP server, over TCP and over its unix socket.

Every recipient at example.org has a Maildir, save those named nobody*.
"""

import os

import corpus
from dovecot_root import USER, DovecotRoot
from support import LONG, PeerCase, answers, need_root, read_file, strip_trace, wait_for

ADDED = ("Return-Path", "Delivered-To", "Received")

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


class Dovecot(DovecotRoot):
    """One running Dovecot: port, and the path of its socket."""

    PROGRAMS = ["lmtp"]

    def __init__(self, root):
        super().__init__(root)
        self.socket = f"{root}/run/dovecot/lmtp"
        wait_for("LMTP socket", lambda: answers(self.socket), alive=self.process)

    def prepare(self):
        self.write("etc/dovecot/users", "".join(f"{box}::{USER}:{USER}::/mail/{box}\n" for box in BOXES))

    def configuration(self, port):
        return CONFIGURATION.format(port=port)

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
