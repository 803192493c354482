"""No message hides another: line ends of every kind around a lone dot, with the commands of a
second message behind it, at Postfix, Exim and aiosmtpd.

A server that takes one of these endings for the end of the data would go on with the commands.
Exactly the messages that were sent arrive, octet for octet, and the server has begun no others.
"""

import importlib.util
import itertools
import random
import smtplib

import corpus
import exim
import postfix
from aiosmtpd_peer import Aiosmtpd
from support import LONG, PeerCase, certificate, free_port, need_root, wait_for

ENDS = [b"", b"\r", b"\n", b"\r\n", b"\n\r", b"\r\r", b"\n\n", b"\r\r\n"]
NULS = [b"\0", b"\r\0", b"\0\n", b"\r\0\n", b"\r\n\0", b"\0\r\n"]
ENDINGS = [before + b"." + behind for before in ENDS for behind in ENDS]
HIDDEN = (b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<box-evil@example.org>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n"
          b".\r\nQUIT\r\n")
# As it was by default for 25 years.
TOLERANT = "smtpd_forbid_bare_newline = no\n"
# So much of a message is read, made ready and written at a time (ENVOI_LIMIT_BLOCK).
BLOCK = 131072
# All of an ending on one side of the edge, all of it on the other, and what is between.
OFFSETS = range(-8, 3)
HEAD = (b"From: a@example.org\nTo: b@example.org\nSubject: %d\nDate: Mon, 23 Nov 2026 20:13:06 +0530\n"
        b"Message-ID: <%d@example.org>\n")


def head(number):
    return HEAD % (number, number)


def in_bodies():
    return [head(n) + b"\ntext" + ending + HIDDEN for n, ending in enumerate(ENDINGS)]


def in_headers():
    return [head(n) + b"X-Last: field" + ending + HIDDEN for n, ending in enumerate(ENDINGS)]


def spaced(content):
    """A bare CR in a header is a blank, and so can make a line go on; it ends none as one in a body
    does. Before a line's end it is none at all."""
    lines = content.split(b"\n")
    for at, line in enumerate(lines):
        line = line.rstrip(b"\r").replace(b"\r", b" ")
        if not corpus.HEADER_FIELD.match(line) and line[:1] not in (b" ", b"\t"):
            break
        lines[at] = line
    return b"\n".join(lines)


def at_edges(cases):
    """Messages of some 4 MB. The dot of each (ending, offset) stands that far behind the edge
    between two blocks of what is read."""
    cases = list(cases)
    found = []
    for start in range(0, len(cases), 32):
        text = bytearray(head(start) + b"\n")
        for number, (ending, offset) in enumerate(cases[start:start + 32]):
            place = (number + 1) * BLOCK + offset - ending.index(b".")
            while len(text) + 100 < place:
                text += b"x" * 70 + b"\n"
            text += b"y" * (place - len(text)) + ending + HIDDEN
        found.append(bytes(text))
    return found


def dense(octets, seed):
    """Nothing but endings, so that one is at the edges of whatever is read or written."""
    chance = random.Random(seed)
    text, length = [head(seed), b"\n"], 0
    while length < octets:
        text.append(b"z" * chance.randrange(4) + chance.choice(ENDINGS) + chance.choice([HIDDEN, HIDDEN[:30], b""]))
        length += len(text[-1])
    return b"".join(text)


class SmugglingTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        edges = itertools.product(ENDINGS, OFFSETS)
        if not LONG:  # each ending once, each offset a few times
            edges = [(ending, OFFSETS[n * 7 % len(OFFSETS)]) for n, ending in enumerate(ENDINGS)]
        cls.big = at_edges(edges)
        cls.big += [dense((4 << 20) if LONG else (1 << 19), seed) for seed in range(20 if LONG else 2)]

    def check(self, server, arrived, accepted, kept, to):
        """to(way): a recipient; arrived(way, count): their mail; accepted(): what was begun."""
        ways = {
            "bodies": (in_bodies(), ["--without", "CHUNKING"]),
            "headers": (in_headers(), ["--without", "CHUNKING"]),
            "data": (self.big, ["--without", "CHUNKING"]),
            "chunks": (self.big[1:], []),
        }
        if LONG:
            ways["slowly"] = (in_bodies(), ["--without", "CHUNKING,PIPELINING"])
            ways["small-chunks"] = (in_bodies(), [])
        for way, (messages, options) in ways.items():
            with self.subTest(way):
                before = accepted()
                files = corpus.write_all(
                    f"{self.scratch}/{way}", [(f"{n}.eml", content) for n, content in enumerate(messages)])
                # Nothing is missing in the headers of the bodies: what is repaired is nothing.
                result = self.envoi(
                    server, *options, *files, to=[to(way)], repair=way == "bodies")
                self.expect(result, 0, "delivered", "221", messages=len(messages))
                self.assert_same_mail(
                    [kept(spaced(content)) for content in messages], arrived(way, len(messages)))
                # The log may come behind what it tells of.
                wait_for("log of all messages", lambda: accepted() - before >= len(messages))
                self.assertEqual(accepted() - before, len(messages))

    def naive(self, server, ending):
        """Two messages come of one that is sent as it is, and accepted() sees them."""
        before = server.accepted()
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.ehlo()
            client.mail("a@example.org")
            client.rcpt("box-naive@example.org")
            client.docmd("DATA")
            client.send(b"Subject: x\r\n\r\ntext" + ending + HIDDEN + b".\r\n")
            with client.file as replies:
                while replies.readline():
                    pass
            client.file = None
            client.close()
        wait_for("second message", lambda: server.accepted() >= before + 2)

    def test_postfix(self):
        need_root("Postfix")
        server = self.keep(postfix.Postfix(
            self.scratch + "/postfix", *certificate(self.scratch), free_port(), TOLERANT))
        self.naive(server, b"\r\n.\r\r\n")
        self.check(
            f"smtp://127.0.0.1:{server.port}",
            lambda way, count: server.arrived("box-" + way, count),
            server.accepted, postfix.kept, lambda way: f"box-{way}@example.org")

    def test_exim(self):
        need_root("Exim")
        server = self.keep(exim.Exim(self.scratch + "/exim"))
        self.check(
            f"smtp://127.0.0.1:{server.port}", server.arrived,
            server.accepted, exim.kept, lambda way: f"{way}@example.org")

    def aiosmtpd(self):
        if importlib.util.find_spec("aiosmtpd") is None:
            self.skipTest("python3-aiosmtpd is not installed")
        return self.keep(Aiosmtpd(f"{self.scratch}/{self.id()}"))

    def test_aiosmtpd(self):
        server = self.aiosmtpd()

        def arrived(way, _):
            return [content for envelope, content in server.arrived() if envelope["to"] == [f"{way}@example.org"]]

        self.check(
            f"smtp://127.0.0.1:{server.port}", arrived,
            server.count, corpus.wire, lambda way: f"{way}@example.org")

    def test_nul(self):
        """What has a NUL is not sent at all to a server that does not take it."""
        server = self.aiosmtpd()
        endings = [b"." + nul for nul in NULS] + [nul + b"." for nul in NULS]
        endings += [before + b"." + behind for before, behind in
                    [*itertools.product(NULS, ENDS), *itertools.product(ENDS, NULS), *itertools.product(NULS, NULS)]]
        messages = [head(n) + b"\ntext" + ending + HIDDEN for n, ending in enumerate(endings)]
        messages += at_edges((ending, offset) for ending in endings[:12] for offset in OFFSETS)[:4 if LONG else 1]
        files = corpus.write_all(
            self.scratch + "/nul", [(f"{n}.eml", content) for n, content in enumerate(messages)])
        for repair in (False, True):
            result = self.envoi(f"smtp://127.0.0.1:{server.port}", *files, repair=repair)
            self.expect(result, 65, "untried", messages=len(messages), sessions=None)
        self.assertEqual(server.count(), 0)
