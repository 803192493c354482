"""Postfix's smtpd, with a configuration, a queue and a mailbox folder of its own.

The programs run from where the packages were unpacked. Postfix wants to be started by root
and to change to two other users; `news` and `uucp` are on every Debian machine and are not
used for anything there. Mail for box*@example.org goes into one Maildir.
"""

import os
import pwd
import re

import corpus
from sink_callers import Sink
from support import (
    LONG, PACKAGES, PeerCase, Process, certificate, need_root, package_file, read_file,
    free_port, start_on_free_port, strip_trace, wait_for,
)

OWNER, GROUP = "news", "uucp"
ADDED = ("Return-Path", "X-Original-To", "Delivered-To", "Received")

MAIN = """
compatibility_level = 3.6
command_directory = {packages}/usr/sbin
daemon_directory = {packages}/usr/lib/postfix/sbin
shlib_directory = {packages}/usr/lib/postfix
meta_directory = {packages}/etc/postfix
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
mail_owner = {owner}
setgid_group = {group}
myhostname = mx.example.org
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
virtual_mailbox_domains = example.org xn--bcher-kva.example bücher.example
smtputf8_enable = yes
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
message_size_limit = 8000000
# Mail for sink.example goes on to an envoi sink, with TLS.
relay_domains = sink.example
transport_maps = inline:{{ sink.example=smtp:[127.0.0.1]:{sink_port} }}
smtp_tls_security_level = encrypt
# The message must arrive as it was sent.
local_header_rewrite_clients =
message_drop_headers =
disable_mime_input_processing = yes
# What some tests run into.
smtpd_recipient_limit = 5
smtpd_recipient_overshoot_limit = 1000
smtpd_sender_restrictions = check_sender_access
  inline:{{ {{ refused@example.org=REJECT }} {{ later@example.org=DEFER }} }}
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ box-later@example.org=DEFER }} }}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{bare_port} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=pipelining,chunking,size,8bitmime,starttls
127.0.0.1:{strict_port} inet n - n - - smtpd -o smtpd_soft_error_limit=100 -o smtpd_hard_error_limit=3
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
virtual unix - n n - - virtual
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One running Postfix: port, tls_port (TLS from the start), bare_port (no extensions) and
    strict_port (421 after a few errors). more: lines of main.cf, in place of those that are
    here."""

    def __init__(self, folder, cert, key, sink_port, more=""):
        self.folder, self.boxes, self.read = folder, {}, set()
        self.master = package_file("usr/lib/postfix/sbin/master")
        owner, group = pwd.getpwnam(OWNER), pwd.getpwnam(GROUP)
        os.makedirs(folder)
        self.make("data", owner.pw_uid, 0, 0o700)
        self.make("mail", owner.pw_uid, owner.pw_gid, 0o755)
        self.make("queue", 0, 0, 0o755)
        self.make("queue/pid", 0, 0, 0o755)
        for name in "active bounce corrupt defer deferred flush hold incoming private saved trace".split():
            self.make("queue/" + name, owner.pw_uid, 0, 0o700)
        self.make("queue/maildrop", owner.pw_uid, group.pw_gid, 0o730)
        self.make("queue/public", owner.pw_uid, group.pw_gid, 0o710)
        self.make("conf", 0, 0, 0o755)
        self.write("boxes", "/^box[^@]*@(example\\.org|xn--bcher-kva\\.example|bücher\\.example)$/ all/\n")
        main = MAIN.format(
            packages=PACKAGES, folder=folder, owner=OWNER, group=GROUP, uid=owner.pw_uid,
            cert=cert, key=key, sink_port=sink_port)
        for name in re.findall(r"(?m)^(\w+) =", more):
            # Its programs complain of what is there twice, and the log's writer to itself.
            main = re.sub(rf"(?m)^{name} =.*\n(?:[ \t].*\n)*", "", main)
        self.write("conf/main.cf", main + more)
        self.process, self.port = start_on_free_port(self.start)
        wait_for("submissions port", lambda: re.search("daemon started", self.log()))

    def make(self, name, uid, gid, mode):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        os.chown(path, uid, gid)
        os.chmod(path, mode)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)

    def start(self, port):
        self.tls_port, self.bare_port, self.strict_port = free_port(), free_port(), free_port()
        self.write("conf/master.cf", MASTER.format(
            port=port, tls_port=self.tls_port, bare_port=self.bare_port, strict_port=self.strict_port))
        libraries = f"{PACKAGES}/usr/lib/postfix:{PACKAGES}/usr/lib/x86_64-linux-gnu"
        return Process(
            [self.master, "-c", self.folder + "/conf", "-d"], self.folder + "/out",
            env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": libraries},
        )

    def log(self):
        try:
            return read_file(self.folder + "/log").decode(errors="replace")
        except FileNotFoundError:
            return ""

    def accepted(self):
        """How many messages its smtpd has taken or begun to take, for whomever."""
        return len(re.findall(r"/smtpd\[\d+\]: [0-9A-F]+: client=", self.log()))

    def stop(self):
        self.process.stop()

    def collect(self):
        """Reads what came in since the last time into self.boxes, by recipient, less what
        Postfix put on top."""
        folder = self.folder + "/mail/all/new"
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name not in self.read:
                self.read.add(name)
                content = read_file(f"{folder}/{name}")
                box = re.search(rb"^Delivered-To: (.*)@", content, re.M).group(1).decode()
                self.boxes.setdefault(box, []).append(strip_trace(content, ADDED))

    def arrived(self, box, count):
        """The messages of a mailbox, once there are count."""
        def enough():
            self.collect()
            return len(self.boxes.get(box, [])) >= count

        try:
            wait_for(f"{count} messages in {box}", enough, alive=self.process)
        except TimeoutError as e:
            raise AssertionError(f"{e}; Postfix's log ends\n{self.log()[-3000:]}") from None
        return self.boxes[box]

    def is_empty(self, box):
        """True when nothing for it was delivered, nor waits in the queue."""
        self.collect()
        return box not in self.boxes and not re.search(f"to=<{box}@.* status=", self.log())


