"""Other programs that send mail, and cases that run envoi beside them. `scripts/bench --install`
unpacks them; one that is not there is left out."""

import collections
import ctypes
import os
import platform
import shutil
import statistics
import subprocess

from bench import TOOLS, Counts, Refused, expected

ROOT = os.path.abspath("build-bench/root")
CLONE_NEWNS = 0x20000
SENDER = "a@example.org"


def library_path():
    triplet = f"{platform.machine()}-linux-gnu"
    return ":".join(f"{ROOT}/{place}" for place in (f"usr/lib/{triplet}", "usr/lib/postfix", f"lib/{triplet}"))


def find(name):
    for folder in "usr/bin", "usr/sbin":
        path = os.path.join(ROOT, folder, name)
        if os.access(path, os.X_OK):
            return path
    return None


class Peers:
    """How each is called. What sends the file as it stands is compared by checksum, what makes a
    message of its own (or adds to the header) by the numbers of messages and recipients, and by
    at least as many octets."""

    EXACT = ("curl", "msmtp")

    def __init__(self, bench, lf, crlf):
        self.bench, self.lf, self.crlf = bench, lf, crlf
        self.own_root = None
        bench.environment["LD_LIBRARY_PATH"] = library_path()
        bench.environment["HOME"] = bench.folder
        bench.environment["XDG_CACHE_HOME"] = "none"

    def close(self):
        for name in "LD_LIBRARY_PATH", "HOME", "XDG_CACHE_HOME":
            self.bench.environment.pop(name, None)
        if self.own_root:
            subprocess.run(["umount", "-l", "/etc", "/var/spool", self.own_root], check=True)

    def addresses(self, n):
        return [f"r{i}@example.org" for i in range(n)]

    def curl(self, sink, recipients=1, tls=False, count=1, pipe=False):
        path = find("curl")
        common = [path, "-q", "-s"] + (["--ssl-reqd", "--cacert", self.bench.certificate] if tls else [])
        url = f"smtp://127.0.0.1:{sink.port}/bench.example.org"
        if count == 1:
            to = [word for address in self.addresses(recipients) for word in ("--mail-rcpt", address)]
            return [*common, url, "--mail-from", SENDER, *to, "-T", "-" if pipe else self.crlf], \
                self.crlf if pipe else None
        config = self.bench.path(f"curl-{count}")
        with open(config, "w") as file:
            file.write("next\n".join(
                [f'url = "{url}"\nmail-from = "{SENDER}"\nmail-rcpt = "r0@example.org"\n'
                 f'upload-file = "{self.crlf}"\n'] * count))
        return [*common, "-K", config], None

    def msmtp(self, sink, recipients=1, tls=False, **_):
        options = ["--tls=on", "--tls-starttls=on", f"--tls-trust-file={self.bench.certificate}"] if tls else []
        return [find("msmtp"), "-C", "/dev/null", "--host", "127.0.0.1", "--port", str(sink.port),
                "--domain", "bench.example.org", "--set-date-header=off", "--set-msgid-header=off",
                "--set-from-header=off", *options, "-f", SENDER, *self.addresses(recipients)], self.lf

    def swaks(self, sink, recipients=1, tls=False, **_):
        # It would take a package of Perl's more.
        if tls:
            return None
        return [find("swaks"), "--silent", "3", "--server", f"127.0.0.1:{sink.port}", "--from", SENDER,
                "--to", ",".join(self.addresses(recipients)), "--helo", "bench.example.org",
                "--data", f"@{self.crlf}"], None

    def s_nail(self, sink, recipients=1, tls=False, **_):
        # It knows no certificate for an IP address.
        if tls:
            return None
        return [find("s-nail"), "-:/", "-Sv15-compat", f"-Smta=smtp://127.0.0.1:{sink.port}", "-Ssmtp-auth=none",
                f"-Sfrom={SENDER}", "-s", "x", *self.addresses(recipients)], self.lf

    def esmtp(self, sink, recipients=1, tls=False, **_):
        if tls:
            return None
        config = self.bench.path("esmtprc")
        with open(config, "w") as file:
            file.write(f"hostname=127.0.0.1:{sink.port}\n")
        return [find("esmtp"), "-C", config, "-f", SENDER, *self.addresses(recipients)], self.lf

    def dma(self, sink, recipients=1, tls=False, **_):
        """It reads /etc/dma and writes /var/spool/dma: ours, in a mount namespace."""
        if tls or not self.make_own_root():
            return None
        os.makedirs("/etc/dma", exist_ok=True)
        with open("/etc/dma/dma.conf", "w") as file:
            file.write(f"SMARTHOST 127.0.0.1\nPORT {sink.port}\nMAILNAME bench.example.org\n")
        return [find("dma"), "-D", "-i", "-f", SENDER, *self.addresses(recipients)], self.lf

    def smtp_source(self, sink, recipients=1, tls=False, count=1, sessions=1, octets=2000):
        if tls:
            return None
        return [find("smtp-source"), "-d", "-f", SENDER, "-t", "r@example.org", "-m", str(count),
                "-s", str(sessions), "-r", str(recipients), "-l", str(octets), f"inet:127.0.0.1:{sink.port}"], None

    def make_own_root(self):
        if self.own_root or os.geteuid() != 0:
            return self.own_root
        folder = self.bench.path("etc")
        try:
            os.mkdir(folder)
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
                return None
            for words in (["--make-rprivate", "/"],
                          ["-t", "tmpfs", "tmpfs", folder],
                          ["-t", "tmpfs", "tmpfs", "/var/spool"]):
                subprocess.run(["mount", *words], check=True, stderr=subprocess.DEVNULL)
            for name in "upper", "work":
                os.makedirs(os.path.join(folder, name))
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                            f"lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work", "/etc"],
                           check=True, stderr=subprocess.DEVNULL)
            os.mkdir("/var/spool/dma")
            shutil.chown("/var/spool/dma", group="mail")
            os.chmod("/var/spool/dma", 0o2775)
        except (OSError, subprocess.CalledProcessError):
            return None
        self.own_root = folder
        return folder

    def commands(self, names, sink, wanted, **options):
        """(name, argv, stdin, check) of those that are there and can do this."""
        result = []
        for name in names:
            call = getattr(self, name.replace("-", "_"))(sink, **options) if find(name) else None
            if call is not None:
                exact = name in self.EXACT
                result.append((name, *call, lambda name=name, exact=exact: check(sink, wanted, name, exact)))
        return result


