"""Postfix's smtp-sink, a server that misbehaves on request.

Each case starts one with the flags that make it refuse, stall or hang up at one command, and
looks at the exit status, the outcome of every recipient and how the session closed. It knows
PIPELINING and no CHUNKING; -f and -r turn PIPELINING off.
"""

import glob
import os

import corpus
from support import (
    PACKAGES, PeerCase, Process, answers, package_file, read_file, start_on_free_port, wait_for,
)

# flags, exit status, outcome, close. Where a session is tried again, the last close counts.
SINGLE = {
    "no-pipelining": ("-p", 0, "delivered", "221"),
    "no-dsn-xforward-xclient-sasl": ("-N -F -C -a", 0, "delivered", "221"),
    "no-enhanced-codes": ("-E", 0, "delivered", "221"),
    "no-esmtp": ("-e", 0, "delivered", "221"),
    "pix": ("-P", 0, "delivered", "221"),
    "slow-data": ("-w 1", 0, "delivered", "221"),
    "greeting-5xx": ("-f connect", 69, "rejected", "221"),
    "greeting-4xx": ("-r connect", 75, "deferred", "221"),
    "greeting-421": ("-Q connect", 75, "deferred", "421"),
    "greeting-none": ("-q connect", 75, "untried", "eof"),
    "ehlo-5xx": ("-f ehlo", 0, "delivered", "221"),
    "ehlo-4xx": ("-r ehlo", 0, "delivered", "221"),
    "ehlo-421": ("-Q ehlo", 75, "deferred", "421"),
    "ehlo-gone": ("-q ehlo", 75, "untried", "eof"),
    "hello-5xx": ("-f ehlo,helo", 69, "rejected", "221"),
    "hello-4xx": ("-r ehlo,helo", 75, "deferred", "221"),
    "mail-5xx": ("-f mail", 69, "rejected", "221"),
    "mail-4xx": ("-r mail", 75, "deferred", "221"),
    "mail-421": ("-Q mail", 75, "deferred", "421"),
    "mail-gone": ("-q mail", 75, "deferred", "eof"),
    "rcpt-5xx": ("-f rcpt", 67, "rejected", "221"),
    "rcpt-4xx": ("-r rcpt", 75, "deferred", "221"),
    "rcpt-421": ("-Q rcpt", 75, "deferred", "421"),
    "rcpt-gone": ("-q rcpt", 75, "deferred", "eof"),
    "data-5xx": ("-f data", 69, "rejected", "221"),
    "data-4xx": ("-r data", 75, "deferred", "221"),
    "data-421": ("-Q data", 75, "deferred", "421"),
    "data-gone": ("-q data", 75, "deferred", "eof"),
    "dot-5xx": ("-f .", 69, "rejected", "221"),
    "dot-4xx": ("-r .", 75, "deferred", "221"),
    "dot-421": ("-Q .", 75, "deferred", "421"),
    "dot-gone": ("-q .", 76, "unknown", "eof"),
    "quit-5xx": ("-f quit", 0, "delivered", "500"),
    "quit-4xx": ("-r quit", 0, "delivered", "450"),
    "quit-421": ("-Q quit", 0, "delivered", "421"),
    "quit-gone": ("-q quit", 0, "delivered", "eof"),
}

# The same, with a time limit for the phase in which the server sleeps. Without PIPELINING:
# smtp-sink goes on with the commands behind the one whose reply it holds back.
SLOW = {
    "ehlo": ("ehlo:5", 75, "untried"),
    "mail": ("mail:5", 75, "deferred"),
    "rcpt": ("rcpt:5", 75, "deferred"),
    "data": ("data:5", 75, "deferred"),
    "dot": (".:5", 76, "unknown"),
    "quit": ("quit:5", 0, "delivered"),
}


class SmtpSink:
    def __init__(self, folder, flags):
        self.program = package_file("usr/sbin/smtp-sink")
        self.flags = list(flags)
        if os.geteuid() == 0:
            self.flags += ["-u", "nobody"]
        self.folder = folder

    def start(self, address):
        return Process(
            [self.program, *self.flags, address, "100"], self.folder + "/smtp-sink.out", cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": PACKAGES + "/usr/lib/postfix:"
                 + PACKAGES + "/usr/lib/x86_64-linux-gnu", "MAIL_CONFIG": self.folder},
        )

    def __enter__(self):
        self.process, self.port = start_on_free_port(lambda port: self.start(f"inet:127.0.0.1:{port}"))
        return self

    def __exit__(self, *_):
        self.process.stop()


class SmtpSinkTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        package_file("usr/sbin/smtp-sink")
        super().setUpClass()
        cls.mail = corpus.samples()
        cls.files = corpus.write_all(cls.scratch + "/mail", cls.mail)
        # smtp-sink reads a main.cf for no more than its log's name.
        with open(cls.scratch + "/main.cf", "w") as f:
            f.write("inet_protocols = ipv4\n")
        os.makedirs(cls.scratch + "/dump")
        os.chmod(cls.scratch + "/dump", 0o777)

    def run_case(self, flags, *arguments, scheme="smtp", to=("b@example.org",), files=1):
        with SmtpSink(self.scratch, flags) as sink:
            return self.envoi(f"{scheme}://127.0.0.1:{sink.port}", *arguments, *self.files[:files], to=to)

    def test_one_message(self):
        for name, (flags, status, outcome, close) in SINGLE.items():
            with self.subTest(name, flags=flags):
                result = self.run_case(flags.split())
                self.expect(result, status, outcome, close, messages=1, sessions=None)

    def test_three_messages_and_two_recipients(self):
        """The same faults with more in flight: every recipient has an outcome, the exit
        status stays, and nobody is called delivered who was not."""
        for name, (flags, status, outcome, close) in SINGLE.items():
            with self.subTest(name, flags=flags):
                result = self.run_case(flags.split(), files=3, to=["b@example.org", "c@example.org"])
                self.assertEqual(result.status, status, str(result))
                self.assertEqual(len(result.outcomes()), 6, str(result))
                if outcome == "delivered":
                    self.expect(result, status, outcome, close, messages=3)
                else:
                    self.assertNotIn("delivered", result.outcomes(), str(result))

    def test_time_limits(self):
        for phase, (delay, status, outcome) in SLOW.items():
            with self.subTest(phase):
                result = self.run_case(["-p", "-W", delay], "--timeout", f"{phase}=0.3")
                self.expect(result, status, outcome, "timeout", sessions=None)

    def test_early_refusal_of_the_body(self):
        """550 right behind the 354, and the server reads no more: no endless write."""
        path = corpus.write_all(self.scratch, [("big.eml", corpus.big(20)[1])])
        with SmtpSink(self.scratch, ["-A", "0"]) as sink:
            result = self.envoi(f"smtp://127.0.0.1:{sink.port}", *path)
        self.assertEqual(result.outcomes(), ["rejected"], str(result))
        self.assertEqual(result.status, 69, str(result))

    def test_small_window(self):
        """A server that lets the body trickle in."""
        path = corpus.write_all(self.scratch, [("big.eml", corpus.big(3)[1])])
        with SmtpSink(self.scratch, ["-H", "1", "-T", "2048"]) as sink:
            result = self.envoi(f"smtp://127.0.0.1:{sink.port}", *path)
        self.expect(result, 0, "delivered", "221")

    def test_eight_bits_refused(self):
        path = corpus.write_all(self.scratch, [("utf8.eml", b"Subject: x\n\n\xc3\xbc\n")])
        with SmtpSink(self.scratch, ["-8"]) as sink:
            result = self.envoi(f"smtp://127.0.0.1:{sink.port}", *path, self.files[0])
        self.assertEqual(result.status, 65, str(result))
        self.assertEqual([m["outcome"] for m in result.messages], ["untried", "delivered"], str(result))

    def test_lmtp(self):
        result = self.run_case(["-L"], scheme="lmtp", to=["b@example.org", "c@example.org"], files=3)
        self.expect(result, 0, "delivered", "221", messages=3)
        self.assertEqual(result.sessions[0]["hello"], "LHLO", str(result))

    def test_lmtp_refuses_the_body(self):
        result = self.run_case(["-L", "-f", "."], scheme="lmtp", to=["b@example.org", "c@example.org"])
        self.expect(result, 69, "rejected", "221", messages=1)

    def test_lmtp_over_a_unix_socket(self):
        """smtp-sink binds it as the user it becomes."""
        folder = self.scratch + "/socket"
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        path = folder + "/lmtp"
        process = SmtpSink(self.scratch, ["-L"]).start("unix:" + path)
        try:
            wait_for("socket", lambda: os.path.exists(path) and answers(path), alive=process)
            result = self.envoi("lmtp+unix:" + path, *self.files)
        finally:
            process.stop()
        self.expect(result, 0, "delivered", "221", messages=len(self.files))

    def test_wrong_protocol(self):
        self.expect(self.run_case(["-L"]), 69, close="221", sessions=None)
        self.expect(self.run_case([], scheme="lmtp"), 69, close="221", sessions=None)

    def test_dumped_content(self):
        """All samples in one session, as smtp-sink dumps them."""
        with SmtpSink(self.scratch, ["-d", "dump/%M."]) as sink:
            result = self.envoi(f"smtp://127.0.0.1:{sink.port}", *self.files)
            self.expect(result, 0, "delivered", "221", messages=len(self.files))
        dumps = [read_file(path) for path in glob.glob(self.scratch + "/dump/*")]
        # Its own lines end with the Received field's last, folded line, and with a blank one.
        arrived = [d.split(b"\n\t", 1)[1].split(b"\n", 2)[-1].removesuffix(b"\n") for d in dumps]
        self.assert_same_mail([corpus.stored(c) for _, c in self.mail], arrived)
