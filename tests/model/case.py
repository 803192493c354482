"""One case: what a seed makes of servers, messages and options; and whether the
client's report is true to the servers' ledger."""

import collections
import email
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading

from server import Ledger, Plan, Server

PATIENCE = 60
OUTCOMES = ("delivered", "rejected", "deferred", "unknown", "untried")


def make_body(chance, number):
    """A message as it is in its file."""
    text = b"Subject: %d\n\n" % number
    text += chance.choice([b"", b".\n", b"..two\n", b".QUIT\nRSET\n", b"line\n" * 400])
    if chance.random() < 0.05:
        text += b"gr\xfc\xdfe\n"
    if chance.random() < 0.1:
        text += b"0123456789abcdef" * 63 + b"\n"
    if chance.random() < 0.05:
        text += b"much\n" * 60000
    if chance.random() < 0.3:
        text += b"no line end"
    return text


def on_the_wire(text):
    text = text.replace(b"\n", b"\r\n")
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def may_be_encoded(text):
    """Long lines, and 8-bit octets, may travel in another form."""
    return not text.isascii() or max(map(len, text.split(b"\n"))) > 998


def as_it_was(body):
    """What a message was like before fields were added and it was encoded."""
    header, _, text = body.partition(b"\r\n\r\n")
    if b"Content-Transfer-Encoding:" in header:
        text = email.message_from_bytes(body).get_payload(decode=True)
    kept = [line for line in header.split(b"\r\n") if line.startswith(b"Subject:")]
    return b"\r\n".join(kept) + b"\r\n\r\n" + text


