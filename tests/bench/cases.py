"""The cases: each measures, checks what arrived, and writes its rows."""

import collections
import os
import re
import shutil
import statistics
import subprocess
import tempfile

from bench import ENVOI, TOOLS, expected
import faults
import peers

GIB = 1 << 30


def memory(bench):
    """Peak memory, whatever the size and the source."""
    small = bench.message("kilobyte.eml", octets=1000)
    large = bench.message("gibibyte.eml", octets=GIB)
    for tls, limit in (False, 6), (True, 9):
        for size, path in ("1 kB", small), ("1 GiB", large):
            for source in "file", "stdin":
                peak = 0
                with bench.sink() as sink:
                    for bdat in False, True:
                        files = [path] if source == "file" else []
                        run = bench.run(bench.envoi(sink, tls=tls, bdat=bdat, files=files),
                                        None if files else path)
                        sink.check(expected(path), "memory")
                        peak = max(peak, run.peak_kb / 1024)
                bench.row("memory", f"{'TLS' if tls else 'plain'}, {size}, {source}",
                          f"{peak:.1f} MiB", f"at most {limit} MiB", peak <= limit)


def socket_writes(bench, argv):
    """How many octets each write on a socket had."""
    log = bench.path("strace")
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=sendto,sendmsg,sendfile,writev", "-e", "signal=none",
         "-o", log, *argv], check=True, env=bench.environment)
    with open(log) as file:
        return [int(n) for n in re.findall(r"= (\d+)$", file.read(), re.M)]


def writes(bench):
    """One write a turn, large ones for a body, and no sleep on Nagle."""
    small = bench.message("small.eml", octets=2000)
    lines = bench.message("lines.eml", lines=30000)
    wire = bench.message("small-crlf.eml", octets=2000, end=b"\r\n", dots=False)
    variants = []
    with bench.sink() as sink:
        for what, options, turns, block in (
                # EHLO; MAIL, RCPT, DATA; message and dot; QUIT. With BDAT one less.
                ("DATA", {}, 4, 65536),
                ("BDAT", {"bdat": True}, 3, 65536),
                # STARTTLS; hello; finished; EHLO again; close.
                ("TLS, DATA", {"tls": True}, 9, 65536),
                ("TLS, BDAT", {"tls": True, "bdat": True}, 8, 65536)):
            argv = bench.envoi(sink, **options, files=[small])
            variants.append((what, argv, None, lambda: sink.check(expected(small), "writes")))
            argv = bench.floor(sink, *(f"--{option}" for option in options), wire)
            variants.append((f"floor {what}", argv, None,
                             lambda: sink.check(expected(wire), "writes")))
            for path, size in (small, "2 kB"), (lines, "30,000 lines"):
                wanted = expected(path)
                sent = socket_writes(bench, bench.envoi(sink, **options, files=[path]))
                sink.check(wanted, "writes")
                limit = turns + wanted.octets // block + 2 * (path == lines)
                bench.row("writes", f"{what}, {size}: writes", len(sent),
                          f"at most {limit}", len(sent) <= limit)
        medians = bench.medians(41, variants)
    for what, (wall, _) in medians.items():
        if not what.startswith("floor"):
            bench.row("writes", f"{what}, 2 kB: ms (the floor's)",
                      f"{wall * 1e3:.1f} ({medians[f'floor {what}'][0] * 1e3:.1f})",
                      "at most 20 (no Nagle)", wall <= 0.020)


