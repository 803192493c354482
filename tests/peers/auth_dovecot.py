"""Dovecot's submission service: AUTH over STARTTLS and over TLS from the start. What it takes
goes on to an envoi sink."""

from auth_cases import AuthTests, passwd_file
from dovecot_root import DovecotRoot
from sink_callers import Sink
from support import PeerCase, certificate, free_port, need_root, read_file

CONFIGURATION = """
protocols = submission
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
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
  driver = passwd-file
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


class Submission(DovecotRoot):
    """port, and tls_port (TLS from the start)."""

    PROGRAMS = ["submission", "submission-login"]

    def __init__(self, root, cert, key, relay):
        self.cert, self.key, self.relay = cert, key, relay
        super().__init__(root)

    def prepare(self):
        self.write("etc/dovecot/users", passwd_file())
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
        cls.dovecot = cls.keep(Submission(cls.scratch + "/d", cls.cert, key, cls.sink.port))
        cls.ports = {"starttls": cls.dovecot.port, "implicit": cls.dovecot.tls_port}

    def arrived(self):
        return self.sink.arrived()
