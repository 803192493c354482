"""Logging in: users, what must not be seen of their secrets, and the tests that every server
with AUTH gets (auth_dovecot.py, auth_postfix.py)."""

import base64
import hashlib
import hmac
import os
import re
import socket
import threading
import unicodedata

from support import read_file, wait_for, write_file

MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]

# What a password may be made of. The server has these octets, and envoi is given them.
PASSWORDS = {
    "simple": b"correct-horse-battery",
    "spaces": b" two words, blanks around ",
    "colon": b"pass:word::{PLAIN}:x",
    "quotes": b"\"double\" 'single' `back`",
    "signs": b"100% $HOME \\n ~ # ; = , <&>",
    "utf8": "Grüße-žluťoučký-kůň".encode(),
    "latin1": b"na\xefve-caf\xe9-\xff\xfe",
    "control": b"tab\tand\x01other\x7fcontrols",  # which Dovecot takes from no PLAIN
    "short": b"x",
    "long": bytes(33 + n * 7 % 94 for n in range(4096)),
}

# The same password in another form of Unicode than the server's.
TYPED = "Cafe\u0301\u00a0\ufb01nden\u2460\u00ad".encode()
PREPARED = "Café finden1".encode()
assert unicodedata.normalize("NFKC", "Cafe\u0301 \ufb01nden\u2460").encode() == PREPARED

HASHED = b"nobody keeps this in clear"


def scram(digest, password, iterations, salt=b"16 octets of it."):
    """What Dovecot keeps for SCRAM: no password can be had from it, only proofs be checked."""
    salted = hashlib.pbkdf2_hmac(digest, password, salt, iterations)
    stored = hashlib.new(digest, hmac.digest(salted, b"Client Key", digest)).digest()
    server = hmac.digest(salted, b"Server Key", digest)
    return ",".join([str(iterations)] + [base64.b64encode(part).decode() for part in (salt, stored, server)])


def plain(password):
    return "{PLAIN.HEX}" + password.hex()


def ssha(password):
    return "{SSHA256.B64}" + base64.b64encode(hashlib.sha256(password + b"salt").digest() + b"salt").decode()


def passwd_file():
    """Lines of user:password for all the users there are."""
    users = {name: plain(password) for name, password in PASSWORDS.items()}
    users["prepared"] = plain(PREPARED)
    users["scram1"] = "{SCRAM-SHA-1}" + scram("sha1", HASHED, 5000)
    users["scram256"] = "{SCRAM-SHA-256}" + scram("sha256", HASHED, 20000)
    users["many"] = "{SCRAM-SHA-256}" + scram("sha256", HASHED, 1000001)
    users["hashed"] = ssha(HASHED)
    return "".join(f"{name}:{stored}\n" for name, stored in users.items())


