"""SCRAM that is bound to its TLS connection (-PLUS), which no server in Debian offers.

TLS is that of `openssl s_server`, which tells what it exports; behind it stands a mail server
of a few lines that checks each proof by RFC 5802.
"""

import base64
import contextlib
import hashlib
import hmac
import re
import socket
import ssl
import subprocess
import threading

from auth_cases import Login, trace_of
from support import PeerCase, certificate

PASSWORD = b"what nobody is to see"
SALT, ITERATIONS = b"four times four.", 4096
DIGESTS = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
ALL = "SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN"


class Refused(Exception):
    pass


class Cancelled(Exception):
    pass


def encode(text):
    return base64.b64encode(text).decode()


def exchanged(text):
    """a=1,b=2 as a dict."""
    return dict(part.split("=", 1) for part in text.split(","))


class Server:
    """Takes one connection. bindings: what its TLS can be bound to, known once it stands.
    Keyword arguments of scram() make it a worse server."""

    def __init__(self, cert, key, *options, offer=ALL, **faults):
        self.offer, self.faults = offer, faults
        self.bindings, self.lines, self.mail, self.header = {}, [], [], None
        self.cert = cert
        self.child = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", cert, "-key", key,
             "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.port = int(self.find(rb"ACCEPT 127\.0\.0\.1:(\d+)"))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def find(self, pattern):
        for line in self.child.stdout:
            match = re.search(pattern, line)
            if match:
                return match.group(1)
        raise EOFError

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.thread.join()
        self.child.stdout.close()

    def run(self):
        try:
            self.bindings = {
                "tls-exporter": bytes.fromhex(self.find(rb"Keying material: (\w+)").decode()),
                "tls-server-end-point": self.end_point(),
            }
            self.serve()
        except (EOFError, BrokenPipeError):
            pass
        finally:
            with contextlib.suppress(BrokenPipeError):
                self.child.stdin.close()  # with which s_server closes the connection

    def end_point(self):
        with open(self.cert) as f:
            der = ssl.PEM_cert_to_DER_cert(f.read())
        text = subprocess.run(
            ["openssl", "x509", "-in", self.cert, "-noout", "-text"], stdout=subprocess.PIPE, check=True).stdout
        name = re.search(rb"Signature Algorithm: ecdsa-with-(SHA\d+)", text).group(1).decode()
        return hashlib.new("sha256" if name == "SHA1" else name, der).digest()  # RFC 5929 4.1

    def say(self, line):
        self.child.stdin.write(line.encode() + b"\r\n")
        self.child.stdin.flush()

    def hear(self):
        line = self.child.stdout.readline()
        if not line.endswith(b"\r\n"):  # the client has gone: s_server's own words
            raise EOFError
        self.lines.append(line)
        return line[:-2].decode()

    def serve(self):
        inside = False
        self.say("220 mx.example.org")
        while True:
            word, _, rest = self.hear().partition(" ")
            if word == "EHLO":
                self.say(f"250-mx.example.org\r\n250 AUTH {self.offer}")
            elif word == "AUTH":
                inside = self.log_in(*rest.split(" "))
            elif word == "DATA" and inside:
                self.say("354 go on")
                self.mail.append(b"".join(iter(lambda: self.hear().encode() + b"\r\n", b".\r\n")))
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine" if inside else "530 5.7.0 who are you?")

    def log_in(self, mechanism, first):
        try:
            final = self.scram(mechanism, base64.b64decode(first).decode(), **self.faults)
            if not self.faults.get("final_in_235"):
                self.ask(final)
        except Refused as e:
            with contextlib.suppress(Cancelled):
                self.ask(f"e={e}")
            self.say("535 5.7.8 no")
            return False
        except Cancelled:
            self.say("501 5.7.0 as you like")
            return False
        self.say("235 " + (encode(final.encode()) if self.faults.get("final_in_235") else "2.7.0 come in"))
        return True

    def ask(self, text):
        self.say("334 " + encode(text.encode()))
        answer = self.hear()
        if answer == "*":
            raise Cancelled
        return base64.b64decode(answer).decode()

    def scram(self, mechanism, first, iterations=ITERATIONS, bad_signature=False, final_in_235=False):
        """The server's part (RFC 5802 5); returns server-final."""
        digest = DIGESTS[mechanism.removesuffix("-PLUS")]
        flag, _, bare = first.split(",", 2)
        self.header = flag
        nonce = exchanged(bare)["r"] + "and-ours"
        server_first = f"r={nonce},s={encode(SALT)},i={iterations}"
        final = self.ask(server_first)
        without_proof, proof = final.rsplit(",p=", 1)
        if exchanged(without_proof)["r"] != nonce:
            raise Refused("other-error")
        self.check_binding(mechanism, flag, exchanged(without_proof)["c"])
        salted = hashlib.pbkdf2_hmac(digest, PASSWORD, SALT, iterations)
        message = f"{bare},{server_first},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", digest)
        stored = hashlib.new(digest, client_key).digest()
        signature = hmac.digest(stored, message, digest)
        if bytes(a ^ b for a, b in zip(client_key, signature)) != base64.b64decode(proof):
            raise Refused("invalid-proof")
        key = hmac.digest(salted, b"Server Key", digest)
        return "v=" + encode(hmac.digest(b"another" if bad_signature else key, message, digest))

    def check_binding(self, mechanism, flag, value):
        if mechanism.endswith("-PLUS") != flag.startswith("p="):
            raise Refused("other-error")
        if flag == "y" and "-PLUS" in ALL:
            raise Refused("server-does-support-channel-binding")
        data = self.bindings[flag.removeprefix("p=")] if flag.startswith("p=") else b""
        if base64.b64decode(value) != f"{flag},,".encode() + data:
            raise Refused("channel-bindings-dont-match")


