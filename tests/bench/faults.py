"""Faults in the middle of many messages: what the client says became of each has to agree
with what arrived."""

import collections
import json
import subprocess

from bench import Refused

OUTCOMES = ("delivered", "rejected", "deferred", "unknown", "untried")


def conserve(bench, count, one_in, seed, sessions=1, **options):
    """sent = delivered + rejected + deferred + unknown + untried; what was reported as delivered
    arrived, and nothing arrived that was not delivered or unknown. The counts."""
    mbox = bench.path(f"faults-{count}.mbox")
    with open(mbox, "wb") as file:
        for i in range(count):
            file.write(b"From a@example.org Mon Jan  5 10:00:00 2026\nSubject: %d\n\nhello\n\n" % i)
    with bench.sink("--faults", str(one_in), "--seed", str(seed)) as sink:
        argv = bench.envoi(sink, "--report", "json", "--sessions", str(sessions), "--timeout", "0.15",
                           "--mbox", mbox, **options)
        run = subprocess.run(argv, capture_output=True, text=True, env=bench.environment, timeout=120, check=False)
        taken = sink.arrived().messages
    what = f"faults, seed {seed}, {sessions} sessions, {options}"
    found = collections.Counter()
    seen = set()
    for line in run.stdout.splitlines():
        report = json.loads(line)
        if report["type"] == "message":
            if report["index"] in seen:
                raise Refused(f"{what}: message {report['index']} is reported twice")
            seen.add(report["index"])
            found.update(recipient["outcome"] for recipient in report["recipients"])
    if run.returncode < 0 or set(found) - set(OUTCOMES) or sum(found.values()) != count or len(seen) != count:
        raise Refused(f"{what}: sent {count}, told {dict(found)}, status {run.returncode}: {run.stderr[-500:]}")
    if not found["delivered"] <= taken <= found["delivered"] + found["unknown"]:
        raise Refused(f"{what}: {taken} arrived, told {dict(found)}")
    return found, taken


def faults(bench):
    """Refusals, 421, lost connections and silence, one message in 50, 100 and 400."""
    for one_in in 50, 100, 400:
        for bdat in False, True:
            for sessions in 1, 4:
                found, taken = collections.Counter(), 0
                for seed in range(5):
                    counts, arrived = conserve(bench, 2000, one_in, seed, sessions, bdat=bdat)
                    found.update(counts)
                    taken += arrived
                name = f"{'BDAT' if bdat else 'DATA'}, 1 in {one_in}, {sessions} session{'s' * (sessions > 1)}"
                bench.row("faults", f"{name}: sent = told", "10,000",
                          beside=", ".join(f"{found[word]:,} {word}" for word in OUTCOMES) + f"; {taken:,} arrived")