def window(bench):
    """1,000 messages with 20 ms a reply on one connection."""
    count, delay = 1000, 0.020
    one = bench.message("small.eml", octets=2000)
    files = [one] * count
    mbox = bench.path("thousand.mbox")
    with open(one, "rb") as file, open(mbox, "wb") as out:
        out.write((b"From a@example.org Mon Jan  5 10:00:00 2026\n" + file.read() + b"\n") * count)
    wanted = expected(one).times(count)
    wire = bench.message("small-crlf.eml", octets=2000, end=b"\r\n", dots=False)
    for bdat, limit in (False, 1.05), (True, 0.02):
        with bench.sink("--delay", str(delay * 1e3)) as sink:
            run = bench.run(bench.floor(sink, *["--bdat"] * bdat, "--count", str(count), wire))
            sink.check(expected(wire).times(count), "window")
        bench.row("window", f"floor, {'BDAT' if bdat else 'DATA'}, {count}: reply times",
                  f"{run.wall / delay:.1f}")
        for source, options in ("files", files), ("an mbox", ["--mbox", mbox]):
            with bench.sink("--delay", str(delay * 1e3)) as sink:
                run = bench.run(bench.envoi(sink, bdat=bdat, files=options))
                sink.check(wanted, "window")
            replies = run.wall / delay
            bench.row("window", f"{'BDAT' if bdat else 'DATA'}, {count} from {source}: reply times",
                      f"{replies:.1f}", f"at most {limit * count:.0f}", replies <= limit * count)


def big(bench):
    """1 GiB: octets a second, and the part of the floor that is."""
    lf = bench.message("gibibyte.eml", octets=GIB)
    crlf = bench.message("gibibyte-crlf.eml", octets=GIB, end=b"\r\n", dots=False)
    wanted = {lf: expected(lf), crlf: expected(crlf)}
    with bench.sink() as sink:
        variants = []

        def add(name, argv, path, stdin=None):
            variants.append((name, argv, stdin, lambda: sink.check(wanted[path], name)))
        for how, tls in ("plain", False), ("TLS", True):
            options = ["--tls"] if tls else []
            add(f"{how} floor DATA", bench.floor(sink, *options, crlf), crlf)
            add(f"{how} floor BDAT", bench.floor(sink, *options, "--bdat", crlf), crlf)
            for verb, bdat in ("DATA", False), ("BDAT", True):
                command = bench.envoi(sink, tls=tls, bdat=bdat)
                add(f"{how} {verb} CRLF file", [*command, crlf], crlf)
                add(f"{how} {verb} LF file", [*command, lf], lf)
                add(f"{how} {verb} LF stdin", command, lf, lf)
        medians = bench.medians(3, variants)
    for name, (wall, cpu) in medians.items():
        how, *words = name.split()
        beside = ""
        if words[0] != "floor":
            floor_wall, floor_cpu = medians[f"{how} floor {words[0]}"]
            beside = f"{floor_wall / wall:.2f} of the floor; CPU {cpu / floor_cpu:.1f} x"
        bench.row("big", f"{name}: MB/s, CPU s", f"{GIB / 1e6 / wall:.0f}, {cpu:.2f}",
                  beside=beside)


