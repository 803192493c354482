"""The server's part of an AUTH exchange whose lines cannot be written down
beforehand: SCRAM (RFC 5802, 7677), CRAM-MD5 (RFC 2195) and OAUTHBEARER (RFC
7628, where a port is in it), played as they should be, or with a fault that
has a name.

The options of an `auth` step are in tests/README.md.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re

MECHANISMS = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5",
    "OAUTHBEARER",
}
# With a value, and without.
VALUES = {"iterations", "binding", "flag", "error", "salt", "tail", "host"}
FLAGS = {
    "on-request", "bare", "nonce", "nonce-same", "extension", "garbage", "empty", "late",
    "signature", "no-signature", "early", "more", "yes", "keeps-asking", "reply-535",
}


def problem(words):
    """Why these are no words of an `auth` step, or None."""
    if len(words) < 3:
        return "auth wants MECHANISM USER PASSWORD [OPTION...]"
    if words[0] not in MECHANISMS:
        return "auth does not play %s" % words[0]
    for word in words[3:]:
        name, equals, _ = word.partition("=")
        if name not in (VALUES if equals else FLAGS):
            return "unknown option of auth: %s" % word
    return None


class Cancelled(Exception):
    """The client has said `*`."""


class Exchange:
    def __init__(self, script, step):
        self.script = script
        self.step = step
        self.mechanism = step.words[0]
        self.user = step.words[1].encode("utf-8", "surrogateescape")
        self.password = step.words[2].encode("utf-8", "surrogateescape")
        self.options = {}
        for word in step.words[3:]:
            name, _, value = word.partition("=")
            self.options[name] = value
        self.plus = self.mechanism.endswith("-PLUS")

    def has(self, name):
        return name in self.options

    def fail(self, text):
        # The class belongs to script.py, which needs this file.
        from .script import Mismatch  # pylint: disable=import-outside-toplevel
        raise Mismatch(self.step.line, "%s: %s" % (self.mechanism, text))

    # Lines.

    def reply(self, text):
        data = text.encode("ascii") + b"\r\n"
        self.script.do_send(type(self.step)(self.step.line, "send", data))

    def ask(self, challenge):
        """Send a 334; return the client's answer, decoded."""
        if challenge is None:
            self.reply("334")
        else:
            self.reply("334 " + base64.b64encode(challenge).decode())
        return self.answer()

    def answer(self):
        line = self.script.read_line(self.step)
        if line == b"*":
            raise Cancelled()
        return self.decode(line)

    def decode(self, line):
        try:
            return base64.b64decode(line, validate=True)
        except binascii.Error:
            return self.fail("the client's line is not base64: %r" % line)

    def yes(self, more=""):
        self.reply("235 " + (more or "2.7.0 Authentication successful"))

    def no(self):
        self.reply("535 5.7.8 Authentication credentials invalid")

    def play(self):
        line = self.script.read_line(self.step)
        words = line.split(b" ")
        if words[:2] != [b"AUTH", self.mechanism.encode()] or len(words) > 3:
            self.fail("expected AUTH %s, got %r" % (self.mechanism, line))
        try:
            if self.mechanism == "CRAM-MD5":
                if len(words) > 2:
                    self.fail("it has no initial response")
                self.cram()
            elif self.mechanism == "OAUTHBEARER":
                self.oauthbearer(self.decode(words[2]) if len(words) > 2 else self.ask(None))
            else:
                self.scram(words[2] if len(words) > 2 else None)
        except Cancelled:
            self.cancelled()

    def cancelled(self):
        """RFC 4954 4: 501; or what a server should not say then."""
        if self.has("keeps-asking"):
            self.reply("334 ")
        elif self.has("yes"):
            self.yes()
        elif self.has("reply-535"):
            self.no()
        else:
            self.reply("501 5.7.0 Authentication cancelled")

    # CRAM-MD5.

    def cram(self):
        challenge = b"<%s@mx.example.org>" % os.urandom(8).hex().encode()
        if self.has("garbage"):
            self.reply("334 <not base64>")
            self.answer()
            self.fail("the client answered what it cannot have read")
        if self.has("empty"):
            challenge = b""
        got = self.ask(challenge)
        digest = hmac.new(self.password, challenge, hashlib.md5).hexdigest().encode()
        if got == self.user + b" " + digest:
            self.yes()
        else:
            self.no()

    # OAUTHBEARER.

    def oauthbearer(self, got):
        port = self.script.listener.getsockname()[1]
        host = self.options.get("host", "127.0.0.1").encode()
        want = b"n,a=%s,\x01host=%s\x01port=%d\x01auth=Bearer %s\x01\x01" % (
            self.user, host, port, self.password)
        if got.replace(b"=2C", b",").replace(b"=3D", b"=") != want:
            self.fail("expected %r, got %r" % (want, got))
        if not self.has("error"):
            return self.yes()
        if self.ask(self.options["error"].encode()) != b"\x01":
            self.fail("the answer to the error is not one octet 01")
        return self.no()

    # SCRAM.

    def digest(self, data):
        return hashlib.new(self.hash_name(), data).digest()

    def hash_name(self):
        return "sha1" if "SHA-1" in self.mechanism else "sha256"

    def sign(self, key, data):
        return hmac.new(key, data, self.hash_name()).digest()

    def scram(self, initial):
        if (initial is None) != self.has("on-request"):
            self.fail("initial response %s" % ("missing" if initial is None else "too long"))
        if initial is None:
            first = self.ask(None if self.has("bare") else b"")
        else:
            first = self.decode(initial)
        header, bare, nonce = self.read_first(first)
        if self.has("early"):
            return self.yes()
        server_nonce, server_first, salt, rounds = self.make_first(nonce)
        if self.has("garbage"):
            self.reply("334 <not base64>")
            final = self.answer()
        else:
            final = self.ask(server_first)
        match = re.fullmatch(rb"(c=([^,]*),r=([^,]*)),p=([^,]*)", final)
        if match is None:
            return self.fail("the client's last message is odd: %r" % final)
        if self.decode(match[2]) != header + self.binding(header):
            return self.fail("the channel binding is wrong")
        if match[3] != server_nonce:
            return self.fail("the nonce is wrong")
        message = b",".join([bare, server_first, match[1]])
        salted = hashlib.pbkdf2_hmac(self.hash_name(), self.password, salt, rounds)
        key = self.sign(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, self.sign(self.digest(key), message)))
        good = self.decode(match[4]) == proof
        return self.finish(good, self.sign(self.sign(salted, b"Server Key"), message))

    def read_first(self, first):
        match = re.fullmatch(
            rb"((n|y|p=[A-Za-z0-9.-]+),(?:a=[^,]*)?,)(n=([^,]*),r=([!-+\--~]+))", first)
        if match is None:
            return self.fail("the client's first message is odd: %r" % first)
        if (match[2][:1] == b"p") != self.plus:
            self.fail("gs2 flag %r" % match[2])
        if self.has("flag") and match[2].decode() != self.options["flag"]:
            self.fail("gs2 flag %r" % match[2])
        if self.has("binding") and match[2].decode() != "p=" + self.options["binding"]:
            self.fail("channel binding %r" % match[2])
        user = match[4].replace(b"=2C", b",").replace(b"=3D", b"=")
        if user != self.user:
            self.fail("expected user %r, got %r" % (self.user, user))
        return match[1], match[3], match[5]

    def make_first(self, nonce):
        more = base64.b64encode(os.urandom(12))
        server_nonce = nonce + more
        if self.has("nonce"):
            server_nonce = base64.b64encode(os.urandom(18)) + more
        elif self.has("nonce-same"):
            server_nonce = nonce
        salt = os.urandom(16)
        rounds = self.options.get("iterations", "4096")
        salt_text = self.options.get("salt", base64.b64encode(salt).decode())
        text = b"r=%s,s=%s,i=%s" % (server_nonce, salt_text.encode(), rounds.encode())
        if self.has("extension"):
            text = b"m=must-know," + text
        if self.has("tail"):
            text += b"," + self.options["tail"].encode()
        if self.has("empty"):
            text = b""
        return server_nonce, text, salt, int(rounds) if rounds == "4096" else 4096

    def finish(self, good, signature):
        if self.has("error"):
            self.ask(b"e=" + self.options["error"].encode())
            return self.no()
        if not good:
            return self.no()
        if self.has("no-signature"):
            return self.yes()
        if self.has("signature"):
            signature = bytes([signature[0] ^ 1]) + signature[1:]
        last = b"v=" + base64.b64encode(signature)
        if self.has("late"):
            return self.yes(base64.b64encode(last).decode())
        if self.ask(last) != b"":
            return self.fail("the answer to the server's signature is not empty")
        if self.has("more"):
            self.ask(b"")
            return self.fail("the client goes on")
        return self.yes()

    # Channel binding (RFC 5929, 9266).

    def binding(self, header):
        if not self.plus:
            return b""
        name = header.split(b",")[0][2:]
        if name == b"tls-exporter":
            return self.exporter()
        if name == b"tls-server-end-point":
            return self.script.certificate_digest()
        return self.fail("no such channel binding: %r" % name)

    def exporter(self):
        """RFC 8446 7.5, from the key log: Python has no call for it."""
        secret = self.script.exporter_secret()
        if secret is None:
            return self.fail("tls-exporter, and this is not TLS 1.3")
        name = "sha384" if len(secret) == 48 else "sha256"
        empty = hashlib.new(name, b"").digest()
        derived = expand(name, secret, b"EXPORTER-Channel-Binding", empty, len(secret))
        return expand(name, derived, b"exporter", empty, 32)


def expand(name, secret, label, context, length):
    """HKDF-Expand-Label; never more than one block here."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label
    info += bytes([len(context)]) + context
    return hmac.new(secret, info + b"\x01", name).digest()[:length]
