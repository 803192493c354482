"""The same messages through three programs called sendmail -t: envoi, Postfix, Exim.

Each relays to a server that keeps what it gets. What differs from envoi, recipients, fields and
body, is in DIFFERENCES with the reason; nothing else may differ, and all of these have to.
"""

import concurrent.futures
import importlib.util
import os
import re
import subprocess

from aiosmtpd_peer import Aiosmtpd
from exim import Exim
from header_cases import HEADERS
from header_differences import DIFFERENCES
from postfix import Postfix
from support import (
    BINARY, PACKAGES, RUN_BOUND, PeerCase, certificate, free_port, need_root, wait_for, write_file,
)

DOMAIN = "here.example"

CONFIG = """account default
host 127.0.0.1
port {port}
tls off
maildomain here.example
aliases {aliases}
"""
MAIN = """
myhostname = mx.here.example
myorigin = here.example
virtual_mailbox_domains =
relay_domains =
transport_maps =
default_transport = smtp:[127.0.0.1]:{port}
smtp_tls_security_level = none
disable_mime_input_processing = no
export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH
message_drop_headers = bcc, content-length, resent-bcc, return-path
# Once to all of them.
smtp_destination_recipient_limit = 1000
"""
EXIM = """
qualify_domain = here.example
domainlist local_domains =
# Arguments are recipients more, as with the others.
extract_addresses_remove_arguments = false
return_path_remove = true
keep_environment =
"""


def facts(number, given, envelope, octets):
    """What is to be the same, as lines of text. The time and the number in a field that was added
    cannot be."""
    header, _, body = octets.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", header.removesuffix(b"\r\n"))
    assert fields.pop(0).startswith(b"Received: ")
    found = ["rcpt " + recipient for recipient in envelope["to"]]
    for field in fields:
        name = field.partition(b":")[0].strip().lower()
        if name.endswith((b"date", b"message-id")) and field not in given:
            field = name + b": ADDED"
        found.append(field.decode(errors="backslashreplace"))
    found.append("body " + body.decode(errors="backslashreplace"))
    found = [line.replace("\r\n", "\n").replace(f"case-{number}@", "SENDER@") for line in found]
    return [re.sub("x{20,}", "xx...", re.sub("(x{20,}=\n)+", "xx...=\n", line)) for line in found]


class Program:
    def __init__(self, folder):
        self.recorder = Aiosmtpd(folder)
        self.statuses = {}

    def outcome(self, number, name, given):
        """The facts of all that arrived for a case; what was said where nothing did."""
        found, by_name = [], name.replace(" ", "-") + "@y.example"
        for envelope, octets in self.recorder.arrived():
            # Who has the null sender is found by the recipient.
            if envelope["from"].startswith(f"case-{number}@") or by_name in envelope["to"]:
                found += facts(number, given, envelope, octets)
        return found or [f"nothing, and exit status {self.statuses[number]}"]

    def run(self, number, arguments, given):
        done = subprocess.run(
            self.command("-oi", "-t", "-f", f"case-{number}@{DOMAIN}", *arguments), input=given,
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_BOUND)
        self.statuses[number] = done.returncode
        assert b"runtime error" not in done.stdout and b"Sanitizer" not in done.stdout, done.stdout

    def environment(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    def settle(self):
        pass

    def stop(self):
        self.recorder.stop()


class Envoi(Program):
    def __init__(self, folder):
        super().__init__(folder + "/at-envoi")
        os.symlink(BINARY, folder + "/sendmail")
        self.words = [folder + "/sendmail", "-C", folder + "/config"]
        write_file(folder + "/config", CONFIG.format(
            port=self.recorder.port, aliases=write_file(folder + "/aliases", b"")).encode())
        os.chmod(folder + "/config", 0o600)

    def command(self, *words):
        return [*self.words, *words]

    def environment(self):
        return {**super().environment(), "HOME": self.recorder.folder}


class PostfixProgram(Program):
    def __init__(self, folder):
        super().__init__(folder + "/at-postfix")
        self.postfix = Postfix(
            folder + "/postfix", *certificate(folder), free_port(), MAIN.format(port=self.recorder.port))

    def command(self, *words):
        return [PACKAGES + "/usr/sbin/sendmail", *words]

    def environment(self):
        libraries = f"{PACKAGES}/usr/lib/postfix:{PACKAGES}/usr/lib/x86_64-linux-gnu"
        return {**super().environment(), "MAIL_CONFIG": self.postfix.folder + "/conf", "LD_LIBRARY_PATH": libraries}

    def settle(self):
        def waiting():
            return [name for queue in ("maildrop", "incoming", "active")
                    for _, _, names in os.walk(f"{self.postfix.folder}/queue/{queue}") for name in names]

        # A message is in the next queue before it is gone from the one before.
        wait_for("empty queue", lambda: not waiting())

    def stop(self):
        self.postfix.stop()
        super().stop()


class EximProgram(Program):
    def __init__(self, folder):
        super().__init__(folder + "/at-exim")
        self.exim = Exim(folder + "/exim", relay=self.recorder.port, daemon=False, more=EXIM)

    def command(self, *words):
        return self.exim.command("-odi", *words)


def differences(ours, theirs, given):
    """Lines that only the other has, then those that only envoi has; or that what was given is in
    another order."""
    if ours[0].startswith("nothing, ") or theirs[0].startswith("nothing, "):
        # What the one that arrived is like does not matter here.
        return [sign + one[0] for sign, one in (("- ", theirs), ("+ ", ours))
                if one[0].startswith("nothing, ")] if ours != theirs else []
    left, only, common = list(ours), [], []
    for line in theirs:
        if line in left:
            left.remove(line)
            common.append(line)
        else:
            only.append("- " + line)
    only += ["+ " + line for line in left]
    ordered = [line for line in common if line.encode() in given]
    return only + ["other order"] * (sorted(ordered, key=ours.index) != ordered)


class HeaderRepairTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        need_root("Postfix")
        if importlib.util.find_spec("aiosmtpd") is None:
            cls.skipTest("python3-aiosmtpd is not installed")
        super().setUpClass()
        cls.programs = {
            "envoi": cls.keep(Envoi(cls.scratch)),
            "postfix": cls.keep(PostfixProgram(cls.scratch)),
            "exim": cls.keep(EximProgram(cls.scratch)),
        }

    def test_header_repair(self):
        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            runs = [
                threads.submit(program.run, number, arguments, given)
                for number, (_, arguments, given) in enumerate(HEADERS) for program in self.programs.values()]
            for run in runs:
                run.result()
        listed = {(peer, case, line) for _, peers, cases, lines in DIFFERENCES
                  for peer in peers for case in cases for line in lines}
        found = set()
        for program in self.programs.values():
            program.settle()
        for number, (name, _, given) in enumerate(HEADERS):
            got = {who: program.outcome(number, name, given) for who, program in self.programs.items()}
            for peer in ("postfix", "exim"):
                found |= {(peer, name, line) for line in differences(got["envoi"], got[peer], given)}
        for what, lines in (("not listed", found - listed), ("listed, and not so", listed - found)):
            with self.subTest(what):
                self.assertEqual("\n".join(map(repr, sorted(lines))), "")