def check(sink, wanted, what, exact):
    arrived = sink.arrived()
    same = arrived == wanted if exact else (
        (arrived.messages, arrived.recipients) == (wanted.messages, wanted.recipients)
        and arrived.octets >= wanted.octets * 0.9)
    if not same:
        raise Refused(f"{what}: arrived {arrived}; sent {wanted}")


def compare(bench, rounds, variants):
    """Medians, by name, of wall time and peak memory. What does not deliver is left out, and told."""
    runs = collections.defaultdict(list)
    dropped = set()
    for _ in range(rounds):
        for name, argv, stdin, verify in variants:
            if name in dropped:
                continue
            try:
                runs[name].append(bench.run(argv, stdin))
                verify()
            except Refused as refusal:
                if name.startswith(("envoi", "floor")):
                    raise
                dropped.add(name)
                bench.row("peers", f"{name}: not shown", "", beside=str(refusal))
    return {name: (statistics.median(run.wall for run in all_of), max(run.peak_kb for run in all_of) / 1024)
            for name, all_of in runs.items() if name not in dropped}


def tell(bench, what, unit, medians, figure, limits, more=True):
    """A row for each. figure() of the wall time; more: the larger, the better. limits: envoi's, by
    name: (what it is measured against, factor); against None: the best peer. In brackets: as
    a part of the best peer's."""
    figures = {name: figure(wall) for name, (wall, _) in medians.items()}
    others = [value for name, value in figures.items() if not name.startswith(("envoi", "floor"))]
    best = (max if more else min)(others) if others else None
    bench.panels.append((what, unit, more, figures))
    for name, value in figures.items():
        memory = f"{medians[name][1]:.1f} MiB"
        limit, holds = "", True
        if name in limits:
            against, factor = limits[name]
            base = best if against is None else figures.get(against)
            if base is not None:
                limit = (f"at {'least' if more else 'most'} {factor:g} x "
                         f"{'best peer' if against is None else against}")
                holds = value >= factor * base if more else value <= factor * base
        text = f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
        text += "" if best is None else f" ({value / best:.2f})"
        bench.row("peers", f"{what}, {name}: {unit}", text, limit, holds, beside=memory)


