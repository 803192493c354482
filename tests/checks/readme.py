#!/usr/bin/env python3
"""readme.py ENVOI SOURCE-FOLDER: the README's first minute, lived through.

Runs the "$ envoi ..." lines of "A first minute" and "Accounts" one after the
other, on a free port in place of 2525, and compares what they print with what
stands below them. Times, keys, dates and the folder differ from run to run and
are left out, as are lines about an address that was tried in vain.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

DIFFERS = [
    (re.compile(r"^\d+\.\d{3} "), "TIME "),
    (re.compile(r"sha256:[0-9a-f]{64}"), "PIN"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z"), "DATE"),
    (re.compile(r"EHLO \S+$"), "EHLO NAME"),
    (re.compile(r"(?<=localhost:)\d+|(?<=127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r"/\S*/(?=examples/)"), "/FOLDER/"),
    (re.compile(r"(no connection to localhost:PORT: ).*"), r"\1..."),
]


def steps(text):
    """(command, lines below it) of each command of the section."""
    sections = [text.split(f"\n## {name}\n")[1].split("\n## ")[0] for name in ("A first minute", "Accounts")]
    found, shown = [], False
    for line in "\n".join(sections).split("\n"):
        if line.startswith("    $ "):
            found.append((line[6:], []))
            shown = True
        elif line.startswith("    ") and shown:
            found[-1][1].append(line[4:])
        elif line:
            shown = False
    return found


def comparable(lines):
    kept = []
    for line in lines:
        for pattern, word in DIFFERS:
            line = pattern.sub(word, line)
        if not line.startswith("TIME ! "):
            kept.append(line)
    return kept


def start_sink(command, folder, environment):
    command = command.rstrip("& ") + " --listen 127.0.0.1:0 --port-file port"
    output = open(folder / "sink.log", "w")
    sink = subprocess.Popen(["sh", "-c", "exec " + command], cwd=folder, env=environment, stdout=output)
    for _ in range(200):
        if (folder / "port").exists():
            return sink, (folder / "port").read_text().strip()
        if sink.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit("the sink does not start")


def play(envoi, root, folder):
    (folder / "bin").mkdir()
    (folder / "bin" / "envoi").symlink_to(envoi)
    shutil.copytree(root / "examples", folder / "examples")
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "LC_ALL": "C"}
    todo = steps((root / "README.md").read_text())
    wrong = 0
    sink, port = start_sink(todo[0][0], folder, environment)
    try:
        for command, expected in todo[1:]:
            if expected and expected[0].startswith("envoi: no connection"):
                sink.terminate()
                sink.wait()
            run = subprocess.run(
                ["sh", "-c", command.replace("2525", port) + " 2>&1"],
                cwd=folder, env=environment, capture_output=True, text=True,
            )
            expected, found = comparable(expected), comparable(run.stdout.splitlines())
            if '"type":"message"' in expected[0]:
                found = found[:1]
            if expected != found:
                wrong += 1
                print(f"$ {command}\nprints:\n  " + "\n  ".join(found))
                print("and not:\n  " + "\n  ".join(expected))
    finally:
        sink.kill()
        sink.wait()
    print(f"{len(todo)} commands, {wrong} do not what README.md says")
    return 1 if wrong or len(todo) < 4 else 0


with tempfile.TemporaryDirectory() as name:
    status = play(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(name))
sys.exit(status)