def unescape(text):
    """Undoes the escapes of transcripts, messages and JSON."""
    text = re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), text)
    text = re.sub(rb"\\u00([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), text)
    text = re.sub(rb"\\u([0-9A-Fa-f]{4})", lambda m: chr(int(m.group(1), 16)).encode(errors="replace"), text)
    return re.sub(rb'\\(["\\/])', rb"\1", text)


def windows(text, size):
    size = min(size, len(text))
    return [text[at:at + size] for at in range(len(text) - size + 1)] if size else []


def trace_of(secret, text):
    """A part of the secret, in clear or in base64 of any alignment, found in the text; or None."""
    if len(secret) < 6:
        return None  # so little is in every text
    views = {text, unescape(text), unescape(unescape(text))}
    for part in windows(secret, 8):
        if any(part in view for view in views):
            return part
    for before in range(3):
        coded = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        coded = coded[(before * 8 + 5) // 6:len(coded) - 1]  # what does not depend on the neighbours
        for part in windows(coded, 10):
            if any(part in view for view in views):
                return part
    return None


class Recorder:
    """Stands between envoi and a server and keeps what envoi sends. change() may alter what
    the server says. The server sees another address than its own, since Dovecot asks for no TLS
    of those who come from its own."""

    def __init__(self, port, change=None):
        self.target, self.change, self.sent = port, change, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target), source_address=("127.0.0.2", 0))
            kept = bytearray()
            self.sent.append(kept)
            threading.Thread(target=self.pump, args=(client, server, kept.extend, None), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, None, self.change), daemon=True).start()

    @staticmethod
    def pump(source, target, keep, change):
        try:
            while data := source.recv(65536):
                if keep:
                    keep(data)
                target.sendall(change(data) if change else data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()

    def stop(self):
        self.listener.close()

    def clear(self):
        """The lines that went before the first TLS record, of each connection."""
        return [re.split(rb"\x16\x03", bytes(sent), maxsplit=1)[0].split(b"\r\n") for sent in self.sent]


class Login:
    """Mixed with PeerCase. The class has: cert; ports {"starttls": N, "implicit": N}, and
    arrived(): the contents of all messages that got through."""

    COUNT = 0

    def url(self, way="starttls", port=None):
        scheme = "smtps" if way == "implicit" else "smtp"
        return f"{scheme}://127.0.0.1:{port or self.ports[way]}"

    def log_in(self, user, secret, *options, status=0, auth=None, server=None, tls=True, count=1, to=None):
        """Sends count messages as user; returns the Result. Neither the report nor the
        transcripts may tell the secret. With a status other than 0 nothing may arrive.
        secret: octets, to be read from a descriptor, or the options that say where it is."""
        Login.COUNT += 1
        words = [b"number %d-%d of the login tests" % (Login.COUNT, n) for n in range(count)]
        files = [
            write_file(f"{self.scratch}/{Login.COUNT}-{n}.eml", b"Subject: login\n\n" + word + b".\n")
            for n, word in enumerate(words)
        ]
        transcript = f"{self.scratch}/{Login.COUNT}.transcript"
        options = [*options, "-vv", "--transcript", transcript]
        if user is not None:
            options += ["--user", user]
        if tls:
            options += ["--tls-ca", self.cert]
            if not any(o == "--tls" for o in options) and not (server or "").startswith("smtps:"):
                options += ["--tls", "starttls"]
        fds = []
        if isinstance(secret, bytes):
            fds.append(self.pipe(secret + b"\n"))
            options += ["--password-fd", str(fds[0])]
        elif secret:
            options += secret
        try:
            envelope = {} if to is None else {"to": to}
            result = self.envoi(server or self.url(), *options, *files, fds=fds, **envelope)
        finally:
            for fd in fds:
                os.close(fd)
        self.assertEqual(result.status, status, str(result))
        result.transcript = read_file(transcript) if os.path.exists(transcript) else b""
        self.check_transcript(result)
        if isinstance(secret, bytes):
            self.assert_hidden(secret, result)
        self.check_outcome(result, words, auth)
        return result

    @staticmethod
    def pipe(content):
        """The end to read from of a pipe that holds the content."""
        source, drain = os.pipe()
        os.write(drain, content)
        os.close(drain)
        return source

    def assert_hidden(self, secret, result):
        for text in (result.said, result.transcript):
            part = trace_of(secret, text)
            self.assertIsNone(part, f"a part of the secret was told: {part!r}\n{result}")

    def check_transcript(self, result):
        """After AUTH both sides are hidden until the server's last word."""
        for text in (result.transcript, result.said):
            lines = re.findall(rb"^\d+\.\d+ ([<>]) ?(.*?)\r?$", text, re.M)
            inside = False
            for mark, line in lines:
                if mark == b">" and line.startswith(b"AUTH "):
                    self.assertRegex(line, rb"^AUTH [A-Z0-9-]+( \[hidden\])?$", str(result))
                    inside = True
                elif inside and mark == b">":
                    self.assertIn(line, (b"[hidden]", b""), str(result))
                elif inside and line.startswith(b"334"):
                    self.assertEqual(line, b"334 [hidden]", str(result))
                else:
                    inside = False

    def check_outcome(self, result, words, auth):
        if result.status == 0:
            self.expect(result, 0, "delivered", "221", messages=len(words), sessions=None)
            self.await_arrival(words)
            for session in result.sessions:
                self.assertEqual(session["auth"], auth, str(result))
        else:
            self.assertNotIn("delivered", result.outcomes(), str(result))
            self.assertNotIn("unknown", result.outcomes(), str(result))
            for session in result.sessions:
                self.assertIsNone(session["auth"], str(result))
            for word in words:
                self.assertFalse(any(word in content for content in self.arrived()), str(result))

    def await_arrival(self, words):
        for word in words:
            wait_for("message", lambda: any(word in content for content in self.arrived()))
            found = [content for content in self.arrived() if word in content]
            self.assertEqual(len(found), 1)
            self.assertRegex(found[0], rb"(^|\n)Subject: login\r?\n\r?\n" + word + rb"\.\r?\n$")

    def record(self, port, change=None):
        recorder = Recorder(port, change)
        self.addCleanup(recorder.stop)
        return recorder

    @staticmethod
    def attempts(result):
        """The mechanisms that were tried."""
        return re.findall(r"^\d+\.\d+ > AUTH ([A-Z0-9-]+)", result.stderr, re.M)


class AuthTests(Login):
    """The tests that every server gets. no_login: the status without one."""

    # -- mechanisms

    def test_every_mechanism(self):
        for way in self.ports:
            for mechanism in MECHANISMS:
                with self.subTest(f"{mechanism} {way}"):
                    result = self.log_in(
                        "simple", PASSWORDS["simple"], "--auth", mechanism, server=self.url(way), auth=mechanism)
                    self.assertTrue(result.sessions[0]["tls"]["verified"], str(result))
                    self.assertEqual(self.attempts(result), [mechanism])

    def test_the_best_mechanism(self):
        result = self.log_in("simple", PASSWORDS["simple"], auth="SCRAM-SHA-256")
        self.assertEqual(self.attempts(result), ["SCRAM-SHA-256"])

    def test_the_order_that_was_asked_for(self):
        self.log_in("simple", PASSWORDS["simple"], "--auth", "LOGIN,PLAIN", auth="LOGIN")
        self.log_in("simple", PASSWORDS["simple"], "--auth", "scram-sha-256-plus,plain", auth="PLAIN")

    def test_a_mechanism_that_is_not_offered(self):
        result = self.log_in("simple", PASSWORDS["simple"], "--auth", "SCRAM-SHA-256-PLUS", status=77)
        self.assertEqual((self.attempts(result), result.closes()), ([], ["221"]), str(result))

    def test_wrong_password(self):
        """Once, and no more: whoever tries again is locked out."""
        for way in self.ports:
            for mechanism in MECHANISMS:
                with self.subTest(f"{mechanism} {way}"):
                    result = self.log_in(
                        "simple", b"wrong-but-secret-all-the-same", "--auth", mechanism,
                        server=self.url(way), status=77)
                    self.check_refusal(result, mechanism)
        self.check_refusal(self.log_in("simple", b"not-the-right-one", status=77), "SCRAM-SHA-256")

    def check_refusal(self, result, mechanism):
        self.assertEqual(self.attempts(result), [mechanism], str(result))
        self.expect(result, 77, "rejected", "221", messages=1, sessions=1)
        recipient = result.messages[0]["recipients"][0]
        self.assertIn(f"refused authentication ({mechanism})", result.sessions[0]["error"]["error"], str(result))
        self.assertEqual((recipient["phase"], recipient["code"], recipient["enhanced"]), ("auth", 535, "5.7.8"))

    def test_unknown_user(self):
        for mechanism in MECHANISMS:
            with self.subTest(mechanism):
                result = self.log_in("stranger", PASSWORDS["simple"], "--auth", mechanism, status=77)
                self.check_refusal(result, mechanism)

    # -- passwords

    def test_passwords_of_every_kind(self):
        for name, password in PASSWORDS.items():
            for mechanism in MECHANISMS:
                with self.subTest(f"{name} {mechanism}"):
                    taken = name != "control" or mechanism not in ("PLAIN", "LOGIN")
                    self.log_in(
                        name, password, "--auth", mechanism, auth=mechanism, status=0 if taken else 77)

    def test_password_in_another_form_of_unicode(self):
        """SCRAM prepares it (RFC 4013); PLAIN leaves that to the server, and these do not."""
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            self.log_in("prepared", TYPED, "--auth", mechanism, auth=mechanism)
        self.log_in("prepared", PREPARED, "--auth", "PLAIN", auth="PLAIN")
        self.log_in("prepared", TYPED, "--auth", "PLAIN", status=77)

    def test_server_without_the_password(self):
        """It keeps what SCRAM needs, or a hash that PLAIN is compared with."""
        self.log_in("scram1", HASHED, "--auth", "SCRAM-SHA-1", auth="SCRAM-SHA-1")
        self.log_in("scram256", HASHED, "--auth", "SCRAM-SHA-256", auth="SCRAM-SHA-256")
        self.log_in("scram256", HASHED, "--auth", "PLAIN", auth="PLAIN")
        self.log_in("hashed", HASHED, "--auth", "PLAIN", auth="PLAIN")
        self.log_in("scram256", HASHED + b"!", status=77)
        self.log_in("scram1", HASHED, "--auth", "SCRAM-SHA-256", status=77)
        self.log_in("hashed", HASHED, "--auth", "SCRAM-SHA-256", status=77)

    def test_too_many_iterations(self):
        """Nobody means that well. No proof is sent."""
        result = self.log_in("many", HASHED, "--auth", "SCRAM-SHA-256", status=77)
        self.assertIn("more than 1000000 iterations", result.stderr, str(result))

    # -- where secrets are

    def test_secret_from_a_file(self):
        for name in ("simple", "quotes", "latin1", "long"):
            for end in (b"", b"\n", b"\r\n"):
                path = write_file(f"{self.scratch}/secret", PASSWORDS[name] + end)
                os.chmod(path, 0o600)
                result = self.log_in(name, ["--password-file", path], "--auth", "PLAIN", auth="PLAIN")
                self.assert_hidden(PASSWORDS[name], result)

    def test_secret_from_a_file_that_others_may_read(self):
        path = write_file(f"{self.scratch}/open", PASSWORDS["simple"] + b"\n")
        for mode in (0o644, 0o640, 0o604, 0o666):
            os.chmod(path, mode)
            result = self.log_in("simple", ["--password-file", path], status=78)
            self.assertIn(f"chmod 600 {path}", result.stderr, str(result))
            self.assertEqual(self.attempts(result), [], str(result))
            self.assert_hidden(PASSWORDS["simple"], result)

    def test_secret_from_a_file_with_nothing_in_it(self):
        path = write_file(f"{self.scratch}/empty", b"\n")
        os.chmod(path, 0o600)
        result = self.log_in("simple", ["--password-file", path], status=78)
        self.assertEqual(self.attempts(result), [], str(result))
        self.log_in("simple", ["--password-file", path + "-not-there"], status=78)

    def test_secret_from_a_command(self):
        for name in ("simple", "spaces", "latin1", "long"):
            path = write_file(f"{self.scratch}/the secret", PASSWORDS[name] + b"\n")
            result = self.log_in(name, ["--password-command", f"cat '{path}'"], auth="SCRAM-SHA-256")
            self.assert_hidden(PASSWORDS[name], result)

    def test_secret_from_a_command_that_fails(self):
        """It may have printed the secret before that; its own words are told, less those."""
        secret = PASSWORDS["simple"].decode()
        result = self.log_in(
            "simple", ["--password-command", f"sh -c 'cat {self.scratch}/failing; echo no key >&2; exit 3'"],
            status=77)
        self.assertIn("no key", result.stderr, str(result))
        self.assertEqual(self.attempts(result), [], str(result))
        path = write_file(f"{self.scratch}/failing", secret.encode() + b"\n")
        result = self.log_in(
            "simple", ["--password-command", f"sh -c 'cat {path}; cat {path} >&2; exit 3'"], status=77)
        self.assert_hidden(PASSWORDS["simple"], result)

    def test_no_mail_without_the_secret(self):
        result = self.log_in("simple", ["--password-command", "false"], status=77)
        self.assertEqual((self.attempts(result), result.closes()), ([], ["221"]), str(result))

    def test_one_login_for_many_messages(self):
        result = self.log_in("simple", PASSWORDS["simple"], auth="SCRAM-SHA-256", count=5)
        self.assertEqual(self.attempts(result), ["SCRAM-SHA-256"], str(result))

    def test_one_secret_for_many_sessions(self):
        """A descriptor can be read once."""
        result = self.log_in("simple", PASSWORDS["simple"], "--sessions", "3", auth="SCRAM-SHA-256", count=9)
        self.assertEqual(len(self.attempts(result)), len(result.sessions), str(result))

    # -- who else may see them

    def test_no_login(self):
        for options in ([], ["--auth", "off"]):
            result = self.log_in(None, None, *options, status=self.no_login)
            self.assertEqual(self.attempts(result), [], str(result))

    def test_auth_only_after_tls(self):
        """It is not offered in clear, and is not tried there."""
        recorder = self.record(self.ports["starttls"])
        result = self.log_in(
            "simple", PASSWORDS["simple"], "--tls", "off", tls=False, server=self.url(port=recorder.port), status=77)
        self.assertIn("STARTTLS", result.stderr, str(result))
        self.assertEqual(recorder.clear(), [[b"EHLO client.example.org", b"QUIT", b""]])

    def test_what_the_network_sees(self):
        for way, before in {"starttls": [b"EHLO client.example.org", b"STARTTLS", b""], "implicit": [b""]}.items():
            for mechanism in MECHANISMS:
                with self.subTest(f"{mechanism} {way}"):
                    recorder = self.record(self.ports[way])
                    self.log_in(
                        "simple", PASSWORDS["simple"], "--auth", mechanism, auth=mechanism,
                        server=self.url(way, recorder.port))
                    self.assertEqual(recorder.clear(), [before])
                    self.assertIsNone(trace_of(PASSWORDS["simple"], bytes(recorder.sent[0])))

    def test_somebody_takes_starttls_away(self):
        """And offers AUTH in clear in its place: no login, no mail, with and without --tls."""
        def change(data):
            return data.replace(b"STARTTLS", b"AUTH PLAIN LOGIN")

        for options in (["--tls", "starttls"], []):
            recorder = self.record(self.ports["starttls"], change)
            self.log_in(
                "simple", PASSWORDS["simple"], *options, status=69,
                server=self.url(port=recorder.port).replace("smtp:", "submission:"))
            self.assertEqual(recorder.clear(), [[b"EHLO client.example.org", b"QUIT", b""]])

    def test_certificate_of_somebody_else(self):
        for way in self.ports:
            recorder = self.record(self.ports[way])
            result = self.log_in(
                "simple", PASSWORDS["simple"], "--tls-name", "other.example.org",
                server=self.url(way, recorder.port), status=69)
            self.assertEqual(self.attempts(result), [], str(result))
            self.assertIsNone(trace_of(PASSWORDS["simple"], bytes(recorder.sent[0])))