ONE = ("msmtp", "curl", "smtp-source", "swaks", "s-nail", "esmtp", "dma")


def one(bench, peers, small, wire):
    for tls, what in (False, "one message"), (True, "one message, STARTTLS"):
        with bench.sink() as sink:
            options = ["--tls"] if tls else []
            variants = [("floor", bench.floor(sink, *options, wire), None,
                         lambda: sink.check(expected(wire), "floor")),
                        ("envoi", bench.envoi(sink, tls=tls, files=[small]), None,
                         lambda: sink.check(expected(small), "envoi"))]
            variants += peers.commands(ONE, sink, expected(small), tls=tls)
            medians = compare(bench, 21, variants)
        limits = {"envoi": ("floor", 1.3) if tls else (None, 0.9)}
        tell(bench, what, "ms", medians, lambda wall: wall * 1e3, limits, more=False)


def many(bench, peers, small, wire, count=10000):
    mbox = bench.path("many.mbox")
    with open(small, "rb") as file, open(mbox, "wb") as out:
        out.write((b"From a@example.org Mon Jan  5 10:00:00 2026\n" + file.read() + b"\n") * count)
    wanted = expected(small).times(count)
    per_second = lambda wall: count / wall  # noqa: E731
    for sessions in 1, 16:
        with bench.sink() as sink:
            variants = []
            for verb, bdat in ("DATA", False), ("BDAT", True):
                if sessions == 1:
                    variants.append((f"floor {verb}", bench.floor(
                        sink, *["--bdat"] * bdat, "--count", str(count), wire), None,
                        lambda: sink.check(expected(wire).times(count), "floor")))
                variants.append((f"envoi {verb}", bench.envoi(
                    sink, "--sessions", str(sessions), "--mbox", mbox, bdat=bdat), None,
                    lambda: sink.check(wanted, "envoi")))
            variants += peers.commands(["smtp-source"], sink, wanted, count=count, sessions=sessions)
            if sessions == 1:
                variants += peers.commands(["curl"], sink, wanted, count=count)
            medians = compare(bench, 3, variants)
        limits = {"envoi DATA": ("floor DATA", 0.7), "envoi BDAT": ("smtp-source", 20)} if sessions == 1 \
            else {"envoi DATA": ("smtp-source", 2), "envoi BDAT": ("smtp-source", 2)}
        tell(bench, f"{count:,}, {sessions} session{'s' * (sessions > 1)}", "1/s", medians, per_second, limits)


def far(bench, peers, small, wire, count=100):
    """20 ms a reply."""
    wanted = expected(small).times(count)
    with bench.sink("--delay", "20") as sink:
        variants = []
        for verb, bdat in ("DATA", False), ("BDAT", True):
            variants.append((f"floor {verb}", bench.floor(
                sink, *["--bdat"] * bdat, "--count", str(count), wire), None,
                lambda: sink.check(expected(wire).times(count), "floor")))
            variants.append((f"envoi {verb}", bench.envoi(sink, bdat=bdat, files=[small] * count), None,
                             lambda: sink.check(wanted, "envoi")))
        variants += peers.commands(["smtp-source", "curl"], sink, wanted, count=count)
        medians = compare(bench, 1, variants)
    tell(bench, f"{count}, 20 ms a reply", "ms a message", medians, lambda wall: wall / count * 1e3,
         {"envoi DATA": ("floor DATA", 1.1), "envoi BDAT": ("floor BDAT", 3)}, more=False)


