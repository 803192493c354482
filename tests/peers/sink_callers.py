"""envoi sink, called by other people's clients and by envoi send.

The callers are Python's smtplib and Postfix's smtp-source. What the sink stored, once for each
message, is compared with what they sent.
"""

import glob
import mailbox
import os
import re
import smtplib
import ssl
import subprocess

import corpus
from support import BINARY, PACKAGES, PeerCase, Process, package_file, read_file, strip_trace, wait_for

ADDED = ("Return-Path", "Delivered-To")


class Sink:
    """One running sink, storing into a Maildir octet for octet (or, with envelope, with that
    on top), or into an mbox."""

    def __init__(self, folder, *arguments, envelope=False):
        os.makedirs(folder)
        self.folder, self.cert = folder, folder + "/cert.pem"
        store = [] if "--mbox" in arguments else ["--maildir", folder + "/mail"]
        if store and not envelope:
            store.append("--raw")
        self.process = Process(
            [BINARY, "sink", "--listen", "127.0.0.1:0", "--cert-file", self.cert, *store, *arguments],
            folder + "/out")
        self.port = int(wait_for(
            "listening line", lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)\n", self.process.words()),
            alive=self.process).group(1))

    def stop(self):
        self.process.stop()

    def arrived(self):
        return [read_file(path) for path in glob.glob(self.folder + "/mail/new/*")]


class SinkCallersTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mail = corpus.samples() + corpus.edges() + corpus.long_lines()
        cls.files = corpus.write_all(cls.scratch + "/mail", cls.mail)
        cls.wire = [corpus.wire(content) for _, content in cls.mail]

    def start(self, *arguments):
        sink = Sink(f"{self.scratch}/{self.id().rpartition('.')[2]}", *arguments)
        self.addCleanup(sink.stop)
        return sink

    def smtplib_sends(self, client):
        """Every sample, through smtplib's own line ends and dots."""
        with client:
            client.ehlo_or_helo_if_needed()
            for content in self.wire:
                client.sendmail("a@example.org", ["b@example.org", "c@example.org"], content)

    def test_smtplib(self):
        sink = self.start()
        self.smtplib_sends(smtplib.SMTP("127.0.0.1", sink.port))
        self.assert_same_mail(self.wire, sink.arrived())

    def test_smtplib_over_starttls(self):
        sink = self.start()
        client = smtplib.SMTP("localhost", sink.port)
        client.starttls(context=ssl.create_default_context(cafile=sink.cert))
        self.smtplib_sends(client)
        self.assert_same_mail(self.wire, sink.arrived())

    def test_smtplib_over_implicit_tls(self):
        sink = self.start("--tls-implicit")
        context = ssl.create_default_context(cafile=sink.cert)
        self.smtplib_sends(smtplib.SMTP_SSL("localhost", sink.port, context=context))
        self.assert_same_mail(self.wire, sink.arrived())

    def test_smtplib_refused_for_size(self):
        sink = self.start("--size", "2000")
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            for content in self.wire:
                if len(content) > 2000:
                    with self.assertRaises(smtplib.SMTPException):
                        client.sendmail("a@example.org", ["b@example.org"], content)
                else:
                    client.sendmail("a@example.org", ["b@example.org"], content)
        self.assert_same_mail([c for c in self.wire if len(c) <= 2000], sink.arrived())

    def run_package(self, program, *arguments):
        program = package_file(program)
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=60, env={
                "PATH": os.environ["PATH"], "MAIL_CONFIG": self.scratch,
                "LD_LIBRARY_PATH": f"{PACKAGES}/usr/lib/postfix:{PACKAGES}/usr/lib/x86_64-linux-gnu"})
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_smtp_source(self):
        """Five sessions at a time, two recipients for each of 100 messages."""
        with open(self.scratch + "/main.cf", "w") as f:
            f.write("inet_protocols = ipv4\nmaillog_file = /dev/stdout\n")
        for way in ([], ["-L"]):
            with self.subTest(way):
                sink = Sink(f"{self.scratch}/source{len(way)}", *(["--lmtp"] if way else []))
                self.addCleanup(sink.stop)
                self.run_package(
                    "usr/sbin/smtp-source", *way, "-s", "5", "-m", "100", "-r", "2", "-l", "5000",
                    "-f", "a@example.org", "-t", "b@example.org", f"inet:127.0.0.1:{sink.port}")
                arrived = sink.arrived()
                self.assertEqual(len(arrived), 100)
                self.assertTrue(all(content.startswith(b"From: <a@example.org>\r\n") for content in arrived))

    def test_envoi(self):
        """Client and server of one house must agree as well as strangers do."""
        for way, options in {"chunking": [], "data": ["--without", "CHUNKING,PIPELINING"]}.items():
            with self.subTest(way):
                sink = Sink(f"{self.scratch}/own-{way}")
                self.addCleanup(sink.stop)
                result = self.envoi(
                    f"smtp://127.0.0.1:{sink.port}", *options, "--tls", "starttls", "--tls-ca", sink.cert,
                    "--tls-name", "localhost", *self.files)
                self.expect(result, 0, "delivered", "221", messages=len(self.files))
                self.assert_same_mail(self.wire, sink.arrived())

    def test_envoi_over_lmtp(self):
        sink = self.start("--lmtp")
        result = self.envoi(
            f"lmtp://127.0.0.1:{sink.port}", "--tls", "off", *self.files, to=["b@example.org", "c@example.org"])
        self.expect(result, 0, "delivered", "221", messages=len(self.files))
        self.assert_same_mail(self.wire, sink.arrived())

    def test_mbox_there_and_back(self):
        """What one sink stored as an mbox, envoi sends to another; and Python reads it too."""
        mail = self.mail + [("from.eml", b"Subject: From\n\nFrom here\n>From there\n>>From\n")]
        path = corpus.write_all(self.scratch, mail[-1:])
        first = self.scratch + "/first.mbox"
        one = self.start("--mbox", first)
        result = self.envoi(f"smtp://127.0.0.1:{one.port}", *self.files, *path)
        self.expect(result, 0, "delivered", "221", messages=len(mail))
        self.assertEqual(len(mailbox.mbox(first)), len(mail))
        two = Sink(self.scratch + "/two")
        self.addCleanup(two.stop)
        result = self.envoi(f"smtp://127.0.0.1:{two.port}", "--mbox", first)
        self.expect(result, 0, "delivered", "221", messages=len(mail))
        arrived = [strip_trace(content, ADDED) for content in two.arrived()]
        self.assert_same_mail([corpus.wire(content) for _, content in mail], arrived)