def text(bench):
    """The scan and the encoder beside copying the same octets."""
    for what, options in (("CRLF", {"end": b"\r\n", "dots": False}),
                          ("LF", {"dots": False}), ("LF and dots", {})):
        path = bench.message(f"{what}.eml", octets=GIB // 10, **options)
        speeds = {}
        for line in bench.output([f"{TOOLS}/text", path, "15"]).splitlines():
            name, speed = line.rsplit(" ", 1)
            speeds[name] = float(speed) / 1e9
        for name, speed in speeds.items():
            beside = speeds["memory memcpy" if name.startswith("memory") else "file read"]
            limit = "at least 1.5" if (what, name) == ("CRLF", "memory both") else ""
            bench.row("text", f"{what}, {name}: GB/s", f"{speed:.2f}", limit, speed >= 1.5,
                      beside=f"{speed / beside:.2f} of copying")


def start(bench):
    """What one message costs a process, and what each further line and message."""
    small = bench.message("small.eml", octets=2000)
    short = bench.message("short.eml", lines=30)
    lines = bench.message("lines.eml", lines=30000)
    linking = bench.instructions([f"{TOOLS}/floor"])

    def row(what, count, limit=0):
        bench.row("start", f"{what}: M instructions", f"{count / 1e6:.2f}",
                  f"at most {limit} of linking" if limit else "", count <= limit * linking,
                  beside=f"{count / linking:.2f} of linking alone")
    row("linking with OpenSSL alone", linking)
    row("envoi --version", bench.instructions([ENVOI, "--version"]))
    with bench.sink() as sink:
        for what, options in (("2 kB, DATA", {}), ("2 kB, BDAT", {"bdat": True}),
                              ("2 kB, DATA, TLS", {"tls": True})):
            count = bench.instructions(bench.envoi(sink, **options, files=[small]))
            sink.check(expected(small), what)
            row(what, count, 0 if options.get("tls") else 1.15)
        whole = count
        argv = bench.envoi(sink, tls=True, files=[small])
        bench.environment["XDG_CACHE_HOME"] = bench.path("cache")
        bench.run(argv)
        count = bench.instructions(argv)
        del bench.environment["XDG_CACHE_HOME"]
        sink.check(expected(small).times(2), "TLS, resumed")
        bench.row("start", "2 kB, DATA, TLS, resumed: M instructions", f"{count / 1e6:.2f}",
                  "less than whole", count < whole)
        counts = []
        for path in short, lines:
            counts.append(bench.allocations(bench.envoi(sink, files=[path])))
            sink.check(expected(path), "allocations")
        bench.row("start", "allocations: 30 lines, 30,000 lines",
                  f"{counts[0]:,}, {counts[1]:,}", "no more for lines", counts[1] <= counts[0] + 2)
        many = [bench.allocations(bench.envoi(sink, files=[short] * n)) for n in (100, 200)]
        sink.check(expected(short).times(300), "allocations")
        bench.row("start", "allocations: each further message", f"{(many[1] - many[0]) / 100:.1f}")


def recipients(bench):
    """Time grows with the number of recipients, not with its square."""
    small = bench.message("small.eml", octets=2000)
    counts = collections.OrderedDict()
    with bench.sink() as sink:
        for n in 1, 5000, 10000:
            argv = bench.envoi(sink, recipients=n, files=[small])
            counts[n] = bench.instructions(argv)
            sink.check(expected(small).times(1, n), "recipients")
            wall = bench.run(argv).wall
            sink.check(expected(small).times(1, n), "recipients")
            bench.row("recipients", f"{n:,}: M instructions, ms",
                      f"{counts[n] / 1e6:.2f}, {wall * 1e3:.1f}")
    ratio = (counts[10000] - counts[1]) / (counts[5000] - counts[1])
    bench.row("recipients", "10,000 : 5,000, instructions", f"{ratio:.2f}", "at most 2.2",
              ratio <= 2.2)


def commit(bench, count, rounds):
    """A process each, in turns with a small one that makes the same writes and syncs; and with
    what it takes to start these."""
    small = bench.message("small.eml", octets=2000)
    floor, none = bench.path("floor"), bench.path("none")
    os.mkdir(floor)
    os.mkdir(none)
    add = [ENVOI, "send", "--queue", "-q", "--raw", "-s", "smtp://127.0.0.1:9", "-f", "a@example.org",
           "--to", "b@example.org"]
    spool = f"{TOOLS}/spool"
    bench.run([*add, small])
    walls = collections.Counter()
    for _ in range(rounds):
        for name, argv in (
                ("floor", [spool, "each", str(count), small, spool, "store", floor, "1", "2300"]),
                ("process", [spool, "each", str(count), small, spool, "take", none]),
                ("start", [spool, "each", str(count), small, ENVOI, "--version"]),
                ("envoi", [spool, "each", str(count), small, *add])):
            walls[name] += bench.run(argv).wall / rounds / count * 1e3
    stored = len(os.listdir(os.path.join(bench.environment["ENVOI_SPOOL"], "mail")))
    if stored != count * rounds + 1:
        raise Refused(f"{stored} are queued")
    for name, what in (("process", "the smallest process"), ("floor", "it makes the same writes and syncs"),
                       ("start", "envoi --version")):
        bench.row("queue", f"{what}: ms", f"{walls[name]:.2f}")
    bench.row("queue", f"{count * rounds:,} stored, a process each: ms", f"{walls['envoi']:.2f}",
              beside=f"{walls['envoi'] / walls['floor']:.2f} of the same writes and syncs")
    ratio = (walls["envoi"] - walls["start"]) / (walls["floor"] - walls["process"])
    bench.row("queue", "the same, without the start of both", f"{ratio:.2f}", "at most 1.3", ratio <= 1.3)


def drain(bench, count):
    """What `envoi send` needs for the same messages as files, and for reading and removing
    as many files."""
    small = bench.message("small.eml", octets=2000)
    folder = bench.path("files")
    os.mkdir(folder)
    spool = bench.environment["ENVOI_SPOOL"]
    walls = collections.defaultdict(list)
    for delay in 0, 20:
        with bench.sink("--delay", str(delay)) as sink:
            wanted = expected(small).times(count)
            for _ in range(3 if delay == 0 else 1):
                names = [os.path.join(folder, str(i)) for i in range(count)]
                for name in names:
                    shutil.copyfile(small, name)
                os.sync()
                walls[delay, "send"].append(bench.run(bench.envoi(sink, bdat=True, files=names)).wall)
                sink.check(wanted, "send")
                bench.run(bench.envoi(sink, "--queue", bdat=True, files=names))
                walls[delay, "drain"].append(bench.run([ENVOI, "queue", "run", "-q"]).wall)
                sink.check(wanted, "drain")
                if os.listdir(os.path.join(spool, "mail")):
                    raise Refused("something is left in the queue")
                walls[delay, "take"].append(bench.run([f"{TOOLS}/spool", "take", folder]).wall)
        send, drained, take = (statistics.median(walls[delay, name]) for name in ("send", "drain", "take"))
        limit = 1.1 * (send + take)
        bench.row("queue", f"{count:,}, {delay} ms a reply: send, remove: s", f"{send:.2f}, {take:.2f}")
        bench.row("queue", f"{count:,}, {delay} ms a reply: drain: s", f"{drained:.2f}",
                  f"at most {limit:.2f} (1.1 of both)", drained <= limit)


def listing(bench, count):
    """In memory: it is the time of reading them that is measured, not of writing."""
    small = bench.message("small.eml", octets=2000)
    mbox = bench.path("many.mbox")
    with open(small, "rb") as file, open(mbox, "wb") as out:
        one = b"From a@example.org Mon Jan  5 10:00:00 2026\n" + file.read() + b"\n"
        for _ in range(count):
            out.write(one)
    bench.run([ENVOI, "send", "--queue", "-q", "--raw", "--mbox", "-s", "smtp://127.0.0.1:9",
               "-f", "a@example.org", "--to", "b@example.org", mbox])
    os.unlink(mbox)
    runs = [bench.run([ENVOI, "queue", "list"]) for _ in range(5)]
    wall = statistics.median(run.wall for run in runs)
    peak = max(run.peak_kb for run in runs) / 1024
    bench.row("queue", f"{count:,} listed: s", f"{wall:.2f}", "at most 1.00", wall <= 1)
    bench.row("queue", f"{count:,} listed: peak memory", f"{peak:.1f} MiB", "at most 32 MiB", peak <= 32)


def queue(bench):
    """Committing, draining and listing the queue."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else bench.folder
    bench.environment["ENVOI_SPOOL"] = bench.path("spool")
    commit(bench, 500, 20)
    shutil.rmtree(bench.environment["ENVOI_SPOOL"])
    drain(bench, 10000)
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        bench.environment["ENVOI_SPOOL"] = os.path.join(folder, "spool")
        listing(bench, 100000)
    del bench.environment["ENVOI_SPOOL"]


ALL = {case.__name__: case for case in (memory, writes, window, big, text, start, recipients, queue)}
ALL["peers"] = peers.peers_case
ALL["faults"] = faults.faults
