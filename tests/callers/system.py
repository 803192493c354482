"""What the system itself calls: cron, at, sudo, and those that do it as they do.

cron, atd and sudo are the real ones, in a namespace where their spools are empty. What cannot be
had as a package, or would need the machine's disks to fail, is called with the same words,
standard input, descriptors and environment.
"""

import array
import fcntl
import glob
import re
import signal
import subprocess
import termios

from support import read_file, wait_for, write_file
from world import TEXT, CallerCase

NOISE = "\n".join(["From here", ".", "..", ".dot", "Grüße", "x" * 900, "tab\there", "the end"])


def wait_until_read(run):
    """Until envoi has all that was written, and waits for more."""
    def is_read():
        left = array.array("i", [0])
        fcntl.ioctl(run.stdin, termios.FIONREAD, left)
        return left[0] == 0

    wait_for("somebody who reads", is_read, alive=run)


class Cron(CallerCase):
    # cron runs an @reboot job at once when it starts. What it logs is no business of ours.
    START = """
    mkdir -p /var/spool/cron/crontabs && chmod 1730 /var/spool/cron/crontabs &&
    cp "$1" /var/spool/cron/crontabs/root && chmod 600 /var/spool/cron/crontabs/root && mkdir -p /run/lock &&
    { timeout -k 5 "$2" cron -f >/dev/null 2>&1 </dev/null; true; }
    """

    def cron(self, how, box, seconds=3):
        write_file(self.scratch + "/noise", NOISE.encode())
        table = write_file(self.scratch + "/crontab", (
            f"MAILTO={box}@example.org\nLC_ALL=C.UTF-8\n@reboot cat {self.scratch}/noise\n").encode())
        return self.start(how, "sh", "-c", self.START, "sh", table, str(seconds))

    def check(self, box):
        content = self.arrived(box)
        self.assertEqual(content.partition(b"\n\n")[2], NOISE.encode() + b"\n")
        self.assertIn(f"\nTo: {box}@example.org\n".encode(), content)
        self.assertRegex(content, rb"\nFrom: root@here.example \(Cron Daemon\)\n")
        self.assertRegex(content, rb"\nSubject: Cron <root@[^>]*> cat ")

    def test_cron(self):
        self.each_way(self.cron, "-FCronDaemon -i -B8BITMIME -oem BOX@example.org", refused=None,
                      check=self.check)

    def test_output_of_a_job_is_not_lost(self):
        """cron's standard error is nowhere: what was refused is mailed back, and kept when
        that is refused as well."""
        before = set(glob.glob(self.world.queue + "/failed/*"))
        self.cron("refused", "nobody")
        after = set(glob.glob(self.world.queue + "/failed/*")) - before
        kept = [read_file(f).replace(b"\r\n", b"\n") for f in after]
        reports = [x for x in kept if b"\ntab\there\nthe end\n" in x]
        self.assertEqual(len(reports), 1, kept)
        self.assertIn(b"\nTo: <root@here.example>\n", reports[0])
        self.assertIn(b"report-type=delivery-status", reports[0])


class At(CallerCase):
    START = """
    mkdir -p /var/spool/cron/atjobs /var/spool/cron/atspool &&
    chown daemon:daemon /var/spool/cron/atjobs /var/spool/cron/atspool &&
    chmod 1770 /var/spool/cron/atjobs /var/spool/cron/atspool && touch /var/spool/cron/atjobs/.SEQ &&
    chown daemon:daemon /var/spool/cron/atjobs/.SEQ &&
    echo "cat $1" | at -m now >/dev/null 2>&1 && { timeout -k 5 4 atd -f >/dev/null 2>&1 </dev/null; true; }
    """

    def test_at(self):
        """It writes to the user who called, whose address is of this machine."""
        aliased = self.box()
        noise = write_file(self.scratch + "/noise", NOISE.encode())
        run = self.start("recorded", "sh", "-c", self.START, "sh", noise)
        self.quiet(run)
        words, given = self.recorded()
        self.assertEqual(words, ["-i", "root"])
        self.assertIn(b"To: root", given)
        # The same once more, to somebody whom Postfix knows.
        self.quiet(self.start("direct", "sendmail", "-i", f"{aliased}@example.org", stdin=given))
        self.assertEqual(self.arrived(aliased).partition(b"\n\n")[2], NOISE.encode() + b"\n")
        self.assertIn(b"\nTo: root@here.example\n", self.arrived(aliased))


