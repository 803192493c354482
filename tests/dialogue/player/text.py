"""The text of a conversation file: escapes, repeat counts, and printing.

The grammar is in tests/README.md, "Conversation files".  Everything here
works on bytes, because what travels on the wire is bytes.
"""

import base64

SIMPLE = {
    ord("r"): b"\r",
    ord("n"): b"\n",
    ord("t"): b"\t",
    ord("0"): b"\0",
    ord("e"): b"\x1b",
    ord("s"): b" ",
    ord("\\"): b"\\",
}


class TextError(Exception):
    pass


def unescape(text, index=None):
    """Return the bytes that `text` (bytes) stands for.

    `index` is what \\i means: the number of the round, from 1, inside a
    repeat; None outside of one.
    """
    out = bytearray()
    at = 0
    while at < len(text):
        byte = text[at]
        if byte != ord("\\"):
            out.append(byte)
            at += 1
            continue
        if at + 1 >= len(text):
            raise TextError("a lone backslash at the end")
        kind = text[at + 1]
        if kind in SIMPLE:
            out += SIMPLE[kind]
            at += 2
        elif kind == ord("x"):
            try:
                out.append(int(text[at + 2 : at + 4].decode("ascii"), 16))
            except ValueError:
                raise TextError("\\x wants two hexadecimal digits") from None
            at += 4
        elif kind == ord("b"):
            end = text.find(b"}", at)
            if text[at + 2 : at + 3] != b"{" or end < 0:
                raise TextError("\\b wants {TEXT}")
            out += base64.b64encode(unescape(text[at + 3 : end], index))
            at = end + 1
        elif kind == ord("i"):
            if index is None:
                raise TextError("\\i outside of a repeat")
            out += b"%d" % index
            at += 2
        elif kind == ord("("):
            end = text.find(b")", at)
            colon = text.find(b":", at)
            if end < 0 or colon < 0 or colon > end:
                raise TextError("\\( wants N:TEXT)")
            try:
                count = int(text[at + 2 : colon])
            except ValueError:
                raise TextError("\\( wants a number") from None
            inner = text[colon + 1 : end]
            if b"\\i" in inner:
                for number in range(1, count + 1):
                    out += unescape(inner, number)
            else:
                out += unescape(inner) * count
            at = end + 1
        else:
            raise TextError("unknown escape \\%c" % kind)
    return bytes(out)


def show(data, limit=160):
    """Print bytes for a person, on one line."""
    out = []
    for byte in data[:limit]:
        if byte == 13:
            out.append("\\r")
        elif byte == 10:
            out.append("\\n")
        elif byte == 92:
            out.append("\\\\")
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            out.append("\\x%02x" % byte)
    text = '"' + "".join(out) + '"'
    if len(data) > limit:
        text += " and %d more bytes" % (len(data) - limit)
    return text


def show_difference(want, got):
    """Print two byte strings, cut around the first byte that differs."""
    at = 0
    top = min(len(want), len(got))
    while at < top and want[at] == got[at]:
        at += 1
    if at <= 80:
        return "expected %s, got %s" % (show(want), show(got))
    return "at byte %d: expected ...%s, got ...%s" % (
        at, show(want[at - 20 :], 80), show(got[at - 20 :], 80))