def thousand(bench, peers, small, wire):
    wanted = expected(small).times(1, 1000)
    with bench.sink() as sink:
        variants = [("floor", bench.floor(sink, "--recipients", "1000", wire), None,
                     lambda: sink.check(expected(wire).times(1, 1000), "floor")),
                    ("envoi", bench.envoi(sink, recipients=1000, files=[small]), None,
                     lambda: sink.check(wanted, "envoi"))]
        variants += peers.commands(("msmtp", "curl", "smtp-source", "esmtp", "s-nail"), sink, wanted, recipients=1000)
        medians = compare(bench, 11, variants)
    tell(bench, "1,000 recipients", "ms", medians, lambda wall: wall * 1e3, {"envoi": (None, 0.6)}, more=False)


def large(bench, octets=1 << 28):
    """A quarter of a gibibyte, which msmtp takes seconds for; through a pipe as well."""
    lf = bench.message("large.eml", octets=octets)
    crlf = bench.message("large-crlf.eml", octets=octets, end=b"\r\n", dots=False)
    peers = Peers(bench, lf, crlf)
    size = os.path.getsize(crlf) / 1e6
    for tls, what in (False, "256 MiB"), (True, "256 MiB, STARTTLS"):
        with bench.sink() as sink:
            variants = [(f"envoi {verb}", bench.envoi(sink, tls=tls, bdat=bdat, files=[crlf]), None,
                         lambda: sink.check(expected(crlf), "envoi"))
                        for verb, bdat in (("DATA", False), ("BDAT", True))]
            # A message of its own, of so many octets.
            wanted = Counts("messages=1 recipients=1 octets=0 sum=0")
            variants += peers.commands(["curl"], sink, expected(crlf), tls=tls)
            variants += peers.commands(["msmtp"], sink, expected(lf), tls=tls)
            variants += peers.commands(["smtp-source"], sink, wanted, tls=tls, octets=octets)
            medians = compare(bench, 3, variants)
        tell(bench, what, "MB/s", medians, lambda wall: size / wall, {"envoi DATA": (None, 1)})
    with bench.sink() as sink:
        def piped(argv):
            return ["/bin/sh", "-c", 'cat "$0" | exec "$@"', crlf, *argv]
        curl = peers.commands(["curl"], sink, expected(crlf), pipe=True)
        variants = [("envoi", piped(bench.envoi(sink)), None, lambda: sink.check(expected(crlf), "envoi"))]
        variants += [(name, piped(argv), None, verify) for name, argv, _, verify in curl]
        medians = compare(bench, 5, variants)
    tell(bench, "256 MiB through a pipe", "MB/s", medians, lambda wall: size / wall, {"envoi": (None, 1)})
    peers.close()


def peers_case(bench):
    """envoi beside what others use."""
    if not any(find(name) for name in ONE):
        bench.row("peers", "none is there", "", beside="scripts/bench --install unpacks them")
    small = bench.message("small.eml", octets=2000)
    wire = bench.message("small-crlf.eml", octets=2000, end=b"\r\n", dots=False)
    copy = bench.path("small-peers.eml")
    # The same octets for those that take a file of the wire's form.
    with open(small, "rb") as file, open(copy, "wb") as out:
        out.write(file.read().replace(b"\n", b"\r\n"))
    peers = Peers(bench, small, copy)
    try:
        for case in one, many, far, thousand:
            case(bench, peers, small, wire)
    finally:
        peers.close()
    large(bench)
