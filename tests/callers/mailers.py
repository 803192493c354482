"""Programs in which people write mail: git, mutt, s-nail, bsd-mailx, GNU mailutils."""

import email
import email.policy
import os
import subprocess

from support import read_file, write_file
from world import SUBJECT, TEXT, CallerCase, as_text

BINARY_FILE = bytes(range(256))
FROM = "alice@example.org"


class Mailer(CallerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = write_file(cls.scratch + "/a.bin", BINARY_FILE)


class Mutt(Mailer):
    WORDS = "-oem -oi( -B8BITMIME)?( -f alice@example.org)?"

    def mutt(self, how, box, *more, settings="", copy=True):
        rc = write_file(self.scratch + "/muttrc", (
            f'set from="{FROM}" record="" send_charset="us-ascii:utf-8" sendmail_wait=0\nset hostname=here.example\n'
            + settings).encode())
        bcc = ["-b", f"{box}-bcc@example.org"] if copy and how not in ("refused", "dead") else []
        return self.start(how, "mutt", "-n", "-F", rc, "-s", SUBJECT, *bcc, *more, "--", f"{box}@example.org",
                          stdin=TEXT.encode())

    def sends(self, *more, words=WORDS, settings="", **checks):
        self.each_way(
            lambda how, box: self.mutt(how, box, *more, settings=settings),
            words + " -- BOX@example.org BOX-bcc@example.org", refused=1, **checks)

    def test_mutt(self):
        self.sends()

    def test_mutt_8bit(self):
        self.sends(settings="set allow_8bit use_8bitmime use_envelope_from\n",
                   words="-oem -oi -B8BITMIME -f alice@example.org")

    def test_mutt_attachment(self):
        self.sends("-a", self.file, check=lambda box: self.assert_message(box, files=[BINARY_FILE]))

    def test_mutt_writes_bcc(self):
        self.sends(settings="set write_bcc\n")

    def test_mutt_delivery_notices(self):
        self.sends(settings="set dsn_notify='failure,delay' dsn_return=hdrs\n",
                   words=self.WORDS + " -N failure,delay -R hdrs")

    def test_mutt_without_waiting(self):
        """The mail is there though nobody waited for it."""
        box = self.box()
        self.quiet(self.mutt("direct", box, settings="set sendmail_wait=-1\n", copy=False))
        self.assert_message(box)


class SNail(Mailer):
    def sends(self, *more, words="-i( -f [^ ]*)? -- BOX@example.org BOX-bcc@example.org", **checks):
        def send(how, box):
            bcc = ["-b", f"{box}-bcc@example.org"] if how not in ("refused", "dead") else []
            return self.start(how, "s-nail", "-:/", "-Ssendwait", "-Sttycharset=utf-8", "-Snosave",
                              "-s", SUBJECT, *bcc, *more, f"{box}@example.org", stdin=TEXT.encode())

        self.each_way(send, words, refused=None, **checks)

    def test_s_nail(self):
        self.sends()

    def test_s_nail_with_a_sender(self):
        self.sends("-r", FROM, words="-i -f alice@example.org -- BOX@example.org BOX-bcc@example.org")

    def test_s_nail_8bit(self):
        self.sends("-Smime-encoding=8b")

    def test_s_nail_attachment(self):
        self.sends("-a", self.file, check=lambda box: self.assert_message(box, files=[BINARY_FILE]))


class BSDMailx(Mailer):
    def sends(self, *more, words="-i -t( -f [^ ]*)?", **checks):
        def send(how, box):
            bcc = ["-b", f"{box}-bcc@example.org"] if how not in ("refused", "dead") else []
            return self.start(
                how, "bsd-mailx", "-n", "-s", "hello", *bcc, *more, "-a", "MIME-Version: 1.0", "-a",
                "Content-Type: text/plain; charset=utf-8", "-a", "Content-Transfer-Encoding: 8bit",
                f"{box}@example.org", stdin=TEXT.encode())

        self.each_way(send, words, refused=None,
                      check=lambda box: self.assert_message(box, subject="hello"), **checks)

    def test_bsd_mailx(self):
        """Bcc is in the header."""
        self.sends()

    def test_bsd_mailx_with_a_sender(self):
        self.sends("-r", FROM, words="-i -t -f alice@example.org")


class Mailutils(Mailer):
    def sends(self, *more, words="-oi -f [^ ]* -t", **checks):
        def send(how, box):
            bcc = ["-a", f"Bcc: {box}-bcc@example.org"] if how not in ("refused", "dead") else []
            return self.start(
                how, "mail.mailutils", "-N", "-E", "set nosave", "-E", "set nodot", "-s", SUBJECT, *bcc, *more,
                f"{box}@example.org", stdin=TEXT.encode())

        self.each_way(send, words, refused=None, **checks)

    HEADER = ["-a", "MIME-Version: 1.0", "-a", "Content-Type: text/plain; charset=utf-8",
              "-a", "Content-Transfer-Encoding: 8bit"]

    def test_mailutils(self):
        """It closes descriptors 1 and 2, has Bcc in the header, and no From."""
        self.sends(*self.HEADER)

    def test_mailutils_with_a_sender(self):
        self.sends(*self.HEADER, "-r", FROM, words="-oi -f alice@example.org -t")


class Git(Mailer):
    NAMES = {"GIT_AUTHOR_NAME": "Älice", "GIT_AUTHOR_EMAIL": FROM, "GIT_COMMITTER_NAME": "Älice",
             "GIT_COMMITTER_EMAIL": FROM, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

    SENT = rb"(Sent \[PATCH .*\n)*"

    def git(self, *words):
        return subprocess.run(
            ["git", "-C", self.scratch + "/repo", *words], check=True, stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **self.NAMES}).stdout

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.mkdir(cls.scratch + "/repo")
        git = cls("git")
        git.git("init", "-q")
        for number in range(3):
            write_file(f"{cls.scratch}/repo/file{number}", TEXT.encode() + b"\n")
            git.git("add", ".")
            git.git("commit", "-q", "-m", f"Grüße {number}\n\n.dot\n.\nŽluťoučký kůň")
        git.git("format-patch", "-q", "--root", "-o", cls.scratch + "/patches")
        cls.patches = sorted(os.listdir(cls.scratch + "/patches"))

    def send(self, how, box, *more, patches=1):
        return self.start(
            how, "git", "send-email", "--quiet", "--confirm=never", "--suppress-cc=all",
            f"--from=Älice <{FROM}>", *more, f"--to={box}@example.org",
            *(f"{self.scratch}/patches/{p}" for p in self.patches[:patches]),
            env=self.NAMES, cwd=self.scratch + "/repo")

    def assert_patch(self, box, number):
        arrived = [email.message_from_bytes(c, policy=email.policy.SMTP)
                   for c in self.world.postfix.arrived(box, number + 1)]
        message = next(m for m in arrived if f"Grüße {number}" in str(m["subject"]))
        patch = read_file(f"{self.scratch}/patches/{self.patches[number]}")
        self.assertEqual(as_text(message), as_text(email.message_from_bytes(patch)))
        return message

    def test_send_email(self):
        self.each_way(self.send, "-i BOX@example.org", refused=67,
                      said=self.SENT, check=lambda box: self.assert_patch(box, 0))

    def test_send_email_with_a_sender_and_bcc(self):
        def send(how, box):
            bcc = [f"--bcc={box}-bcc@example.org"] if how not in ("refused", "dead") else []
            return self.send(how, box, f"--envelope-sender={FROM}", *bcc)

        self.each_way(send, "-f alice@example.org -i BOX@example.org BOX-bcc@example.org", refused=67,
                      said=self.SENT, check=lambda box: self.assert_patch(box, 0))

    def test_send_email_series(self):
        """The patches answer the first one: its Message-ID is not changed."""
        box = self.box()
        self.quiet(self.send("direct", box, patches=3), said=self.SENT)
        arrived = self.world.postfix.arrived(box, 3)
        self.assertEqual(len(arrived), 3)
        first = self.assert_patch(box, 0)["message-id"]
        for number in (1, 2):
            self.assertEqual(self.assert_patch(box, number)["in-reply-to"], first)
