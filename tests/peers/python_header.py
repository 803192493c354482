"""Repaired headers, read by Python's email package.

What envoi send hands over goes into a Maildir of envoi sink; email with policy.SMTP must read it
without a defect, and all that was not to be changed must be there octet for octet.
"""

import email
import email.header
import email.policy
import os
import re
import time

import corpus
from sink_callers import Sink
from support import PeerCase

REMOVED = {b"bcc", b"resent-bcc", b"return-path", b"content-length"}
ADDED = ("Date", "From", "To", "Message-ID")

# Headers as programs make them; bodies are all "text".
HEADERS = [
    b"",
    b"Subject: backup\n",
    b"To: root@example.org\nSubject: x\n",
    b"From: root@example.org (Cron Daemon)\nTo: root@example.org\nX-Cron-Env: <A=b>\n",
    b"To: a@example.org\nTo: b@example.org\n",
    b"To: a@example.org,\n b@example.org\nBcc: c@example.org,\n\td@example.org\nSubject: y\n",
    b"Bcc: c@example.org\n",
    b"Cc: team: a@example.org, \"b, c\" <b@example.org>;\n",
    b"Date: Mon, 23 Nov 2026 20:13:06 +0530\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n",
    b"Message-ID: <1@example.org>\r\nSubject: crlf\r\n",
    b"Return-Path: <x@example.org>\nContent-Length: 5\nTo: a@example.org\n",
    b"Subject: folded\n\tonce\n  and twice\nX-Odd:   blanks  \n",
]
NAMES = ["", "Ann Smith", "Full Name, Jr.", 'A "quoted" \\ name', "J\u00f6rg M\u00fcller",
         "\u65e5\u672c\u8a9e\u306e\u540d\u524d" * 6, "(comment) <x@y>", "a" * 120, "=?utf-8?q?x?="]


def split(octets):
    """The fields of a message with CRLF, whole, and its body: the header ends before a line that
    is no field."""
    found = []
    while octets:
        line, _, rest = octets.partition(b"\r\n")
        if line[:1] in (b" ", b"\t") and found:
            found[-1] += b"\r\n" + line
        elif re.match(rb"[!-9;-~]+[ \t]*:", line):
            found.append(line)
        else:
            return found, octets if line else rest
        octets = rest
    return found, b""


def fields(octets):
    return split(octets)[0]


def name_of(field):
    return field.split(b":", 1)[0].strip().lower()


class PythonHeaderTest(PeerCase):
    def arrive(self, *arguments, octets, zone="UTC"):
        """The one message that comes of it. The environment's TZ is the client's, too."""
        folder = f"{self.scratch}/{time.monotonic_ns()}"
        sink = Sink(folder)
        self.addCleanup(sink.stop)
        path = folder + ".eml"
        with open(path, "wb") as file:
            file.write(octets)
        before = os.environ.get("TZ")
        os.environ["TZ"] = zone
        try:
            result = self.envoi(
                f"smtp://127.0.0.1:{sink.port}", *arguments, path, repair=True)
        finally:
            os.environ.pop("TZ")
            if before is not None:
                os.environ["TZ"] = before
        self.expect(result, outcome="delivered", close="221", messages=1)
        arrived = sink.arrived()
        sink.stop()
        self.assertEqual(len(arrived), 1)
        return arrived[0]

    def read(self, octets):
        message = email.message_from_bytes(octets, policy=email.policy.SMTP)
        self.assertEqual(message.defects, [], octets)
        for name, value in message.items():
            self.assertEqual(value.defects, (), f"{name}: {value}")
        return message

    def test_headers_of_every_kind(self):
        for header in HEADERS:
            with self.subTest(header=header):
                octets = self.arrive(octets=header + b"\ntext\n")
                message = self.read(octets)
                for name in ("Date", "From", "Message-ID"):
                    self.assertEqual(len(message.get_all(name, [])), 1, octets)
                self.assertTrue(message["To"] is not None or message["Cc"] is not None)
                self.assertEqual(message.get_content(), "text\r\n")
                for name in REMOVED:
                    self.assertIsNone(message[name.decode()])
                given = [field for field in fields(corpus.wire(header + b"\ntext\n"))
                         if name_of(field) not in REMOVED]
                # What is added stands in front.
                self.assertEqual(fields(octets)[len(fields(octets)) - len(given):], given)
                self.assertLessEqual(len(fields(octets)) - len(given), len(ADDED))

    def test_full_names(self):
        for name in NAMES:
            with self.subTest(name=name):
                octets = self.arrive("-F", name, octets=b"To: b@example.org\n\ntext\n")
                sender = self.read(octets)["From"].addresses
                self.assertEqual(len(sender), 1)
                self.assertEqual(sender[0].addr_spec, "a@example.org")
                # Python 3.11 puts blanks between the encoded words of a phrase; the older
                # reader does not.
                value = email.message_from_bytes(octets, policy=email.policy.compat32)["From"]
                phrase = str(email.header.make_header(email.header.decode_header(value)))
                if "=?utf-8" in value.lower():
                    self.assertEqual(phrase, name + " <a@example.org>")
                else:
                    self.assertEqual(sender[0].display_name, name)
                self.assertTrue(octets.isascii())
                self.assertLessEqual(max(map(len, octets.split(b"\r\n"))), 130)

    def test_dates(self):
        for zone in ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati",
                     "<+0545>-5:45", "XXX3:30YYY,M3.2.0,M11.1.0"):
            with self.subTest(zone=zone):
                before = time.time() - 1
                date = self.read(self.arrive(octets=b"\ntext\n", zone=zone))["Date"].datetime
                self.assertLess(abs(date.timestamp() - before), 30)

    def test_samples(self):
        """Debian's sample mails: nothing but what is named is touched."""
        for name, content in corpus.samples():
            with self.subTest(name=name):
                octets = self.arrive(octets=content)
                wire = corpus.wire(content)
                given = [field for field in fields(wire) if name_of(field) not in REMOVED]
                self.assertEqual(fields(octets)[len(fields(octets)) - len(given):], given)
                self.assertEqual(split(octets)[1], split(wire)[1])
                self.assertEqual(self.names(octets) & self.names(wire), self.names(wire) - REMOVED)

    @staticmethod
    def names(octets):
        return {name_of(field) for field in fields(octets)}
