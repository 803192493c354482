"""The libraries of languages: PHP, Perl, Ruby, Node.js, Python."""

import email.message
import email.policy
import shutil

from world import SUBJECT, TEXT, CallerCase

ENCODED = "=?UTF-8?B?R3LDvMOfZTogNTAgJSDDvGJlciDigqw=?="
TYPE = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"


class Python(CallerCase):
    def message(self, box):
        message = email.message.EmailMessage()
        message["From"], message["To"] = "Älice <alice@example.org>", f"{box}@example.org"
        message["Bcc"], message["Subject"] = f"{box}-bcc@example.org", SUBJECT
        message.set_content(TEXT, cte="8bit")
        return message

    def sends(self, policy, words):
        def send(how, box):
            # Without its Bcc where it matters who is refused.
            message = self.message(box)
            if how in ("refused", "dead"):
                del message["Bcc"]
            return self.start(how, "sendmail", "-t", "-oi", stdin=message.as_bytes(policy=policy))

        self.each_way(send, words)

    def test_subprocess(self):
        self.sends(email.policy.default, "-t -oi")
        self.assert_message(f"box-python-{self.boxes - 2}-bcc")

    def test_long_lines_and_bare_octets(self):
        """Nobody said how they are encoded, and a line is longer than SMTP allows: they are encoded so
        that the same comes out."""
        text = "Grüße\n" + "word " * 1000 + "\n." + "x" * 3000 + "\nend"
        box = self.box()
        self.quiet(self.start("direct", "sendmail", "-i", f"{box}@example.org", stdin=(
            f"Subject: {SUBJECT}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}").encode()))
        self.assert_message(box, text=text)
        self.assertLessEqual(max(map(len, self.arrived(box).split(b"\n"))), 998)

    def test_mixed_ends(self):
        """CRLF, LF and CR in one message, the last line without any."""
        for words in (["-i"], ["-i", "-t"]):
            box = self.box()
            self.quiet(self.start("recorded", "sendmail", *words, f"{box}@example.org", stdin=(
                b"From: alice\r\nTo: bob (B)\nSubject: mixed\r\n\r\n\r\none\ntwo\r\n.\r\n.\nfour\rfive\r\rend")
                if words == ["-i"] else
                b"From: alice\r\nBcc: carl@example.org,\r\n\tdora@example.org\nX: mixed\r\n\r\n.\r\n.\nend\r"
                .replace(b"carl", b"box-carl").replace(b"dora", b"box-dora")))
            self.assert_repaired(box, " ".join([*words, "BOX@example.org"]))
        for box in ("box-carl", "box-dora"):
            self.assertEqual(len(self.world.postfix.arrived(box, 1)), 1)

    def test_subprocess_crlf(self):
        self.sends(email.policy.SMTP, "-t -oi")


class PHP(CallerCase):
    MAIL = """
    $text = stream_get_contents(STDIN);
    [$to, $subject, $headers, $more] = [getenv('TO'), getenv('SUBJECT'), getenv('HEADERS'), getenv('MORE')];
    exit(mail($to, $subject, $text, $headers, $more) ? 0 : 1);
    """

    def sends(self, text, more, words, sender="alice@example.org", headers=TYPE):
        def send(how, box):
            env = {"TO": f"{box}@example.org", "SUBJECT": ENCODED, "MORE": more,
                   "HEADERS": f"From: {sender}\r\n" + headers.replace("\n", "\r\n")}
            return self.start(how, "php8.2", "-r", self.MAIL, stdin=text.encode(), env=env)

        self.each_way(send, words, refused=1)

    def test_mail(self):
        """CRLF in the header, LF in the body."""
        self.sends(TEXT, "", "-t -i")

    def test_mail_with_a_sender(self):
        self.sends(TEXT, "-falice@example.org", "-t -i -falice@example.org")

    def test_mail_with_mixed_ends(self):
        self.sends(TEXT.replace("\n", "\r\n", 3), "", "-t -i")

    def test_mail_with_bcc(self):
        self.sends(TEXT, "", "-t -i", headers=TYPE + "\nBcc: box-php-bcc@example.org")
        self.assertEqual(len(self.world.postfix.arrived("box-php-bcc", 4)), 4)


