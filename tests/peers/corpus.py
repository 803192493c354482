"""Real messages, and what must become of them on their way.

The messages are those that Debian ships: spamassassin's two samples and the test data of
Python's email package. A few more are made from them for the edges that the samples miss.
"""

import glob
import os
import re

from support import package_file, write_file

PYTHON_MAIL = "usr/lib/python3.11/test/test_email/data"
SPAMASSASSIN = "usr/share/doc/spamassassin/examples"

HEADER_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")


def samples():
    """(name, content) of every shipped message."""
    paths = sorted(glob.glob(package_file(PYTHON_MAIL) + "/msg_*.txt"))
    paths += sorted(glob.glob(package_file(SPAMASSASSIN) + "/sample-*.txt"))
    found = []
    for path in paths:
        with open(path, "rb") as f:
            found.append((os.path.basename(path), f.read()))
    assert len(found) >= 45, "the packages hold fewer messages than they used to"
    return found


def edges():
    """(name, content) of messages that test one rule each; none holds a NUL."""
    head = b"From: a@example.org\nTo: b@example.org\nSubject: %s\n"
    return [
        ("utf8.eml", head % b"letters" + "\nPříliš žluťoučký kůň: €\n".encode()),
        ("latin1.eml", head % b"8-bit" + b"\nna\xefve caf\xe9, and all of \x80\x81\xfe\xff\n"),
        ("bare-cr.eml", head % b"bare CR" + b"\none\rtwo\r\rfour\n\r\n.\r.\r"),
        ("mixed-ends.eml", b"Subject: mixed\r\nX-One: 1\nX-Two: 2\r\n\r\nunix\ndos\r\nmac\rend"),
        ("dots.eml", head % b"dots" + b"\n.\n..\n...\n.a\n. \n.\n"),
        ("no-eol.eml", head % b"no end" + b"\nthe last line has no end"),
        ("last-dot.eml", head % b"last" + b"\n."),
        ("header-only.eml", head % b"no body"),
        ("empty-header.eml", b"\nonly a body\n"),
        ("no-header.eml", b"this is no header field\nnor is this\n"),
        ("blank-end.eml", head % b"blank lines" + b"\nbody\n\n\n\n"),
        ("line-998.eml", head % b"longest" + b"\n" + b"x" * 998 + b"\n." + b"y" * 997 + b"\n"),
        ("crlf.eml", (head % b"crlf" + b"\nall\nin\n.CRLF\n").replace(b"\n", b"\r\n")),
    ]


def long_lines():
    """Lines over the 998 octets of RFC 5321: they go as they are."""
    return [("long-line.eml", b"Subject: long\n\n" + b"." + b"x" * 3000 + b"\nend\n")]


def big(megabytes):
    """A message of about that size, with every printable character at a line's start."""
    block = b"".join(b"%c begins this line of a big message\n" % c for c in range(32, 127))
    return ("big.eml", b"Subject: big\n\n" + block * (megabytes * (1 << 20) // len(block)))


def wire(content):
    """What goes over the wire for it, before dots are stuffed: the rules of "Input"."""
    assert b"\0" not in content
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if content.startswith(b"From "):
        content = content[content.index(b"\n") + 1:]
    first = content.split(b"\n", 1)[0]
    if first and not HEADER_FIELD.match(first):
        content = b"\n" + content
    if not content.endswith(b"\n"):
        content += b"\n"
    return content.replace(b"\n", b"\r\n")


def stored(content):
    """The same as a server keeps it that ends its lines with LF."""
    return wire(content).replace(b"\r\n", b"\n")


def write_all(folder, messages):
    os.makedirs(folder, exist_ok=True)
    return [write_file(os.path.join(folder, name), content) for name, content in messages]


def mbox(messages):
    """One mbox of them all. Its lines end in LF, whatever the message had; no message of
    ours has a body line that begins with "From ", so nothing needs quoting."""
    text = b""
    for _, content in messages:
        body = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not body.startswith(b"From "):
            body = b"From a@example.org Thu Jan  1 00:00:00 1970\n" + body
        assert body.count(b"\nFrom ") == 0
        text += body + (b"" if body.endswith(b"\n") else b"\n") + b"\n"
    return text