def kept(content):
    """What Postfix keeps: where a header ends in a line that is none, it adds the blank line
    that is missing."""
    lines = corpus.stored(content).split(b"\n")
    for at, line in enumerate(lines):
        if not corpus.HEADER_FIELD.match(line) and line[:1] not in (b" ", b"\t"):
            if line and at > 0:
                lines.insert(at, b"")
            break
    return b"\n".join(lines)


WAYS = {
    "chunking": [],
    "chunking-slowly": ["--without", "PIPELINING"],
    "data": ["--without", "CHUNKING"],
    "data-slowly": ["--without", "PIPELINING,CHUNKING"],
}


class PostfixTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        need_root("Postfix")
        super().setUpClass()
        cls.cert, key = certificate(cls.scratch)
        cls.sink = cls.keep(Sink(cls.scratch + "/sink"))
        cls.postfix = cls.keep(Postfix(cls.scratch + "/postfix", cls.cert, key, cls.sink.port))
        cls.server = f"smtp://127.0.0.1:{cls.postfix.port}"
        cls.mail = corpus.samples() + corpus.edges() + corpus.long_lines()
        cls.files = corpus.write_all(cls.scratch + "/mail", cls.mail)

    def send_all(self, box, *arguments, server=None):
        """Every sample in one session; byte for byte in the mailbox."""
        result = self.envoi(server or self.server, *arguments, *self.files, to=[f"{box}@example.org"])
        self.expect(result, 0, "delivered", "221", messages=len(self.files))
        expected = [kept(content) for _, content in self.mail]
        self.assert_same_mail(expected, self.postfix.arrived(box, len(expected)))
        return result

    def test_samples(self):
        for way, options in WAYS.items():
            with self.subTest(way):
                self.send_all(f"box-{way}", *options)

    def test_samples_over_starttls(self):
        result = self.send_all("box-starttls", "--tls", "starttls", "--tls-ca", self.cert)
        self.assertTrue(result.sessions[0]["tls"]["verified"], str(result))

    def test_samples_over_implicit_tls(self):
        server = f"smtps://127.0.0.1:{self.postfix.tls_port}"
        result = self.send_all("box-tls", "--tls-ca", self.cert, server=server)
        self.assertEqual(result.sessions[0]["tls"]["version"], "TLSv1.3", str(result))

    def test_mbox_in_one_session(self):
        mail = self.mail * (10 if LONG else 2)
        path = self.scratch + "/all.mbox"
        with open(path, "wb") as f:
            f.write(corpus.mbox(mail))
        result = self.envoi(self.server, "--mbox", path, to=["box-mbox@example.org"])
        self.assertGreater(len(mail), 50)
        self.expect(result, 0, "delivered", "221", messages=len(mail))
        self.assertEqual(result.sessions[0]["messages"], len(mail), str(result))
        self.assert_same_mail([kept(c) for _, c in mail], self.postfix.arrived("box-mbox", len(mail)))

    def test_stdin(self):
        text = b"Subject: stdin\n\n.from a pipe\n"
        result = self.envoi(self.server, to=["box-stdin@example.org"], stdin=text)
        self.expect(result, 0, "delivered", "221", messages=1)
        self.assert_same_mail([kept(text)], self.postfix.arrived("box-stdin", 1))

    def test_big_message(self):
        name, content = corpus.big(6)
        paths = corpus.write_all(self.scratch, [(name, content)])
        for way, options in {**WAYS, "tls": ["--tls", "starttls", "--tls-insecure"]}.items():
            with self.subTest(way):
                result = self.envoi(self.server, *options, *paths, to=[f"box-big-{way}@example.org"])
                self.expect(result, 0, "delivered", "221")
                self.assert_same_mail([kept(content)], self.postfix.arrived(f"box-big-{way}", 1))

    def test_two_boxes(self):
        result = self.envoi(self.server, self.files[0], to=["box-one@example.org", "box-two@example.org"])
        self.expect(result, 0, "delivered", "221", messages=1)
        for box in ("box-one", "box-two"):
            self.assert_same_mail([kept(self.mail[0][1])], self.postfix.arrived(box, 1))

    def test_one_recipient_refused(self):
        result = self.envoi(self.server, self.files[0], to=["nobody@example.org", "box-partial@example.org"])
        self.expect(result, 67, {"delivered", "rejected"}, "221", messages=1)
        self.assertEqual(result.messages[0]["outcome"], "partial", str(result))
        refused = result.messages[0]["recipients"][0]
        self.assertEqual((refused["outcome"], refused["code"], refused["enhanced"]), ("rejected", 550, "5.1.1"))
        self.assert_same_mail([kept(self.mail[0][1])], self.postfix.arrived("box-partial", 1))

    def test_every_recipient_refused(self):
        """With the body's framing already on its way, the next message must not suffer."""
        for way, options in WAYS.items():
            with self.subTest(way):
                result = self.envoi(
                    self.server, *options, *self.files[:3], to=["nobody@example.org", "x@example.net"])
                self.expect(result, 67, "rejected", "221", messages=3)

    def test_recipient_deferred(self):
        result = self.envoi(self.server, self.files[0], to=["box-later@example.org", "box-now@example.org"])
        self.expect(result, 75, {"delivered", "deferred"}, "221", messages=1)
        self.postfix.arrived("box-now", 1)

    def test_sender_refused(self):
        """Postfix speaks of the sender at RCPT, so it is the recipient that was refused."""
        for sender, status, outcome in (
            ("refused@example.org", 67, "rejected"), ("later@example.org", 75, "deferred"),
        ):
            with self.subTest(sender):
                result = self.envoi(self.server, self.files[0], sender=sender, to=["box-sender@example.org"])
                self.expect(result, status, outcome, "221")
                self.assertTrue(self.postfix.is_empty("box-sender"))

    def test_null_sender(self):
        result = self.envoi(self.server, self.files[0], sender="<>", to=["box-null@example.org"])
        self.expect(result, 0, "delivered", "221")
        self.assertEqual(result.messages[0]["from"], "", str(result))

    def test_addresses_outside_of_ascii(self):
        """A local part by SMTPUTF8, to a domain in either form; a domain alone as A-labels."""
        text = b"Subject: letters\n\nhello\n"
        for box, recipient in (
            ("box-müller", "box-müller@example.org"),
            ("box-grün", "box-gru\u0308n@BÜCHER.example"),
            ("box-用户", "box-用户@xn--bcher-kva.example"),
            ("box-ascii", "box-ascii@bücher.example"),
        ):
            with self.subTest(recipient):
                result = self.envoi(
                    self.server, sender="älice@example.org", to=[recipient], stdin=text)
                self.expect(result, 0, "delivered", "221", messages=1)
                self.assert_same_mail([kept(text)], self.postfix.arrived(box, 1))

    def test_notification(self):
        """Asked for by DSN, it comes, with the names we gave."""
        for sender, recipient, original in (
            ("box-told@example.org", "box-notify+x=y@example.org", "rfc822;box-notify+x=y@example.org"),
            ("box-berichtet-ü@example.org", "box-grüß+=@example.org", "box-grüß+=@example.org"),
        ):
            with self.subTest(recipient):
                result = self.envoi(
                    self.server, "--dsn-notify", "success,failure", "--dsn-ret", "hdrs", "--dsn-envid",
                    "job 7+1", self.files[0], sender=sender, to=[recipient])
                self.expect(result, 0, "delivered", "221", messages=1)
                told = self.postfix.arrived(sender.partition("@")[0], 1)[0].decode(errors="replace")
                self.assertIn("Original-Envelope-Id: job 7+1", told)
                self.assertRegex(told, f"Original-Recipient: .*{re.escape(original)}")
                self.assertIn("Action: delivered", told)

    def test_more_recipients_than_a_transaction_takes(self):
        """452 after the fifth: the others follow in further transactions."""
        for way, options in WAYS.items():
            with self.subTest(way):
                boxes = [f"box-many-{n}-{way}" for n in range(12)]
                result = self.envoi(
                    self.server, *options, self.files[0], to=[f"{box}@example.org" for box in boxes])
                self.expect(result, 0, "delivered", "221", messages=1)
                for box in boxes:
                    self.assertEqual(len(self.postfix.arrived(box, 1)), 1)

    def test_over_the_size_limit(self):
        path = corpus.write_all(self.scratch, [("huge.eml", corpus.big(9)[1])])
        result = self.envoi(self.server, *path, self.files[0], to=["box-size@example.org"])
        self.expect(result, 69, {"rejected", "delivered"}, "221", messages=2)
        self.assertEqual(result.messages[0]["outcome"], "rejected", str(result))
        self.assertIsNone(result.messages[0]["recipients"][0]["code"], str(result))
        self.assertEqual(len(self.postfix.arrived("box-size", 1)), 1)

    def test_over_the_size_limit_unannounced(self):
        """Without SIZE the server only says so after the whole body."""
        path = corpus.write_all(self.scratch, [("huge2.eml", corpus.big(9)[1])])
        result = self.envoi(self.server, "--without", "SIZE", *path, self.files[0], to=["box-size2@example.org"])
        self.assertEqual(result.status, 69, str(result))
        self.assertEqual([m["outcome"] for m in result.messages], ["rejected", "delivered"], str(result))
        self.assertEqual(len(self.postfix.arrived("box-size2", 1)), 1)

    def test_server_without_extensions(self):
        server = f"smtp://127.0.0.1:{self.postfix.bare_port}"
        result = self.envoi(server, *self.files[:5], to=["box-bare@example.org"])
        self.expect(result, 0, "delivered", "221", messages=5)
        self.assert_same_mail([kept(c) for _, c in self.mail[:5]], self.postfix.arrived("box-bare", 5))

    def test_starttls_missing(self):
        server = f"smtp://127.0.0.1:{self.postfix.bare_port}"
        result = self.envoi(server, "--tls", "starttls", self.files[0], to=["box-notls@example.org"])
        self.expect(result, 69, "untried")
        self.assertTrue(self.postfix.is_empty("box-notls"))

    def test_certificate_not_trusted(self):
        """An offer of TLS that cannot be trusted is no reason to go on in clear."""
        for when in ("starttls", "opportunistic"):
            result = self.envoi(self.server, "--tls", when, self.files[0], to=["box-untrusted@example.org"])
            self.expect(result, 69, "untried")
        self.assertTrue(self.postfix.is_empty("box-untrusted"))

    def test_nul_is_refused(self):
        path = corpus.write_all(self.scratch, [("nul.eml", b"Subject: nul\n\na\0b\n")])
        result = self.envoi(self.server, *path, self.files[0], to=["box-nul@example.org"])
        self.assertEqual(result.status, 65, str(result))
        self.assertEqual([m["outcome"] for m in result.messages], ["untried", "delivered"], str(result))
        self.assertEqual(len(self.postfix.arrived("box-nul", 1)), 1)


    def test_thrown_out_for_errors(self):
        """421 in the middle of a transaction: the rest on a new connection, so that everyone has an
        outcome, and the one that can be delivered gets its message once."""
        for way, options in WAYS.items():
            with self.subTest(way):
                box = f"box-strict-{way}"
                nobody = [f"nobody{n}@example.org" for n in range(4)]
                result = self.envoi(
                    f"smtp://127.0.0.1:{self.postfix.strict_port}", *options, self.files[0],
                    to=[*nobody, f"{box}@example.org"])
                self.expect(result, 67, {"rejected", "delivered"}, "221", messages=1, sessions=None)
                self.assertEqual(result.outcomes(), ["rejected"] * 4 + ["delivered"], str(result))
                self.assertIn("421", result.closes(), str(result))
                self.assert_same_mail([kept(self.mail[0][1])], self.postfix.arrived(box, 1))

    def test_postfix_calls_the_sink(self):
        """All the way: envoi to Postfix, Postfix's queue to envoi's sink. Postfix breaks
        lines over 998 octets, so those stay behind."""
        mail = corpus.samples() + corpus.edges()
        files = corpus.write_all(self.scratch + "/relay", mail)
        result = self.envoi(self.server, *files, to=["b@sink.example"])
        self.expect(result, 0, "delivered", "221", messages=len(mail))
        try:
            wait_for("relayed messages", lambda: len(self.sink.arrived()) >= len(mail))
        except TimeoutError as e:
            raise AssertionError(f"{e}; Postfix's log ends\n{self.postfix.log()[-3000:]}") from None
        arrived = [strip_trace(content, ["Received"]) for content in self.sink.arrived()]
        self.assert_same_mail([kept(content).replace(b"\n", b"\r\n") for _, content in mail], arrived)
