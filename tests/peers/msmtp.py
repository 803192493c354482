"""msmtp from Debian reads the same files: every account means the same to both.

`msmtp --pretend` prints what it makes of an account, `envoi config explain` what envoi does.
The files are msmtp's own examples (of its package, its manual page and its info manual) and
those of MADE. Where envoi means to differ it is said in `Compared`.
"""

import glob
import gzip
import os
import re
import subprocess

import support

SAMPLE_PIN = ":".join(f"{i:02X}" for i in range(32))

# Each is a file, and the accounts or senders to ask for.
MADE = [
    ("host h1\nport 26\naccount b\nhost h2\n", ["default", "b"]),
    ("defaults\nport 26\ndefaults\nuser u\naccount c\nhost c\n", ["c"]),
    ("defaults\nport 5\naccount a\nhost a\nport 1\ndefaults\nport 7\nuser z\naccount c : a\n"
     "account d : c\n", ["a", "c", "d"]),
    ("defaults\nport 5\naccount a\nhost a\ndefaults\nport 7\naccount c : a\naccount default : a\n",
     ["a", "c", "default"]),
    ("account a\nhost a\nuser ua\nport 1\naccount b\nhost b\nfrom x@b\naccount c : a, b\n"
     "account d:b,a\n", ["c", "d"]),
    ("account a\nhost a\nuser u\npassword p\nauth login\nfrom x@y\naccount b : a\nuser\npassword\n"
     "auth off\nfrom y@y\n", ["a", "b"]),
    ("account\ta\r\n\t host \t h.example \t\r\nuser \" x\" \r\n", ["a"]),
    ("account a\nhost h\nuser \"ab\npassword \" x\"\n", ["a"]),
    ("account a\nhost h\nuser \"a\" \"b\"\nntlmdomain d\n", ["a"]),
    ("account a\nhost h\ntls\ntls_starttls off\naccount b : a\ntls_starttls\naccount c : a\nport 26\n"
     "account d\nhost h\ntls_starttls off\n", ["a", "b", "c", "d"]),
    ("account a\nhost h\ntls\ntls_trust_file ~/ca\ntls_cert_file ~/c\ntls_key_file ~/k\n"
     "account b : a\ntls_trust_file system\ntls_cert_file\ntls_key_file\n", ["a", "b"]),
    (f"account a\nhost h\ntls\ntls_fingerprint {SAMPLE_PIN}\ntls_host_override o.example\n"
     f"account b : a\ntls_trust_file\naccount c : a\ntls_fingerprint\ntls_host_override\n",
     ["a", "b", "c"]),
    ("account a\nhost h\ntls\ntls_certcheck off\naccount b : a\ntls_nocertcheck\n"
     "account c\nhost h\ntls\ntls_nostarttls\n", ["a", "b", "c"]),
    ("account a\nhost h\ntls on\ntls_min_dh_prime_bits 1024\ntls_priorities NORMAL\n"
     "account b : a\ntls_min_dh_prime_bits\ntls_priorities\n", ["a", "b"]),
    ("account a\nhost h\nsocket /run/s\naccount b : a\nsocket\nsource_ip 192.0.2.1\n"
     "account c : b\nsource_ip\n", ["a", "b", "c"]),
    ("account a\nhost h\nprotocol lmtp\nport 2424\naccount b : a\nprotocol smtp\n", ["a", "b"]),
    ("account a\nhost h\ntimeout 30\naccount b : a\ntimeout off\naccount c : a\nconnect_timeout 7\n",
     ["a", "b", "c"]),
    ("account a\nhost h\ndomain d.example\naccount b\nhost h\ndomain %H\n", ["a", "b"]),
    ("account a\nhost h\nauth\nuser u\npassword p\naccount b : a\nauth plain\naccount c : a\n"
     "auth scram-sha-256\naccount d : a\nauth xoauth2\naccount e : a\nauth external\n"
     "account f : a\nauth off\npassword\npasswordeval echo x\naccount g : f\nauth oauthbearer\n",
     list("abcdefg")),
    ("account a\nhost h\nauto_from\nmaildomain foo.org\nfrom q@b.example\naccount b : a\nauto_from off\n"
     "account c\nhost h\nfrom %U@%H\naccount d\nhost h\nfrom\n", ["a", "b", "c", "d"]),
    ("account a\nhost h\nfrom x@y\nallow_from_override off\naccount b : a\nallow_from_override on\n",
     ["a", "b", "-f x@y"]),
    ("account a\nhost h\nset_from_header\nset_date_header off\nset_msgid_header off\nremove_bcc_headers off\n"
     "undisclosed_recipients\naccount b : a\nset_from_header auto\nset_date_header auto\n"
     "remove_bcc_headers\nundisclosed_recipients off\naccount c\nhost h\nset_from_header off\n"
     "set_date_header\n", ["a", "b", "c"]),
    ("account a\nhost h\nkeepbcc\nadd_missing_from_header off\nadd_missing_date_header off\n"
     "account b\nhost h\nkeepbcc off\nadd_missing_from_header\nadd_missing_date_header\n", ["a", "b"]),
    ("account a\nhost h\ndsn_notify failure,delay,success\ndsn_return headers\naccount b : a\n"
     "dsn_notify off\ndsn_return off\naccount c\nhost h\ndsn_notify never\ndsn_return full\n",
     ["a", "b", "c"]),
    ("account a\nhost h\nlogfile ~/log\nlogfile_time_format %s\nsyslog\naliases ~/aliases\n"
     "account b : a\nlogfile -\nlogfile_time_format\nsyslog LOG_LOCAL3\naliases\n"
     "account c : a\nlogfile\nsyslog off\n", ["a", "b", "c"]),
    ("account a\neval echo host h.example\neval printf 'port 33\\nport 44\\n'\n", ["a"]),
    # Choosing by the sender.
    ("account a\nhost a\nfrom *@[ab].org\naccount b\nhost b\nfrom x@b.org\naccount c\nhost c\n"
     "from joe@c.org\naccount default\nhost d\n",
     ["-f x@b.org", "-f joe@c.org", "-f joe+list@c.org", "-f JOE@c.org", "-f z@z", "-f jo@c.org", "default"]),
    ("account a\nhost a\nfrom ?@x\naccount b\nhost b\nfrom [!a-m]?@x\naccount default : b\n",
     ["-f q@x", "-f qq@x", "-f aq@x", "-f qqq@x"]),
]

