"""Postfix's smtpd with its SASL from a Dovecot of its own: AUTH only under TLS, and no mail
without it."""

import glob

from auth_cases import PASSWORDS, AuthTests, passwd_file
from dovecot_root import DovecotRoot
from postfix import Postfix
from support import PeerCase, Process, answers, certificate, need_root, read_file, wait_for

MORE = """
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {socket}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_authenticated_header = yes
# The list of mechanisms twice, once as an old client wants it.
broken_sasl_auth_clients = yes
# Twenty failures in a row come from one address.
smtpd_client_auth_rate_limit = 0
"""

CONFIGURATION = """
protocols =
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
log_path = /log
ssl = no
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
userdb {
  driver = static
  args = uid=8 gid=8 home=/mail/%n
}
passdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
}
service auth {
  unix_listener postfix {
    mode = 0666
  }
}
"""


class Passwords(DovecotRoot):
    """Dovecot with no other service than who is who, at its socket."""

    def __init__(self, root):
        self.socket = root + "/run/dovecot/postfix"
        super().__init__(root)

    def prepare(self):
        self.write("etc/dovecot/users", passwd_file())
        self.write("etc/dovecot/dovecot.conf", CONFIGURATION)

    def run(self):
        process = Process(["chroot", self.root, "/usr/sbin/dovecot", "-F"], self.root + "/out")
        wait_for("auth socket", lambda: answers(self.socket), alive=process)
        return process, None


class AuthPostfixTest(AuthTests, PeerCase):
    no_login = 67

    @classmethod
    def setUpClass(cls):
        need_root("Postfix")
        super().setUpClass()
        cls.cert, key = certificate(cls.scratch)
        cls.passwords = cls.keep(Passwords(cls.scratch + "/d"))
        cls.postfix = cls.keep(Postfix(
            cls.scratch + "/p", cls.cert, key, 1, MORE.format(socket=cls.passwords.socket)))
        cls.ports = {"starttls": cls.postfix.port, "implicit": cls.postfix.tls_port}

    def arrived(self):
        return [read_file(path) for path in glob.glob(self.postfix.folder + "/mail/all/new/*")]

    def log_in(self, *arguments, **options):
        return super().log_in(*arguments, to=["box@example.org"], **options)

    def test_who_it_was(self):
        """Postfix names the user that it knows the client by."""
        before = self.arrived()
        self.log_in("spaces", PASSWORDS["spaces"], auth="SCRAM-SHA-256")
        new = [content for content in self.arrived() if content not in before]
        self.assertIn(b"(Authenticated sender: spaces)", new[0])

    def test_nobody_knows_the_passwords(self):
        """Dovecot has gone: nobody is refused for that."""
        self.passwords.process.stop()
        try:
            for mechanism in ("PLAIN", "SCRAM-SHA-256"):
                result = self.log_in("simple", PASSWORDS["simple"], "--auth", mechanism, status=75)
                self.assertLessEqual(set(result.outcomes()), {"deferred", "untried"}, str(result))
        finally:
            self.passwords.process, _ = self.passwords.run()
        self.log_in("simple", PASSWORDS["simple"], auth="SCRAM-SHA-256")