class Perl(CallerCase):
    def sends(self, script, words, **more):
        def send(how, box):
            return self.start(how, "perl", "-e", script, f"{box}@example.org", stdin=TEXT.encode())

        self.each_way(send, words, **more)

    START = 'use strict; my $to = $ARGV[0]; binmode STDIN; my $text = join "", <STDIN>;'

    def test_mime_lite(self):
        """With an attachment; it leaves the Bcc where it is."""
        script = self.START + f"""
        use MIME::Lite;
        my $m = MIME::Lite->new(From => 'alice@example.org', To => $to,
            Subject => '{ENCODED}', Type => 'multipart/mixed');
        $m->attach(Type => 'text/plain; charset=utf-8', Encoding => '8bit', Data => $text);
        $m->attach(Type => 'application/octet-stream', Encoding => 'base64', Filename => 'a.bin',
            Data => join('', map(chr, 0..255)));
        exit($m->send ? 0 : 1);
        """
        self.sends(script, "-t -oi -oem( -falice@example.org)?", refused=None,
                   check=lambda box: self.assert_message(box, files=[bytes(range(256))]))

    def test_mail_mailer(self):
        """-t without -i: a lone dot ends it."""
        script = self.START + f"""
        use Mail::Mailer;
        my $m = Mail::Mailer->new('sendmail');
        $m->open({{ From => 'alice@example.org', To => $to, Subject => '{ENCODED}',
            'Content-Type' => 'text/plain; charset=utf-8', 'MIME-Version' => '1.0'}});
        print $m $text;
        exit($m->close ? 0 : 1);
        """
        self.sends(script, "-t", refused=None,
                   check=lambda box: self.assert_message(box, text=TEXT.partition("\n.\n")[0]))

    def test_email_sender(self):
        script = self.START + f"""
        use Email::Sender::Simple qw(try_to_sendmail); use Email::Sender::Transport::Sendmail;
        my $m = "From: alice\\@example.org\\nTo: $to\\nSubject: {ENCODED}\\nMIME-Version: 1.0\\n" .
            "Content-Type: text/plain; charset=utf-8\\nContent-Transfer-Encoding: 8bit\\n\\n$text";
        exit(try_to_sendmail($m, {{ transport => Email::Sender::Transport::Sendmail->new }}) ? 0 : 1);
        """
        self.sends(script, "-i -f alice@example.org -- BOX@example.org", refused=1)


class Ruby(CallerCase):
    def test_mail(self):
        script = """
        require 'mail'
        Mail.defaults { delivery_method :sendmail }
        text = STDIN.read.force_encoding('UTF-8')
        m = Mail.new(charset: 'UTF-8')
        m.from, m.to, m.subject = 'alice@example.org', ARGV[0], ENV['SUBJECT']
        m.body = text
        begin
          m.deliver!
        rescue StandardError
          exit 1
        end
        """

        def send(how, box):
            return self.start(how, "ruby", "-e", script, f"{box}@example.org", stdin=TEXT.encode(),
                              env={"SUBJECT": SUBJECT})

        self.each_way(send, "-i( -t)? -f .?alice@example.org.?( --)? .*", refused=None)


class Node(CallerCase):
    def sends(self, newline):
        script = """
        const text = require('fs').readFileSync(0, 'utf8');
        require('nodemailer').createTransport({sendmail: true, newline: process.argv[2]}).sendMail({
          from: 'alice@example.org', to: process.argv[1], bcc: process.env.BCC, subject: process.env.SUBJECT,
          text: text, attachments: [{filename: 'a.bin', content: Buffer.from([...Array(256).keys()])}],
        }, error => process.exit(error ? 1 : 0));
        """

        if shutil.which("node") is None:
            self.skipTest("no node")

        def send(how, box):
            bcc = "" if how in ("refused", "dead") else f"{box}-bcc@example.org"
            return self.start(how, "node", "-e", script, f"{box}@example.org", newline, stdin=TEXT.encode(),
                              env={"SUBJECT": SUBJECT, "BCC": bcc})

        self.each_way(send, "-i -f alice@example.org BOX@example.org( BOX-bcc@example.org)?", refused=1,
                      check=lambda box: self.assert_message(box, files=[bytes(range(256))]))

    def test_nodemailer(self):
        """Bcc stays in the header."""
        self.sends("unix")

    def test_nodemailer_crlf(self):
        self.sends("windows")