# What msmtp refuses, envoi refuses as well, and the other way round.
BAD = [
    "account a\nhots x\n", "account a\nHOST x\n", "account a\nhost\n", "account a\nport 0\n",
    "account a\nport 70000\n", "account a\nport smtp\n", "account a\nport\n", "account a\ntls yes\n",
    "account a\ntls ON\n", "account a\nauth foo\n", "account a\nprotocol LMTP\n",
    "account a\nsyslog MAIL\n", "account a\nsyslog log_mail\n", "account a\ntimeout 0\n",
    "account a\nset_date_header on\n", "account a\ndsn_notify failure, delay\n",
    "account a\ndsn_notify never,delay\n", "account\nhost x\n", "account a :\n", "account a,b\n",
    "account a\naccount b : a,,\n", "account b : z\n", "account b : b\n", "defaults x\n",
    "account a\nhost x\naccount a\n", "host x\naccount default\n",
    "account a\nhost x\ntls\ntls_trust_file\n", "account a\nhost x\ntls_key_file /k\n",
]


def unescape(roff):
    return roff.replace("\\-", "-").replace("\\:", "").replace("\\(ti", "~")


class Compared(dict):
    """What a program says of an account, by msmtp's names; a setting it does not have is
    missing, or None."""

    @classmethod
    def of_msmtp(cls, text):
        facts = cls(re.findall(r"^([a-z_ ]+) = (.*)$", text, re.M))
        facts = cls((k.replace(" ", "_"), None if v == "(not set)" else v) for k, v in facts.items())
        chosen = re.search(r"^using account (.*) from ", text, re.M)
        facts["account"] = chosen.group(1) if chosen else None
        # Things envoi does not say, or says in other words.
        facts.pop("proxy_port", None)
        facts["auth"] = facts["auth"].lower()
        if facts.get("domain") == "localhost":
            facts["domain"] = None  # envoi: the host's name or address
        if facts.get("socket"):
            facts.pop("port", None)
        if facts.get("passwordeval"):
            facts.pop("password", None)  # it was run, envoi does so later
        if facts.get("dsn_notify"):
            facts["dsn_notify"] = ",".join(sorted(facts["dsn_notify"].lower().split(",")))
        return facts

    @classmethod
    def of_envoi(cls, text):
        head, _, settings = text.partition("\nSettings:\n")
        # Columns: the keyword, the value padded to 40, the origin behind two blanks.
        said = {}
        for line in settings.splitlines():
            said[line[:24].strip()] = line[24:]
        said = {k: re.sub(" {2,}$", "", v[:40]) if v[40:42] == "  " else v.rsplit("  ", 1)[0] for k, v in said.items()}
        said = {k: None if v in ('""', "") else v.encode().decode("unicode_escape") for k, v in said.items()}

        def head_value(key):
            found = re.search(rf"^{key} +(.*?)  +\S", head, re.M)
            return found.group(1) if found else None

        server = head_value("server").split()
        tls = head_value("  TLS")
        facts = cls(account=head_value("account"), protocol=server[0])
        facts["host"] = said.get("host")
        facts["socket"] = said.get("socket")
        if not facts["socket"]:
            facts["port"] = server[1].rsplit(":", 1)[1]
        auth = said.get("auth", "off")
        facts["auth"] = {"off": "none", "on": "choose"}.get(auth, auth.lower())
        # With authentication envoi wants TLS even where nothing says so; it is told why.
        raised = re.search(r"^  TLS .*because of auth$", head, re.M)
        facts["tls"] = "off" if tls == "off" or raised else "on"
        facts["tls_starttls"] = said.get("tls_starttls", "on")
        facts["timeout"] = said.get("timeout", "off")
        if facts["timeout"] != "off":
            facts["timeout"] += " seconds"
        facts["password"] = "*" if said.get("password") else None
        sender = head_value("sender")
        facts["from"] = None if sender == "(not set)" else sender.split(",")[0].strip("<>")
        syslog = said.get("syslog", "off")
        facts["syslog"] = {"off": None, "on": "LOG_USER"}.get(syslog, syslog)
        facts["dsn_notify"] = said.get("dsn_notify", "off")
        facts["dsn_notify"] = None if facts["dsn_notify"] == "off" else \
            ",".join(sorted(facts["dsn_notify"].split(",")))
        facts["dsn_return"] = {"headers": "HDRS", "full": "FULL"}.get(said.get("dsn_return"))
        defaults = {
            "tls_trust_file": "system", "tls_certcheck": "on", "auto_from": "off",
            "allow_from_override": "on", "set_from_header": "auto", "set_date_header": "auto",
            "remove_bcc_headers": "on", "undisclosed_recipients": "off"}
        for key in ("source_ip", "proxy_host", "domain", "user", "passwordeval", "ntlmdomain",
                    "tls_crl_file", "tls_fingerprint", "tls_key_file", "tls_cert_file",
                    "tls_min_dh_prime_bits", "tls_priorities", "tls_host_override", "maildomain",
                    "logfile", "logfile_time_format", "aliases", *defaults):
            facts[key] = said.get(key, defaults.get(key))
        return facts