class Case:
    def __init__(self, seed, binary):
        self.seed = seed
        self.binary = binary
        chance = random.Random(seed)
        # How often things go wrong: in this share of all that is said.
        self.rate = chance.choice([0, 0.01, 0.02, 0.05, 0.1, 0.3])
        self.lmtp = chance.random() < 0.2
        self.silence = chance.random() < 0.1
        self.plans = [Plan(chance, self) for _ in range(chance.choice([1, 1, 2, 3]))]
        self.bodies = [make_body(chance, number)
                       for number in range(chance.choice([1, 2, 5, 9, 20]))]
        self.people = ["r%d@d%d.example" % (number, number % 2)
                       for number in range(chance.choice([1, 1, 2, 3, 5]))]
        self.sessions = chance.choice([2, 3, 5]) if chance.random() < 0.4 else 1
        self.all_or_nothing = chance.random() < 0.15
        self.raw = chance.random() < 0.3
        self.without = chance.choice(["CHUNKING", "PIPELINING"]) if chance.random() < 0.1 else None
        self.interrupt_after = chance.randrange(1, 40) if chance.random() < 0.1 else None
        self.faults = []
        self.report = {"message": [], "session": []}
        self.process = None
        self.started = threading.Event()

    def fault(self, *words):
        self.faults.append(" ".join(str(word) for word in words))

    def interrupt(self):
        self.started.wait(PATIENCE)
        self.process.send_signal(signal.SIGINT)

    # -- running

    def arguments(self, folder):
        words = [self.binary, "send", "--report", "json", "--helo", "client.example",
                 "-f", "sender@client.example", "--timeout", "0.5" if self.silence else "20",
                 "--timeout", "quit=0.3", "--sessions", str(self.sessions)]
        for server in self.servers:
            words += ["-s", "%s://127.0.0.1:%d" % ("lmtp" if self.lmtp else "smtp", server.port)]
        for address in self.people:
            words += ["--to", address]
        if self.all_or_nothing:
            words.append("--all-or-nothing")
        if self.raw:
            words.append("--raw")
        if self.without:
            words += ["--without", self.without]
        for number, body in enumerate(self.bodies):
            path = os.path.join(folder, "%d.eml" % number)
            with open(path, "wb") as stream:
                stream.write(body)
            words.append(path)
        return words

    def run(self):
        """Return what is wrong, a list of lines."""
        folder = tempfile.mkdtemp(prefix="model-")
        self.ledger = Ledger(self.interrupt_after, self.interrupt)
        self.servers = [Server(plan, self.ledger, "%s/%d" % (self.seed, number))
                        for number, plan in enumerate(self.plans)]
        try:
            self.process = subprocess.Popen(
                self.arguments(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, cwd=folder)
            self.started.set()
            stdout, self.stderr = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            stdout, self.stderr = self.process.communicate()
            self.fault("still running after %d s" % PATIENCE)
        for server in self.servers:
            if not server.close(PATIENCE):
                self.fault("a connection outlived the client")
        shutil.rmtree(folder)
        if not self.faults:
            self.read(stdout)
        if not self.faults:
            self.judge()
        return self.faults

    def log(self):
        """What was said, server by server."""
        for server in self.servers:
            yield from server.log
        yield from self.stderr.decode("utf-8", "backslashreplace").splitlines()
        for kind in self.report.values():
            for entry in kind:
                yield json.dumps(entry)

    # -- judging

    def read(self, stdout):
        if b"Sanitizer" in self.stderr or b"runtime error" in self.stderr:
            self.fault("sanitizer")
        if self.process.returncode < 0:
            self.fault("ended by signal", -self.process.returncode)
        try:
            for line in stdout.decode("utf-8").splitlines():
                entry = json.loads(line)
                self.report[entry["type"]].append(entry)
        except (ValueError, KeyError) as error:
            self.fault("report:", error)

    def judge(self):
        messages = self.report["message"]
        if [entry["index"] for entry in messages] != list(range(len(self.bodies))):
            self.fault("reported", [entry["index"] for entry in messages])
            return
        left = collections.Counter()
        for (body, address), count in self.ledger.taken.items():
            plain = body if self.raw else as_it_was(body)
            encoded = b"Content-Transfer-Encoding:" in body
            if encoded and not may_be_encoded(plain.replace(b"\r\n", b"\n")):
                self.fault("encoded without need:", body[:200])
            left[plain, address] += count
        for number, entry in enumerate(messages):
            found = [person["address"] for person in entry["recipients"]]
            if found != self.people:
                self.fault("message", number, "is for", found)
            for person in entry["recipients"]:
                count = left.pop((on_the_wire(self.bodies[number]), person["address"]), 0)
                self.judge_one(number, person, count)
            if self.all_or_nothing and not self.lmtp:
                self.judge_together(number, entry)
        for (body, address), count in left.items():
            self.fault("taken, and not sent like that:", count, address, body[:60])
        self.faults += self.ledger.wrongs
        # A signal may come before a connection was accepted.
        sessions = len(self.report["session"])
        if sessions < self.ledger.connections or \
                sessions > self.ledger.connections and not self.interrupt_after:
            self.fault(sessions, "sessions reported,", self.ledger.connections,
                       "connections were there")
        self.judge_status()

    def judge_one(self, number, person, count):
        outcome = person["outcome"]
        what = "message %d for %s: %s, taken %d times" % (
            number, person["address"], outcome, count)
        allowed = {"delivered": (1,), "unknown": (0, 1)}.get(outcome, (0,))
        if outcome not in OUTCOMES or count not in allowed:
            self.fault(what)
        if person["code"] is None and not person.get("error"):
            self.fault(what + ", and no reason is told")
        calm = self.rate == 0 and not self.interrupt_after
        if calm and outcome in ("unknown", "deferred", "rejected") and not self.silence:
            if person["code"] != 452:
                self.fault(what + ", and nothing went wrong")

    def judge_together(self, number, entry):
        outcomes = {person["outcome"] for person in entry["recipients"]}
        if outcomes & {"delivered", "unknown"} and len(outcomes) > 1:
            self.fault("message", number, "went to some of all or none:", outcomes)

    def judge_status(self):
        """The order of the exit statuses; 65 is 8-bit content without 8BITMIME."""
        outcomes = {person["outcome"] for entry in self.report["message"]
                    for person in entry["recipients"]}
        status = self.process.returncode
        if (status == 0) != (outcomes == {"delivered"}):
            self.fault("exit", status, "for", outcomes)
        if status != 65:
            if "unknown" in outcomes and status != 76:
                self.fault("exit", status, "with somebody unknown")
            if "deferred" in outcomes and status not in (75, 76):
                self.fault("exit", status, "with somebody deferred")
        if status not in (0, 65, 67, 69, 75, 76):
            self.fault("exit", status)
