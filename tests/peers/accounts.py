"""A msmtprc with three accounts, given to msmtp and to envoi as it is: both deliver the same
messages to the same mailboxes, and log the same. What `envoi config explain` says is held
against the lines of the file, `envoi config check --connect` against the same servers.

The accounts: Dovecot's submission service over STARTTLS, Postfix with Dovecot's SASL over TLS
from the start, and a relay on this machine that asks for no login.
"""

import glob
import hashlib
import json
import os
import re
import ssl
import subprocess

import support
from auth_cases import PASSWORDS, trace_of
from auth_dovecot import Submission
from auth_postfix import MORE, Passwords
from postfix import Postfix
from sink_callers import Sink
from support import PeerCase, certificate, need_root, read_file, wait_for, write_file

CONFIGURATION = """\
# Three ways out.
defaults
logfile ~/log
timeout 30
domain client.example.org

# Dovecot, STARTTLS; the password from a command, SCRAM.
account work
host localhost
port {submission}
from joe@work.example
tls on
tls_trust_file {trusted}
auth scram-sha-256
user simple
passwordeval printf '%s\\n' {simple}

# Postfix, TLS from the start, one certificate and no other; the password
# stands here, with the blanks around it.
account club : work
port {submissions}
from *@club.example
tls_starttls off
tls_trust_file
tls_fingerprint {fingerprint}
auth plain
user spaces
passwordeval
password "{spaces}"

# Nobody asks here.
account relay
host 127.0.0.1
port {relay}
from root@*
tls off
auth off

account default : relay
from joe@default.example
"""

# Arguments both understand, the account they lead to, and the sender.
CHOICES = [
    (["-a", "work"], "work", "joe@work.example"),
    (["-a", "club", "-f", "jane@club.example"], "club", "jane@club.example"),
    (["-a", "relay", "-f", "x@other.example"], "relay", "x@other.example"),
    (["-f", "joe@work.example"], "work", "joe@work.example"),
    (["-f", "Joe+list@Work.example"], "work", "Joe+list@Work.example"),
    (["-f", "anybody@club.example"], "club", "anybody@club.example"),
    (["-f", "root@host.example"], "relay", "root@host.example"),
    (["-f", "stranger@elsewhere.example"], "default", "stranger@elsewhere.example"),
    ([], "default", "joe@default.example"),
]

BOX = "box-accounts@example.org"

# Which keyword a row of explain comes from, where it has another name.
ROWS = {
    "account": {"account", "from"},
    "server": {"host"},
    "TLS": {"tls"},
    "certificate": {"tls_trust_file", "tls_fingerprint"},
    "authentication": {"auth"},
    "password": {"password", "passwordeval"},
    "sender": {"from"},
}


class AccountsTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        need_root("Dovecot")
        super().setUpClass()
        cls.msmtp = support.package_file("usr/bin/msmtp")
        os.chmod(cls.scratch, 0o755)
        cls.cert, key = certificate(cls.scratch)
        cls.other, other_key = certificate(cls.scratch, "mx.example.org")
        cls.sink = cls.keep(Sink(cls.scratch + "/relayed", envelope=True))
        cls.relay = cls.keep(Sink(cls.scratch + "/relay", envelope=True))
        cls.dovecot = cls.keep(Submission(cls.scratch + "/d", cls.cert, key, cls.sink.port, 1))
        cls.passwords = cls.keep(Passwords(cls.scratch + "/s"))
        cls.postfix = cls.keep(Postfix(
            cls.scratch + "/p", cls.other, other_key, 1, MORE.format(socket=cls.passwords.socket)))
        cls.home = cls.scratch + "/home"
        os.mkdir(cls.home, 0o700)
        cls.environment = {
            "PATH": os.environ["PATH"], "HOME": cls.home, "LANG": "C",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=1"),
            "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")}
        cls.libraries = {"LD_LIBRARY_PATH": ":".join(glob.glob(support.PACKAGES + "/usr/lib/*-linux-gnu"))}

    def setUp(self):
        self.text = self.configuration()
        self.write(self.text)

    def configuration(self, **other):
        values = {
            "submission": self.dovecot.port, "submissions": self.postfix.tls_port,
            "relay": self.relay.port, "trusted": self.cert, "fingerprint": self.fingerprint(self.other),
            "simple": PASSWORDS["simple"].decode(), "spaces": PASSWORDS["spaces"].decode()}
        return CONFIGURATION.format(**{**values, **other})

    @staticmethod
    def fingerprint(cert):
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(read_file(cert).decode())).hexdigest().upper()
        return ":".join(re.findall("..", digest))

    def write(self, text):
        os.chmod(write_file(self.home + "/.msmtprc", text.encode()), 0o600)

    def run_program(self, argv, libraries=None, **options):
        result = subprocess.run(
            argv, env=self.environment | (libraries or {}), capture_output=True, check=False,
            timeout=support.RUN_BOUND, cwd=self.scratch, **options)
        self.assertNotRegex(result.stderr, b"runtime error|Sanitizer")
        if "msmtp" not in argv[0]:
            for name in ("simple", "spaces"):
                if b"passwordeval" not in result.stdout:  # which names its command
                    part = trace_of(PASSWORDS[name], result.stdout + result.stderr)
                    self.assertIsNone(part, f"{argv}: a part of a password was told: {part!r}")
        return result

    def deliver(self, argv, message, libraries=None):
        """Has it sent; returns (envelope and content as arrived, line of the log)."""
        before = self.arrived()
        log = self.home + "/log"
        if os.path.exists(log):
            os.remove(log)
        result = self.run_program(argv, libraries, input=message)
        self.assertEqual(result.returncode, 0, f"{argv}\n{result.stdout}\n{result.stderr}")
        wait_for("message", lambda: len(self.arrived()) > len(before))
        new = [entry for entry in self.arrived() if entry not in before]
        self.assertEqual(len(new), 1, argv)
        lines = read_file(log).decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        return new[0][1:], lines[0]

    def arrived(self):
        """All that got anywhere: (file, where, sender, recipient, content)."""
        folders = {
            "work": self.sink.folder + "/mail/new", "relay": self.relay.folder + "/mail/new",
            "club": self.postfix.folder + "/mail/all/new"}
        found = []
        for where, folder in folders.items():
            for path in glob.glob(folder + "/*"):
                content = read_file(path).replace(b"\r\n", b"\n")
                sender = re.search(rb"^Return-Path: <?(.*?)>?$", content, re.M).group(1)
                box = re.search(rb"^Delivered-To: <?(.*?)>?$", content, re.M).group(1)
                content = support.strip_trace(
                    content, ("Return-Path", "X-Original-To", "Delivered-To", "Received"))
                content = re.sub(rb"\AReceived: .*\n([ \t].*\n)*", b"", content)
                found.append((path, where, sender, box, content))
        return found

    @staticmethod
    def facts(line):
        return dict(re.findall(r"([a-z]+)=('[^']*'|\S*)", line))

    def test_both_deliver_the_same(self):
        for number, (arguments, account, sender) in enumerate(CHOICES):
            with self.subTest(arguments):
                message = (
                    f"From: Joe <joe@example.org>\nTo: {BOX}\nSubject: number {number}\n"
                    "Date: Tue, 12 May 2026 18:04:11 +0200\nMessage-ID: <1@example.org>\n"
                    "\n.one dot\n..two\nthe end\n").encode()
                theirs, their_log = self.deliver(
                    [self.msmtp, *arguments, BOX], message, self.libraries)
                ours, our_log = self.deliver(
                    [support.BINARY, "send", "-q", *arguments, "--to", BOX], message)
                self.assertEqual(theirs, ours)
                self.assertEqual(ours[0], "relay" if account == "default" else account)
                self.assertEqual(ours[1], sender.encode())
                self.assertEqual(ours[3], message)
                self.compare_logs(their_log, our_log, account, message.count(b"\n"))

    def compare_logs(self, theirs, ours, account, lines):
        """Every key of msmtp's, with its value. The queue ids differ; msmtp counts a line end as
        one octet, envoi the two that are sent."""
        where = f"{theirs}\n{ours}"
        wanted, got = self.facts(theirs), self.facts(ours)
        self.assertGreater(len(wanted), 7, where)
        self.assertEqual(got["account"], account, where)
        for key, value in wanted.items():
            if key == "smtpmsg":
                value, mine = (re.sub(r"(\d+ bytes )?(queued as|message) .*", "", v) for v in (value, got[key]))
                self.assertEqual(value, mine, where)
            elif key == "mailsize":
                self.assertEqual(int(got[key]), int(value) + lines, where)
            else:
                self.assertEqual(got.get(key), value, f"{key}: {where}")
        time = r"^\w{3} \d\d \d\d:\d\d:\d\d "
        self.assertRegex(theirs, time)
        self.assertRegex(ours, time)

    # -- explain

    def explain(self, *arguments):
        result = self.run_program([support.BINARY, "config", "explain", *arguments])
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def test_every_origin_is_right(self):
        """Each line that is named holds the keyword, and the value."""
        lines = self.text.splitlines()
        for arguments, account, sender in CHOICES:
            with self.subTest(arguments):
                text = self.explain(*arguments)
                self.assertRegex(text, rf"(?m)^account +{account} ")
                self.assertRegex(text, rf"(?m)^sender +<{re.escape(sender)}>")
                head, _, settings = text.partition("\nSettings:\n")
                for row in head.splitlines()[1:]:
                    self.check_row(row, lines, ROWS)
                seen = set()
                for row in settings.splitlines():
                    seen.add(self.check_row(row, lines, {}))
                self.assertEqual(seen, self.lines_of(account, lines), text)

    def check_row(self, row, lines, names):
        """Returns the number of the line the row names, or None."""
        keyword = row[:24].strip()
        found = re.search(rf"{re.escape(self.home)}/\.msmtprc:(\d+)(?: \((?:account )?\w+\))?$", row)
        if not found:
            self.assertRegex(row, "(default|--from|the login)$")
            return None
        word, _, argument = lines[int(found.group(1)) - 1].partition(" ")
        self.assertIn(word, names.get(keyword, {keyword}), row)
        if keyword not in ROWS:
            value = row[24:found.start()].rstrip()
            argument = argument.strip() or '""'
            self.assertEqual(value, argument.replace("~", self.home).replace("\\", "\\\\"), row)
        return int(found.group(1))

    @staticmethod
    def lines_of(account, lines):
        """The numbers of the lines that count for an account: the last one for each keyword, of
        the defaults, its parents and itself."""
        sections, current = {"defaults": {}}, None
        for number, line in enumerate(lines, 1):
            word, _, argument = line.partition(" ")
            if word == "defaults":
                current = sections["defaults"]
            elif word == "account":
                name, _, parent = argument.partition(" : ")
                current = sections[name] = dict(sections.get(parent, {}))
            elif word and not word.startswith("#"):
                current[word] = number
        return set({**sections["defaults"], **sections[account]}.values())

    # -- check

    def check(self, *arguments):
        result = self.run_program([support.BINARY, "config", "check", "--connect", *arguments])
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def test_check(self):
        status, out, err = self.check()
        self.assertEqual((status, err), (0, ""), out)
        self.assertRegex(out, r"(?m)^account work: localhost:\d+: ok, TLSv1\.3, SCRAM-SHA-256$")
        self.assertRegex(out, r"(?m)^account club: localhost:\d+: ok, TLSv1\.3, PLAIN$")
        self.assertRegex(out, r"(?m)^account relay: 127\.0\.0\.1:\d+: ok, no TLS, no login$")

    def test_check_finds_what_is_wrong(self):
        free = support.free_port()
        for name, other, status, words in [
                ("work", {"simple": "wrong-wrong-wrong"}, 77, "535 5.7.8"),
                ("club", {"spaces": "wrong-wrong-wrong"}, 77, "535 5.7.8"),
                ("work", {"trusted": self.other}, 69, "certificate"),
                ("club", {"fingerprint": self.fingerprint(self.cert)}, 69, "pin"),
                ("work", {"submission": free}, 75, "connection refused"),
                ("relay", {"relay": free}, 75, "connection refused"),
                ("club", {"submissions": self.dovecot.port}, 69, "TLS")]:
            with self.subTest(name, other=other):
                self.write(self.configuration(**other))
                got, out, err = self.check("-a", name)
                self.assertRegex(out, rf"(?m)^account {name}: \S+: failed$")
                self.assertIn(words, err)
                self.assertEqual(got, status, err)
                self.assertNotIn("wrong-wrong", out + err)
                # What it says is what sending says.
                sent = self.run_program(
                    [support.BINARY, "send", "--report", "json", "-a", name, "-f", "x@example.org", "--to", BOX],
                    input=b"Subject: x\n\nx\n")
                self.assertEqual(sent.returncode, got, sent.stderr)
                outcomes = [json.loads(line).get("outcome") for line in sent.stdout.splitlines()]
                self.assertNotIn("delivered", outcomes)
