"""What the cases of the bench share: the fast sink, runs that are measured and
checked, messages, and the table."""

import base64
import collections
import os
import random
import re
import statistics
import subprocess

BUILD = os.environ.get("ENVOI_BENCH_BUILD", "build-release")
ENVOI = os.path.abspath(f"{BUILD}/envoi")
TOOLS = os.path.abspath(f"{BUILD}/tests/bench")
MASK = (1 << 64) - 1
MEGABYTE = 1 << 20

Run = collections.namedtuple("Run", "wall user system peak_kb")


class Refused(Exception):
    """A figure that is not to be shown: what was measured did not happen."""


class Counts:
    """What is to arrive, or arrived."""

    def __init__(self, line="messages=0 recipients=0 octets=0 sum=0"):
        fields = dict(word.split("=") for word in line.split())
        self.messages = int(fields["messages"])
        self.recipients = int(fields["recipients"])
        self.octets = int(fields["octets"])
        self.sum = int(fields["sum"], 16)

    def times(self, count, recipients=1):
        """The same message, count times, to so many recipients each."""
        result = Counts()
        result.messages = self.messages * count
        result.recipients = self.messages * count * recipients
        result.octets = self.octets * count
        result.sum = self.sum * count & MASK
        return result

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __str__(self):
        return (f"{self.messages} messages, {self.recipients} recipients, "
                f"{self.octets} octets, checksum {self.sum:016x}")


def expected(*paths):
    """What arrives when each file is sent once to one recipient."""
    return Counts(subprocess.check_output(
        [f"{TOOLS}/fastsink", "--sum", *paths], text=True))


class Sink:
    """A fast sink of its own for one measurement, or for several in turn."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [f"{TOOLS}/fastsink", *options], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def arrived(self):
        """What arrived since the last call."""
        self.process.stdin.write("counts\n")
        self.process.stdin.flush()
        return Counts(self.process.stdout.readline())

    def check(self, wanted, what):
        """Refuses unless what arrived since the last call is what was sent."""
        arrived = self.arrived()
        if arrived != wanted:
            raise Refused(f"{what}: arrived {arrived}; sent {wanted}")


class Bench:
    """One run of the bench: its folder, its messages, its table."""

    def __init__(self, folder):
        self.folder = folder
        self.missed = 0
        # What --plot draws: (what, unit, is more better, {name: figure}).
        self.panels = []
        self.environment = {"PATH": os.environ["PATH"], "TMPDIR": folder, "LC_ALL": "C"}
        self.certificate = self.path("cert.pem")
        self.certificate_and_key = self.path("both.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
             "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", self.certificate_and_key, "-out", self.certificate],
            check=True, stderr=subprocess.DEVNULL)
        with open(self.certificate_and_key, "a") as both, open(self.certificate) as one:
            both.write(one.read())

    def path(self, name):
        return os.path.join(self.folder, name)

    # -- runs ---------------------------------------------------------------

    def sink(self, *options):
        return Sink("--tls", self.certificate_and_key, *options)

    def envoi(self, sink, *options, tls=False, bdat=False, recipients=1, files=()):
        """The words of a command that sends files to the sink."""
        argv = [ENVOI, "send", "--report", "none", "--helo", "bench.example.org",
                "-s", f"127.0.0.1:{sink.port}", "-f", "a@example.org", "--raw"]
        argv += [f"--to=r{i}@example.org" for i in range(recipients)]
        argv += ["--tls", "starttls", "--tls-ca", self.certificate] if tls else ["--tls", "off"]
        argv += [] if bdat else ["--without", "CHUNKING"]
        return [*argv, *options, *files]

    def floor(self, sink, *options):
        return [f"{TOOLS}/floor", *options[:-1], str(sink.port), options[-1]]

    def run(self, argv, stdin=None):
        """Runs a command that has to succeed."""
        out = self.path("measured")
        with open(stdin or os.devnull, "rb") as file:
            subprocess.run([f"{TOOLS}/measure", out, *argv], stdin=file, check=True,
                           stdout=subprocess.DEVNULL, env=self.environment)
        with open(out) as file:
            status, wall, user, system, peak_kb = map(int, file.read().split())
        if status != 0:
            raise Refused(f"{os.path.basename(argv[0])} ended with status {status}")
        return Run(wall / 1e9, user / 1e9, system / 1e9, peak_kb)

    def output(self, argv):
        """What a command that has to succeed writes."""
        return subprocess.check_output(argv, text=True, env=self.environment)

    def medians(self, rounds, variants):
        """Medians of wall time and of user and system time together, in seconds, one
        pair for each (name, argv, stdin, check). The runs are interleaved, so that
        all see the same machine."""
        runs = collections.defaultdict(list)
        for _ in range(rounds):
            for name, argv, stdin, check in variants:
                runs[name].append(self.run(argv, stdin))
                check()
        return {name: (statistics.median(run.wall for run in all_of),
                       statistics.median(run.user + run.system for run in all_of))
                for name, all_of in runs.items()}

    def watch(self, argv, pattern):
        """The number that valgrind's words hold for a command."""
        result = subprocess.run(
            ["valgrind", *argv], capture_output=True, text=True, env=self.environment)
        found = re.search(pattern, result.stderr)
        if result.returncode != 0 or found is None:
            raise Refused(f"valgrind ended with status {result.returncode}")
        return int(found[1].replace(",", ""))

    def instructions(self, argv):
        return self.watch(
            ["--tool=callgrind", "--callgrind-out-file=/dev/null", *argv],
            r"Collected : (\d+)")

    def allocations(self, argv):
        return self.watch(
            ["--tool=memcheck", "--leak-check=no", *argv],
            r"total heap usage: ([\d,]+) allocs")

    # -- messages -----------------------------------------------------------

    def message(self, name, octets=None, lines=None, end=b"\n", dots=True):
        """A file of about so many octets, or exactly so many lines; with dots, some
        lines begin with one. Small ones are text, from a megabyte on base64."""
        path = self.path(name)
        if os.path.exists(path):
            return path
        words = b"lorem ipsum dolor sit amet consectetur adipiscing elit sed do".split()
        dice = random.Random(name)
        block = []
        size = min(octets or MEGABYTE, MEGABYTE)
        length = 0
        while len(block) != lines if lines else length < size:
            if size < MEGABYTE or lines:
                line = b" ".join(dice.choices(words, k=dice.randint(0, 12)))
            else:
                line = base64.b64encode(dice.randbytes(57))
            if dots and dice.random() < 0.02:
                line = b"." + line
            block.append(line + end)
            length += len(line) + len(end)
        block = b"".join(block)
        with open(path, "wb") as file:
            file.write(b"Subject: " + name.encode() + end + end + block)
            while octets and file.tell() + len(block) <= octets:
                file.write(block)
        return path

    # -- the table ----------------------------------------------------------

    def row(self, case, what, figure, limit="", holds=True, beside=""):
        """limit says in words what holds or does not; beside is only told."""
        verdict = "" if not limit else "holds" if holds else "MISSED"
        self.missed += bool(limit) and not holds
        print(f"{case:<11} {what:<44} {figure!s:>16}   {limit or beside:<24} {verdict}".rstrip(),
              flush=True)
