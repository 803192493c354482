"""Dovecot's submission service: AUTH over STARTTLS and over TLS from the start. What it takes
goes on to an envoi sink. Tokens are looked up at a web server of a few lines (RFC 7662)."""

import http.server
import json
import os
import threading
import urllib.parse

from auth_cases import AuthTests, Login, passwd_file
from dovecot_root import DovecotRoot
from sink_callers import Sink
from support import PeerCase, certificate, free_port, need_root, read_file, write_file

CONFIGURATION = """
protocols = submission
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2
log_path = /log
postmaster_address = postmaster@example.org
mail_location = maildir:~/Maildir
first_valid_uid = 1
ssl = required
ssl_cert = </etc/dovecot/cert
ssl_key = </etc/dovecot/key
# Who fails is to be told at once, and may try again.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
hostname = mx.example.org
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
userdb {{
  driver = static
  args = uid=8 gid=8 home=/mail/%n
}}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = /etc/dovecot/oauth2
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = username_format=%u /etc/dovecot/users
}}
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener submissions {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
"""


OAUTH2 = """
introspection_mode = post
introspection_url = http://127.0.0.1:{port}/
active_attribute = active
active_value = true
username_attribute = username
"""

TOKEN = b"eyJhbGciOiJub25lIn0.a-token_that~is+good/today=="
LONG_TOKEN = b"eyJ" + b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~+/" * 45


class Tokens:
    """Says which tokens are good, and whose they are."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                token = urllib.parse.parse_qs(text).get("token", [""])[0].encode()
                good = token in (TOKEN, LONG_TOKEN)
                answer = json.dumps({"active": good, "username": "tina"} if good else {"active": False}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Submission(DovecotRoot):
    """port, and tls_port (TLS from the start)."""

    PROGRAMS = ["submission", "submission-login"]

    def __init__(self, root, cert, key, relay, tokens):
        self.cert, self.key, self.relay, self.tokens = cert, key, relay, tokens
        super().__init__(root)

    def prepare(self):
        self.write("etc/dovecot/users", passwd_file())
        self.write("etc/dovecot/oauth2", OAUTH2.format(port=self.tokens))
        self.write("etc/dovecot/cert", read_file(self.cert).decode())
        self.write("etc/dovecot/key", read_file(self.key).decode())

    def configuration(self, port):
        self.tls_port = free_port()
        return CONFIGURATION.format(port=port, tls_port=self.tls_port, relay=self.relay)


class AuthDovecotTest(AuthTests, PeerCase):
    no_login = 77

    @classmethod
    def setUpClass(cls):
        need_root("Dovecot")
        super().setUpClass()
        cls.cert, key = certificate(cls.scratch)
        cls.sink = cls.keep(Sink(cls.scratch + "/sink"))
        tokens = cls.keep(Tokens())
        cls.dovecot = cls.keep(Submission(cls.scratch + "/d", cls.cert, key, cls.sink.port, tokens.port))
        cls.ports = {"starttls": cls.dovecot.port, "implicit": cls.dovecot.tls_port}

    def arrived(self):
        return self.sink.arrived()

    # -- tokens

    def test_tokens(self):
        for way in self.ports:
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                for token in (TOKEN, LONG_TOKEN):
                    with self.subTest(f"{mechanism} {way} {len(token)}"):
                        self.log_in("tina", token, "--auth", mechanism, auth=mechanism, server=self.url(way))

    def test_token_that_is_refused(self):
        """What Dovecot says about it comes in base64, and is told in clear."""
        for mechanism, words in {"OAUTHBEARER": "invalid_token", "XOAUTH2": '"status":"401"'}.items():
            with self.subTest(mechanism):
                token = b"eyJhbGciOiJub25lIn0.of-yesterday"
                path = self.command_with([token])
                result = self.log_in(
                    "tina", ["--password-command", path], "--auth", mechanism, status=77)
                self.assertIn(words, result.stderr, str(result))
                self.assert_hidden(token, result)

    def test_token_from_a_descriptor_that_is_refused(self):
        """There is no other one to be read, and the server's reply is what is told."""
        result = self.log_in("tina", b"eyJhbGciOiJub25lIn0.of-yesterday", "--auth", "XOAUTH2", status=77)
        self.check_refusal(result, "XOAUTH2")

    def test_token_of_somebody_else(self):
        self.log_in("tom", ["--password-command", self.command_with([TOKEN])], "--auth", "XOAUTH2", status=77)

    def test_token_that_has_expired(self):
        """The command is asked once more, and once only."""
        old = b"eyJhbGciOiJub25lIn0.of-yesterday"
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            with self.subTest(mechanism):
                result = self.log_in(
                    "tina", ["--password-command", self.command_with([old, TOKEN])], "--auth", mechanism,
                    auth=mechanism)
                self.assertEqual(self.attempts(result), [mechanism] * 2, str(result))
                self.assert_hidden(TOKEN, result)
                result = self.log_in(
                    "tina", ["--password-command", self.command_with([old, old, TOKEN])], "--auth", mechanism,
                    status=77)
                self.assertEqual(self.attempts(result), [mechanism] * 2, str(result))

    def command_with(self, tokens):
        """A command that prints these tokens, one each time; the last one for ever."""
        folder = f"{self.scratch}/tokens-{Login.COUNT}"
        os.makedirs(folder)
        for n, token in enumerate(tokens):
            write_file(f"{folder}/{n}", token + b"\n")
        write_file(f"{folder}/run", b"""cd "${0%/*}"
set -- [0-9]*
cat "$1"
[ $# = 1 ] || rm "$1"
""")
        return f"sh {folder}/run"
