"""Programs that talk SMTP to their sendmail, -bs: alpine, nmh, Symfony (and so Laravel)."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from support import BINARY, wait_for, write_file
from world import BOUND, SUBJECT, TEXT, CallerCase

BINARY_FILE = bytes(range(256))
FROM = "alice@example.org"


class Symfony(CallerCase):
    PHP = ["php8.2", "-d", "display_errors=stderr",
           *(word for name in ("ctype", "iconv", "mbstring", "intl") for word in ("-d", f"extension={name}"))]
    SCRIPT = r"""
    require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
    $mail = (new Symfony\Component\Mime\Email())->from('alice@example.org')->to(getenv('TO'))
        ->subject(getenv('SUBJECT'))->text(stream_get_contents(STDIN));
    if (getenv('BCC')) $mail->bcc(getenv('BCC'));
    if (getenv('FILE')) $mail->attachFromPath(getenv('FILE'));
    $transport = new Symfony\Component\Mailer\Transport\SendmailTransport(getenv('COMMAND') ?: null);
    try {
        for ($i = 0; $i < (int)getenv('COUNT'); $i++) $transport->send($mail);
    } catch (Symfony\Component\Mailer\Exception\TransportExceptionInterface $e) {
        exit(1);
    }
    """

    def sends(self, words="-bs", command="", count=1, **checks):
        def send(how, box):
            env = {"TO": f"{box}@example.org", "SUBJECT": SUBJECT, "COMMAND": command, "COUNT": str(count),
                   "BCC": "" if how in ("refused", "dead") else f"{box}-bcc@example.org",
                   "FILE": self.file if "check" in checks else ""}
            return self.start(how, *self.PHP, "-r", self.SCRIPT, stdin=TEXT.encode(), env=env)

        self.each_way(send, words, refused=1, **checks)

    def setUp(self):
        super().setUp()
        self.file = write_file(self.scratch + "/a.bin", BINARY_FILE)

    def test_symfony(self):
        """Its default: /usr/sbin/sendmail -bs."""
        self.sends()

    def test_symfony_attachment(self):
        self.sends(check=lambda box: self.assert_message(box, files=[BINARY_FILE]))

    def test_symfony_pipe(self):
        self.sends("-t -i -f.?alice@example.org.? -- BOX@example.org BOX-bcc@example.org|"
                   "-i -f.?alice@example.org.? -- BOX@example.org BOX-bcc@example.org",
                   command="/usr/sbin/sendmail -t -i")

    def test_symfony_many(self):
        """Several messages in one dialogue."""
        box = self.box()
        env = {"TO": f"{box}@example.org", "SUBJECT": SUBJECT, "COUNT": "3"}
        self.quiet(self.start("direct", *self.PHP, "-r", self.SCRIPT, stdin=TEXT.encode(), env=env))
        self.assertEqual(len(self.world.postfix.arrived(box, 3)), 3)


class Nmh(CallerCase):
    def sends(self, mts, words):
        def send(how, box):
            write_file(self.scratch + "/profile", f"Path: {self.scratch}/Mail\n".encode())
            os.makedirs(self.scratch + "/Mail", exist_ok=True)
            copy = "" if mts == "sendmail/pipe" or how in ("refused", "dead") else f"Dcc: {box}-bcc@example.org\n"
            draft = write_file(self.scratch + "/draft", (
                f"From: {FROM}\nTo: {box}@example.org\n{copy}Subject: {SUBJECT}\n--------\n{TEXT}\n").encode())
            return self.start(how, "/usr/bin/mh/send", "-mts", mts, "-sendmail", "/usr/sbin/sendmail", draft,
                              env={"MH": self.scratch + "/profile"})

        self.each_way(send, words, refused=None)

    def test_nmh_dialogue(self):
        self.sends("sendmail/smtp", "-bs -odb -oem -om")

    def test_nmh_pipe(self):
        """The default of Debian's."""
        self.sends("sendmail/pipe", "-t -i")


class Alpine(CallerCase):
    SETTINGS = """user-domain=example.org
user-id=alice
smtp-server=
sendmail-path=
default-fcc=""
fcc-name-rule=no-fcc
last-version-used=6.26
inbox-path={0}/inbox
folder-collections={0}/[]
"""

    def setUp(self):
        super().setUp()
        self.file = write_file(self.scratch + "/a.bin", BINARY_FILE)
        self.text = write_file(self.scratch + "/text", TEXT.encode())
        self.settings = write_file(self.scratch + "/pinerc", self.SETTINGS.format(self.scratch).encode())
        write_file(self.world.home + "/.addressbook", b"")

    def converse(self, process, terminal, answers):
        """Types an answer when the first of its texts is on the screen. The screen, at the end."""
        screen, seen = b"", 0
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    screen += os.read(terminal, 65536)
                except OSError:
                    break
            elif process.poll() is not None:
                break
            elif answers and (at := screen.find(answers[0][0], seen)) >= 0:
                seen = at + 1
                os.write(terminal, answers.pop(0)[1])
        process.kill()
        return screen

    def alpine(self, how, box):
        """It wants a screen, and keys. Without a server it is envoi's child that finds that out."""
        terminal, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))
        words = ["setsid", "-c", "-w", "sh", "-c", 'alpine -p "$0" -attach "$1" "$2" <"$3"',
                 self.settings, self.file, f"{box}@example.org", self.text]
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.world.home, "LANG": "C.UTF-8", "TERM": "vt100"}
        process = subprocess.Popen(self.world.command(how, *words), env=env, cwd=self.world.home,
                                   stdin=other, stdout=other, stderr=subprocess.STDOUT)
        os.close(other)
        try:
            screen = self.converse(process, terminal, [
                (b"UnDel Line", b"\x18"), (b"Send message", b"y")])
        finally:
            os.close(terminal)
        if how == "dead":
            wait_for("a try", lambda: b'"tries":1' in self.start(
                how, BINARY, "queue", "list", "--report", "json").stdout)
        return subprocess.CompletedProcess(words, process.wait(), screen, b"")

    def test_alpine(self):
        """Its default: -bs -odb -oem. It leaves the delivery to the background."""
        self.each_way(
            self.alpine, "-bs -odb -oem", refused=0, said=rb"[\s\S]*Alpine finished\s*",
            check=lambda box: self.assert_message(box, subject="None", files=[BINARY_FILE]))