class Between:
    """Somebody with a certificate that envoi trusts, who reads and may change everything."""

    def __init__(self, cert, key, port, change=None):
        self.target, self.change, self.version = port, change, None
        self.inner = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.inner.load_cert_chain(cert, key)
        self.outer = ssl._create_unverified_context()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        plain, _ = self.listener.accept()
        with socket.create_connection(("127.0.0.1", self.target)) as far:
            server = self.outer.wrap_socket(far)
            # As old on one side as on the other.
            self.inner.maximum_version = ssl.TLSVersion[server.version().replace(".", "_")]
            client = self.inner.wrap_socket(plain, server_side=True)
            threading.Thread(target=self.pump, args=(client, server, None), daemon=True).start()
            self.pump(server, client, self.change)

    @staticmethod
    def pump(source, target, change):
        try:
            while data := source.recv(65536):
                target.sendall(change(data) if change else data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def stop(self):
        self.listener.close()


VERSIONS = {"-tls1_3": "tls-exporter", "-tls1_2": "tls-server-end-point"}


class AuthBindingTest(Login, PeerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cert, cls.key = certificate(cls.scratch)

    def start(self, *options, **faults):
        self.server = Server(self.cert, self.key, *options, **faults)
        self.addCleanup(self.server.stop)
        return self.server

    def arrived(self):
        return self.server.mail

    def run_envoi(self, *options, port=None, **expected):
        result = self.log_in(
            "alice", PASSWORD, *options, server=f"smtps://127.0.0.1:{port or self.server.port}", **expected)
        self.assertIsNone(trace_of(PASSWORD, b"".join(self.server.lines)))
        if result.status == 77 and result.sessions:
            self.assertEqual(len(self.attempts(result)), 1, str(result))
        return result

    def test_bound_to_every_version_of_tls(self):
        for version, binding in VERSIONS.items():
            for mechanism in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
                with self.subTest(f"{mechanism} {version}"):
                    server = self.start(version)
                    self.run_envoi("--auth", mechanism, auth=mechanism)
                    self.assertEqual(server.header, f"p={binding}")

    def test_the_best_mechanism(self):
        self.start()
        self.run_envoi(auth="SCRAM-SHA-256-PLUS")
        self.start(offer="PLAIN SCRAM-SHA-1-PLUS SCRAM-SHA-256")
        self.run_envoi(auth="SCRAM-SHA-1-PLUS")

    def test_certificates_of_other_digests(self):
        """tls-server-end-point takes the digest that the certificate was signed with."""
        for digest in ("sha384", "sha512", "sha1"):
            with self.subTest(digest):
                cert, key = f"{self.scratch}/{digest}.crt", self.key
                subprocess.run(
                    ["openssl", "req", "-x509", "-key", key, f"-{digest}", "-out", cert, "-days", "2",
                     "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                    check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.server = Server(cert, key, "-tls1_2")
                self.addCleanup(self.server.stop)
                self.log_in(
                    "alice", PASSWORD, "--tls-ca", cert, tls=False, auth="SCRAM-SHA-256-PLUS",
                    server=f"smtps://127.0.0.1:{self.server.port}")

    def test_what_is_said_without_binding(self):
        """n where the server offers -PLUS and we were told not to; y where it offers none."""
        server = self.start()
        self.run_envoi("--auth", "SCRAM-SHA-256", auth="SCRAM-SHA-256")
        self.assertEqual(server.header, "n")

    def test_somebody_takes_plus_away(self):
        """The server hears that envoi could have bound, and knows that it was lied to."""
        server = self.start()
        between = Between(
            self.cert, self.key, server.port, lambda data: re.sub(rb" SCRAM-SHA-\d+-PLUS", b"", data))
        self.addCleanup(between.stop)
        result = self.run_envoi(port=between.port, status=77)
        self.assertEqual(server.header, "y")
        self.assertIn("server-does-support-channel-binding", result.stderr, str(result))

    def test_somebody_in_between(self):
        """With a certificate that envoi trusts, though not the server's: it gets no further."""
        cert, key = certificate(self.scratch, "between")
        both = self.scratch + "/both.crt"
        with open(both, "w") as f:
            for path in (self.cert, cert):
                with open(path) as part:
                    f.write(part.read())
        for version, binding in VERSIONS.items():
            with self.subTest(version):
                server = self.start(version)
                between = Between(cert, key, server.port)
                self.addCleanup(between.stop)
                result = self.run_envoi("--tls-ca", both, tls=False, port=between.port, status=77)
                self.assertEqual(server.header, f"p={binding}")
                self.assertIn("channel-bindings-dont-match", result.stderr, str(result))

    def test_last_word_of_the_server(self):
        self.start(final_in_235=True)
        self.run_envoi(auth="SCRAM-SHA-256-PLUS")

    def test_server_that_does_not_know_the_password(self):
        """It says that we are in, or would say so."""
        for faults in ({}, {"final_in_235": True}):
            with self.subTest(str(faults)):
                self.start(bad_signature=True, **faults)
                self.run_envoi(status=77)

    def test_too_few_iterations(self):
        """No proof is sent, for somebody could guess from it."""
        self.start(iterations=4095)
        result = self.run_envoi(status=77)
        self.assertIn("fewer than 4096", result.stderr, str(result))
        self.assertEqual(self.server.lines[-2:], [b"*\r\n", b"QUIT\r\n"])
