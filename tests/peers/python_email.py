"""Python's email package reads what was encoded anew.

A server of a few lines, that offers what each case says, takes the message; what arrived must be
ASCII in lines of at most 998 octets and parse, part by part, to the same content as what was sent.
Needs no package and no root.
"""

import email
import email.policy
import json
import os
import random
import re
import socketserver
import subprocess
import tempfile
import threading
import unittest

from support import BINARY, RUN_BOUND

SEVEN_BIT = ("SIZE 0", "PIPELINING")
EIGHT_BIT = ("8BITMIME", "SIZE 0")


class Taker(socketserver.StreamRequestHandler):
    """One session; keeps commands and messages with its server."""

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 mx.example.org")
        while line := self.rfile.readline():
            self.server.commands.append(line)
            verb = line[:4].upper()
            if verb == b"EHLO":
                offers = ["mx.example.org", *self.server.offers]
                for i, offer in enumerate(offers):
                    self.say(f"250{' ' if i + 1 == len(offers) else '-'}{offer}")
            elif verb == b"DATA":
                self.say("354 Go ahead")
                self.server.messages.append(self.lines())
                self.say("250 Ok")
            elif verb == b"BDAT":
                self.server.messages.append(self.rfile.read(int(line.split()[1])))
                self.say("250 Ok")
            else:
                self.say("221 Bye" if verb == b"QUIT" else "250 Ok")
                if verb == b"QUIT":
                    return

    def lines(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


def send(message, offers, *options):
    """Exit status, message arrived or None, report object, MAIL line."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Taker) as server:
        server.daemon_threads = True
        server.offers, server.commands, server.messages = offers, [], []
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with tempfile.NamedTemporaryFile(suffix=".eml") as file:
            file.write(message)
            file.flush()
            done = subprocess.run(
                [BINARY, "send", "-s", "smtp://127.0.0.1:%d" % server.server_address[1],
                 "-f", "a@example.org", "--to", "b@example.org", "--tls", "off",
                 "--helo", "client.example.org", "--report", "json", *options, file.name],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_BOUND,
                env={**os.environ, "ENVOI_CONFIG": "/dev/null"})
        server.shutdown()
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        report = next((o for o in objects if o["type"] == "message"), None)
        mail = [c for c in server.commands if c.upper().startswith(b"MAIL")]
        arrived = strip_added(server.messages[0], message) if server.messages else None
        added = len(server.messages[0]) - len(arrived) if server.messages else 0
        mail = re.sub(rb"SIZE=(\d+)", lambda size: b"SIZE=%d" % (int(size.group(1)) - added),
                      mail[0] if mail else b"")
        if report is not None:
            report["bytes"] -= added
        return done, arrived, report, mail


def strip_added(arrived, given):
    """Without the fields in front that the given message does not have."""
    while True:
        field, _, rest = arrived.partition(b"\r\n")
        if not re.match(rb"(Date|From|To|Message-ID): ", field) or field in given:
            return arrived
        arrived = rest


def canonical(octets):
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def is_text(part):
    return part.get_content_maintype() == "text"


def content(part):
    """The content as octets, line ends of text canonical."""
    octets = part.get_payload(decode=True) or b""
    return canonical(octets) if is_text(part) else octets


def leaves(message):
    for part in message.walk():
        if not part.is_multipart():
            yield part


class Parsed(unittest.TestCase):
    def check_wire(self, arrived):
        self.assertTrue(all(octet < 128 for octet in arrived))
        for line in arrived.split(b"\r\n"):
            self.assertNotIn(b"\r", line)
            self.assertNotIn(b"\n", line)
            self.assertLessEqual(len(line), 998)

    def check_unchanged(self, sent, arrived):
        # Fields that were missing stand in front.
        self.assertTrue(arrived.endswith(canonical(sent)), arrived)

    def check_same(self, sent, arrived):
        before = email.message_from_bytes(canonical(sent))
        after = email.message_from_bytes(arrived)
        old, new = list(leaves(before)), list(leaves(after))
        self.assertEqual(len(old), len(new))
        for one, other in zip(old, new):
            self.assertEqual(one.get_content_type(), other.get_content_type())
            self.assertEqual(
                content(one).removesuffix(b"\r\n"), content(other).removesuffix(b"\r\n"))
            self.assertEqual([], other.defects)

    def check(self, message, offers=SEVEN_BIT, encoding=None, *options):
        done, arrived, report, mail = send(message, offers, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        if offers == SEVEN_BIT:
            self.check_wire(arrived)
            self.assertNotIn(b"BODY=", mail)
        self.assertIn(b"SIZE=%d" % len(arrived), mail)
        self.assertEqual(report["bytes"], len(arrived))
        self.check_same(message, arrived)
        if encoding is not None:
            self.assertEqual(report["encoding"], encoding)
        return email.message_from_bytes(arrived, policy=email.policy.default), arrived


PROSE = "Der Weg nach Süden führt über die Brücke; dort, sagt man, ist es schön. =\t \n" * 20
HEAD = "Subject: x\nFrom: a@example.org\nMIME-Version: 1.0\n"


class Text(Parsed):
    def test_no_mime(self):
        got, _ = self.check(("Subject: x\n\n" + PROSE).encode(), SEVEN_BIT, "quoted-printable")
        self.assertEqual(got["MIME-Version"], "1.0")
        self.assertEqual(got.get_content_charset(), "utf-8")
        self.assertEqual(got.get_content().replace("\r\n", "\n"), PROSE)

    def test_not_utf8(self):
        got, _ = self.check(("Subject: x\n\n" + PROSE).encode("latin-1"))
        self.assertEqual(got.get_content_charset(), "unknown-8bit")

    def test_base64_when_shorter(self):
        text = "Все счастливые семьи похожи друг на друга.\n" * 30
        got, _ = self.check(
            (HEAD + "Content-Type: text/plain; charset=utf-8\n\n" + text).encode(),
            SEVEN_BIT, "base64")
        self.assertEqual(got.get_content().replace("\r\n", "\n"), text)

    def test_eight_bit_goes_as_it_is(self):
        message = ("Subject: x\n\n" + PROSE).encode()
        _, arrived = self.check(message, EIGHT_BIT, "8bit")
        self.check_unchanged(message, arrived)

    def test_header_words(self):
        head = ("Subject: grüße aus Köln\nFrom: \"Jürgen, K.\" <a@example.org>\n"
                "To: b@example.org (Größe), Änne <c@example.org>\n"
                "Content-Type: text/plain; charset=utf-8; name=\"Übung.txt\"\n\n")
        for offers in SEVEN_BIT, EIGHT_BIT, (*EIGHT_BIT, "SMTPUTF8"):
            with self.subTest(offers=offers):
                got, arrived = self.check((head + "plain\n").encode(), offers)
                self.assertTrue(all(octet < 128 for octet in arrived))
                self.assertEqual(got["Subject"], "grüße aus Köln")
                self.assertEqual(got["From"].addresses[0].display_name, "Jürgen, K.")
                self.assertEqual(got["From"].addresses[0].addr_spec, "a@example.org")
                self.assertEqual(got["To"].addresses[1].display_name, "Änne")
                self.assertEqual(got["Content-Type"].params["name"], "Übung.txt")

    def test_long_lines(self):
        for length in 0, 997, 998, 999, 1000, 2000, 5000:
            with self.subTest(length=length):
                message = ("Subject: x\n\nfirst\n" + "y" * length + "\nlast\n").encode()
                for offers in SEVEN_BIT, EIGHT_BIT:
                    _, arrived = self.check(message, offers,
                                            "quoted-printable" if length > 998 else "7bit")
                    self.check_wire(arrived)

    def test_long_header_line(self):
        message = ("Subject: " + "word " * 600 + "\nX-Long: " + "y" * 1500 + "\n\nbody\n").encode()
        done, arrived, _, _ = send(message, SEVEN_BIT)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"line 2 has 1508 octets", done.stderr)
        got = email.message_from_bytes(arrived)
        self.assertEqual(got["Subject"].replace("\r\n", ""), ("word " * 600).rstrip(" ") + " ")
        self.assertEqual([len(line) for line in arrived.split(b"\r\n") if len(line) > 998], [1508])

    def test_pass_and_refuse(self):
        message = ("Subject: x\n\n" + "y" * 1200 + "\n").encode()
        done, arrived, report, _ = send(message, SEVEN_BIT, "--long-lines", "pass")
        self.assertEqual((done.returncode, report["encoding"]), (0, "7bit"))
        self.check_unchanged(message, arrived)
        self.assertIn(b"line 3 has 1200 octets", done.stderr)
        done, arrived, _, _ = send(message, SEVEN_BIT, "--long-lines=refuse")
        self.assertEqual((done.returncode, arrived), (65, None))
        self.assertIn(b"line 3 has 1200 octets", done.stderr)


def multipart(parts, boundary="b", subtype="mixed", head=""):
    text = f"{head}Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\n\npreamble\n"
    for part in parts:
        text += f"--{boundary}\n{part}\n"
    return text + f"--{boundary}--\nepilogue\n"


class Parts(Parsed):
    EIGHT = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + PROSE
    PLAIN = "Content-Type: text/plain\n\nnothing of note"
    OCTETS = "Content-Type: application/octet-stream\n\nüüü\nü"

    def test_only_what_has_to_be(self):
        message = multipart([self.EIGHT, self.PLAIN, self.OCTETS],
                            head=HEAD + "Content-Transfer-Encoding: 8bit\n").encode()
        got, arrived = self.check(message, SEVEN_BIT, "mixed")
        self.assertEqual([p["Content-Transfer-Encoding"] for p in got.walk()],
                         ["7bit", "quoted-printable", None, "base64"])
        self.assertIn(canonical(self.PLAIN.encode()) + b"\r\n--b\r\n", arrived)
        self.assertIn(b"\r\n\r\npreamble\r\n--b\r\n", arrived)
        self.assertTrue(arrived.endswith(b"--b--\r\nepilogue\r\n"))

    def test_nested(self):
        text = self.EIGHT
        for depth in range(25):
            text = multipart([text, self.PLAIN], boundary=f"b{depth}")
        self.check((HEAD + text).encode())

    def test_sealed_parts_stay(self):
        signed = multipart(["Content-Type: text/plain\n\nas  it is =\n", "Content-Type: "
                            "application/pgp-signature\n\n-----BEGIN"], "s", "signed")
        inner = "Content-Type: message/rfc822\n\nSubject: y\n\nz"
        message = multipart([signed, inner, self.EIGHT], head=HEAD).encode()
        _, arrived = self.check(message)
        self.assertIn(canonical(signed.encode()), arrived)
        self.assertIn(canonical(inner.encode()), arrived)

    def test_sealed_parts_refused(self):
        for part, word in (
                (multipart(["\nü"], "s", "signed"), b"multipart/signed"),
                (multipart(["\nü"], "s", "encrypted"), b"multipart/encrypted"),
                ("Content-Type: message/rfc822\n\nSubject: y\n\nü", b"message/rfc822"),
                ("Content-Transfer-Encoding: base64\n\nü", b"text/plain"),
                ("Content-Transfer-Encoding: x-uu\n\nü", b"text/plain")):
            with self.subTest(word=word):
                message = multipart([self.PLAIN, part], head=HEAD).encode()
                done, arrived, report, _ = send(message, SEVEN_BIT)
                self.assertEqual((done.returncode, arrived), (65, None))
                self.assertIn(word, done.stderr)
                line = message[:message.index("ü".encode())].count(b"\n") + 1
                self.assertIn(b"line %d " % line, done.stderr)
                done, arrived, report, _ = send(message, EIGHT_BIT)
                self.assertEqual((done.returncode, report["encoding"]), (0, "8bit"))
                self.check_unchanged(message, arrived)

    def test_generated(self):
        some = random.Random(1)
        pieces = ["ü", "é€", "x" * 70, "--b", "--b-- x", "--", "=", " ", "\t", "\n", "\n\n", "\n.",
                  "\nFrom x", "\r", "=\n", "\x01", "y" * 1100]
        for number in range(40):
            with self.subTest(number=number):
                parts = []
                for _ in range(some.randrange(1, 4)):
                    body = "".join(some.choice(pieces) for _ in range(some.randrange(60)))
                    body = re.sub(r"(?m)(^|\n|\r)--b(--)?[ \t]*(?=[\n\r]|$)", r"\1x", body)
                    label = some.choice(["", "Content-Transfer-Encoding: 8bit\n"])
                    kind = some.choice(["text/plain; charset=utf-8", "text/html"])
                    parts.append(f"Content-Type: {kind}\n{label}\n{body}x")
                self.check(multipart(parts, head=HEAD).encode())


class Binary(Parsed):
    BINARY = ("8BITMIME", "BINARYMIME", "CHUNKING", "SIZE 0")
    OCTETS = bytes(range(256)) * 3 + b"\r\n\n\r\0.\r\n"

    def message(self):
        head = (HEAD + "Content-Type: multipart/mixed; boundary=b\n"
                "Content-Transfer-Encoding: binary\n\n--b\nContent-Type: text/plain\n\none\n"
                "--b\nContent-Type: image/png\nContent-Transfer-Encoding: binary\n\n").encode()
        return head + self.OCTETS + b"\n--b--\n"

    def test_binarymime(self):
        done, arrived, report, mail = send(self.message(), self.BINARY)
        self.assertEqual((done.returncode, report["encoding"]), (0, "binary"), done.stderr)
        self.assertIn(b"BODY=BINARYMIME", mail)
        self.assertIn(b"\r\n\r\n" + self.OCTETS + b"\r\n--b--\r\n", arrived)
        self.assertIn(b"SIZE=%d" % len(arrived), mail)

    def test_not_without_chunking(self):
        done, arrived, _, mail = send(self.message(), ("8BITMIME", "BINARYMIME"))
        self.assertEqual((done.returncode, arrived, mail), (65, None, b""))

    def test_no_nul_and_no_binarymime(self):
        message = self.message().replace(b"\0", b"")
        done, arrived, report, mail = send(message, EIGHT_BIT)
        self.assertEqual((done.returncode, report["encoding"]), (0, "base64"), done.stderr)
        got = email.message_from_bytes(arrived)
        self.assertEqual(list(leaves(got))[1].get_payload(decode=True),
                         self.OCTETS.replace(b"\0", b""))