class Msmtp(support.PeerCase):
    """No server is needed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.msmtp = support.package_file("usr/bin/msmtp")
        libraries = glob.glob(support.PACKAGES + "/usr/lib/*-linux-gnu")
        cls.environment = {
            "PATH": os.environ["PATH"], "HOME": cls.scratch, "USER": "joe", "HOSTNAME": "host.example",
            "LANG": "C"}
        cls.libraries = {"LD_LIBRARY_PATH": ":".join(libraries)}
        os.chmod(cls.scratch, 0o700)
        started = subprocess.run([cls.msmtp, "--version"], env=cls.environment | cls.libraries,
                                 capture_output=True, check=False)
        assert started.returncode == 0, started.stderr

    def run_msmtp(self, path, *arguments):
        return subprocess.run(
            [self.msmtp, "--pretend", "-C", path, *arguments, "to@example.org"], stdin=subprocess.DEVNULL,
            env=self.environment | self.libraries, capture_output=True, text=True, check=False,
            timeout=support.RUN_BOUND)

    def run_envoi(self, path, *arguments, word="explain"):
        result = subprocess.run(
            [*config_command(), word, "-C", path, *arguments], stdin=subprocess.DEVNULL,
            env=self.environment, capture_output=True, text=True, check=False, timeout=support.RUN_BOUND)
        self.assertNotRegex(result.stderr, "runtime error|Sanitizer")
        return result

    def write(self, text):
        path = support.write_file(f"{self.scratch}/rc", text.encode())
        os.chmod(path, 0o600)
        return path

    def compare(self, text, *arguments):
        path = self.write(text)
        theirs, ours = self.run_msmtp(path, *arguments), self.run_envoi(path, *arguments)
        where = f"{arguments}\n{text}\n-- msmtp\n{theirs.stdout}{theirs.stderr}\n-- envoi\n{ours.stdout}{ours.stderr}"
        self.assertEqual(theirs.returncode, 0, where)
        self.assertEqual(ours.returncode, 0, where)
        expected, got = Compared.of_msmtp(theirs.stdout), Compared.of_envoi(ours.stdout)
        self.assertGreater(len(expected), 30, where)
        for key, value in expected.items():
            if key == "from" and value is None and got.get(key) is None:
                continue
            self.assertEqual(got.get(key), value, f"{key}: {where}")

    def compare_all(self, text):
        """Every account of a file."""
        text = re.sub(r"^passwordeval gpg.*", "passwordeval echo x", text, flags=re.M)
        names = re.findall(r"^account +(\S+)", text, re.M)
        self.assertTrue(names)
        for name in names:
            self.compare(text, "-a", name)
        for sender in re.findall(r"^from +([^%*\s]+)$", text, re.M):
            self.compare(text, "-f", sender)

    def test_examples_of_the_package(self):
        files = glob.glob(support.PACKAGES + "/usr/share/doc/msmtp/examples/msmtprc-*.example")
        self.assertEqual(len(files), 2)
        for path in files:
            with self.subTest(os.path.basename(path)), open(path, encoding="utf-8") as f:
                self.compare_all(f.read())

    def test_example_of_the_manual_page(self):
        page = support.package_file("usr/share/man/man1/msmtp.1.gz")
        with gzip.open(page, "rt", encoding="utf-8") as f:
            text = f.read()
        found = re.search(r"^# Example for a user configuration.*?^account default.*?$", text, re.M | re.S)
        lines = [line for line in found.group().splitlines() if not line.startswith(".")]
        self.compare_all(unescape("\n".join(lines)) + "\n")

    def test_examples_of_the_info_manual(self):
        with gzip.open(support.package_file("usr/share/info/msmtp.info.gz"), "rt", encoding="utf-8") as f:
            text = f.read()
        found = re.findall(r"(?:^     .*\n|^\n)+", text, re.M)
        files = [re.sub(r"^     ", "", part, flags=re.M) for part in found]
        files = [part for part in files if re.search(r"^account .*\n(.*\n)*host ", part, re.M)]
        self.assertGreaterEqual(len(files), 2)
        for part in files:
            with self.subTest(part.strip().splitlines()[0]):
                self.compare_all(part)

    def test_files_made_for_it(self):
        for text, wanted in MADE:
            for ask in wanted:
                arguments = ask.split() if ask.startswith("-f") else ["-a", ask]
                with self.subTest(ask=ask, text=text):
                    self.compare(text, *arguments)

    def test_both_refuse_the_same(self):
        for text in BAD:
            with self.subTest(text=text):
                path = self.write(text)
                theirs = self.run_msmtp(path, "-a", "a")
                self.assertEqual(theirs.returncode, 78, theirs.stdout + theirs.stderr)
                ours = self.run_envoi(path, "-a", "a")
                self.assertEqual(ours.returncode, 78, ours.stdout + ours.stderr)
                self.assertRegex(ours.stderr, rf"^envoi: {re.escape(path)}:\d+: ")

    def test_every_keyword_of_msmtp_is_known(self):
        """The keywords of its manual page: none is unknown to envoi."""
        page = support.package_file("usr/share/man/man1/msmtp.1.gz")
        with gzip.open(page, "rt", encoding="utf-8") as f:
            text = f.read().replace("\\-", "-")
        text = re.search(r"^\.SH CONFIGURATION FILES.*?^\.SH EXAMPLES", text, re.M | re.S).group()
        words = set(re.findall(r"^\.IP \"?([a-z_]+)", text, re.M)) - {"defaults", "account", "eval"}
        self.assertGreaterEqual(len(words), 40)
        for word in sorted(words):
            with self.subTest(word):
                result = self.run_envoi(self.write(f"account a\nhost h\n{word} /nonsense\n"), word="check")
                self.assertNotRegex(result.stdout + result.stderr, "no such keyword")


def config_command():
    return [support.BINARY, "config"]