class Sudo(CallerCase):
    def sudo(self, how, box):
        return self.start(how, "sh", "-c", """
            printf 'Defaults mail_no_perms, mailto="%s"\nroot ALL=(ALL:ALL) /usr/bin/false\n' \
                "$1@example.org" >/run/sudoers && chmod 440 /run/sudoers && mount --bind /run/sudoers /etc/sudoers &&
            sudo -n true 2>/dev/null; said=$?
            # It does not wait for its mail.
            sleep 1.5; exit "$said"
            """, "sh", box)

    def check(self, box):
        content = self.arrived(box)
        self.assertIn(f"\nTo: {box}@example.org\n".encode(), content)
        self.assertRegex(content, rb"\nFrom: root@here.example\n")
        self.assertRegex(content, rb"\n\n.*command not allowed.* COMMAND=\S*/true\n")

    def test_sudo(self):
        self.each_way(self.sudo, "-t", status=1, refused=1, check=self.check)


class AsTheyDo(CallerCase):
    """The words and the standard input of the table of callers."""

    def sends(self, words, header, text=NOISE, **more):
        words = words.split(" ")

        def send(how, box):
            here = [w.replace("BOX", box) for w in words]
            return self.start(how, "sendmail", *here, stdin=f"{header.replace('BOX', box)}\n{text}".encode(), **more)

        want = text if {"-i", "-oi"} & set(words) else text.partition("\n.\n")[0]

        def check(box):
            self.assertEqual(self.arrived(box).partition(b"\n\n")[2].decode(), want.rstrip("\n") + "\n")

        self.each_way(send, re.escape(" ".join(words)), check=check)

    CRONIE = ("From: \"(Cron Daemon)\" <root>\nTo: BOX@example.org\nSubject: Cron <root@vm> job\nMIME-Version: 1.0\n"
              "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nAuto-Submitted: "
              "auto-generated\nPrecedence: bulk\nX-Cron-Env: <SHELL=/bin/sh>\n")

    def test_bcron(self):
        self.sends("-FCronDaemon -i -odi -oem -t", "To: BOX@example.org\nFrom: root\nSubject: job\n")

    def test_anacron(self):
        self.sends("-FAnacron -odi BOX@example.org", "To: root\nSubject: Anacron job\n")

    def test_systemd_cron(self):
        self.sends("-i -B8BITMIME BOX@example.org", "From: root (systemd-cron)\nTo: root\nSubject: x\n")

    def test_logwatch(self):
        """Several To lines."""
        self.sends("-t", "To: BOX@example.org\nTo: BOX@example.org\nFrom: root\nSubject: Logwatch\n")

    def test_unattended_upgrades(self):
        self.sends("-oi -t", "To: BOX@example.org\nSubject: changes\n")

    def test_fail2ban(self):
        self.sends("-f fail2ban BOX@example.org", "From: fail2ban\nTo: root\nSubject: banned\n")

    def test_mail_to_somebody_called_root(self):
        """Bare names get the domain of the machine, in the envelope as in the header."""
        run = self.start("recorded", "sendmail", "-f", "fail2ban", "root", stdin=b"From: fail2ban\n\nx\n")
        self.assertRegex(run.stderr, b"<root@here.example>: ")

    def test_cronie_cancelled(self):
        """cronie starts it at the first byte of output, and kills it when nothing is to be sent."""
        box = self.box()
        words = ["sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"]
        run = subprocess.Popen(self.world.command("direct", *words), stdin=subprocess.PIPE)
        run.stdin.write(self.CRONIE.replace("BOX", box).encode() + b"\nfirst\n")
        run.stdin.flush()
        wait_until_read(run)
        self.assertIsNone(run.poll())
        run.kill()
        run.stdin.close()
        run.wait()
        self.assertTrue(self.world.postfix.is_empty(box))

    def test_cronie_with_a_slow_job(self):
        box = self.box()
        words = ["sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"]
        run = subprocess.Popen(self.world.command("direct", *words), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdin.write(self.CRONIE.replace("BOX", box).encode() + b"\nfirst\n")
        run.stdin.flush()
        wait_until_read(run)
        out, err = run.communicate(b"second")
        self.assertEqual((run.returncode, out, err), (0, b"", b""))
        content = self.arrived(box)
        self.assertEqual(content.partition(b"\n\n")[2], b"first\nsecond\n")
        self.assertRegex(content, rb'\nFrom: "\(Cron Daemon\)" <root@here.example>\n')

    def test_mdadm(self):
        """popen of /usr/lib/sendmail -t, SIGPIPE ignored."""
        def send(how, box):
            header = (f"From: mdadm monitoring <root>\nTo: {box}@example.org\n"
                      "Subject: DegradedArray event on /dev/md0:vm\n\n")
            return self.start(how, "sh", "-c", "trap '' PIPE; exec /usr/lib/sendmail -t",
                              stdin=(header + "P.S. The /proc/mdstat file:\n\nmd0 : active raid1\n\n").encode())

        def check(box):
            content = self.arrived(box)
            self.assertIn(b"\nFrom: mdadm monitoring <root@here.example>\n", content)
            self.assertEqual(content.partition(b"\n\n")[2], b"P.S. The /proc/mdstat file:\n\nmd0 : active raid1\n\n")

        box = self.box()
        self.quiet(send("direct", box))
        check(box)
        box = self.box()
        self.quiet(send("dead", box))
        self.run_queue()
        check(box)

    def test_closed_descriptors(self):
        """mailutils closes 1 and 2, others leave none but 0."""
        for closed in (">&-", "2>&-", ">&- 2>&-", ">&- 2>&- 3>&-"):
            with self.subTest(closed):
                box = self.box()
                run = self.start("direct", "sh", "-c", f"exec sendmail -oi -t {closed}",
                                 stdin=f"To: {box}@example.org\n\n{NOISE}".encode())
                self.quiet(run)
                self.assertEqual(self.arrived(box).partition(b"\n\n")[2], NOISE.encode() + b"\n")

    def test_closed_standard_input(self):
        run = self.start("direct", "sh", "-c", "exec sendmail -oi box-closed@example.org <&-")
        self.assertEqual(run.returncode, 66, run)
        self.assertTrue(self.world.postfix.is_empty("box-closed"))

    def test_environment_of_nobody(self):
        """PHP-FPM's: none; a container's user is in no passwd."""
        box = self.box()
        run = self.start("direct", "env", "-i", "setpriv", "--reuid=54321", "--clear-groups", "/usr/sbin/sendmail",
                         "-t", "-i", stdin=f"To: {box}@example.org\n\nhello".encode())
        if b"ermission denied" in run.stderr:
            self.skipTest("the binary cannot be reached by other users")
        self.quiet(run)
        self.assertIn(b"\nFrom: uid-54321@here.example\n", self.arrived(box))

    def test_interrupted_before_the_end(self):
        """Nodemailer, lettre: SIGINT says that nothing is to be sent."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            box = self.box()
            # A shell's job in the background ignores SIGINT, and so would envoi.
            words = ["env", f"--default-signal={number.value}", "sendmail", "-i", f"{box}@example.org"]
            run = subprocess.Popen(self.world.command("direct", *words), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            run.stdin.write(b"Subject: x\n\nhello\n")
            run.stdin.flush()
            wait_until_read(run)
            run.send_signal(number)
            run.communicate()
            self.assertNotEqual(run.returncode, 0)
            self.assertTrue(self.world.postfix.is_empty(box))
