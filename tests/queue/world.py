"""A server that answers as it is told and counts what it took, and a queue of its
own: what tests of the queue are made of.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

ENVOI = str(pathlib.Path(sys.argv[1]).resolve())
MESSAGE = "From: me@example.org\nTo: a@example.org\nSubject: %s\nMessage-ID: <%s@example.org>\n\nHello\n"


class Server:
    """Takes mail, and answers as `rules` say: a function of the command line (of
    the end of data: "."), that returns a reply, or None for the usual one, or
    "close". What it accepted is in `accepted`: (Message-ID, recipients)."""

    def __init__(self, rules=lambda line: None, host="127.0.0.1"):
        self.rules = rules
        self.accepted = []
        self.connections = self.ended = 0
        self.at_dot = lambda: None
        self.socket = socket.create_server((host, 0))
        self.url = "smtp://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def session(self, connection):
        with connection, connection.makefile("rb") as stream:
            stream.write = connection.sendall
            try:
                self.talk(stream)
            except (OSError, ValueError):
                pass
        self.ended += 1

    def wait(self):
        """Until all that came has been read: those who sent it are dead or done."""
        deadline = time.monotonic() + 60
        while self.ended < self.connections:
            assert time.monotonic() < deadline, "a session does not end"
            time.sleep(0.001)

    def answer(self, stream, what, usual):
        reply = self.rules(what) or usual
        if reply == "close":
            raise ValueError
        stream.write(reply.encode() + b"\r\n")
        return reply[0]

    def talk(self, stream):
        recipients = []
        stream.write(b"220 test\r\n")
        while line := stream.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "EHLO":
                stream.write(b"250-test\r\n250 PIPELINING\r\n")
            elif verb == "RCPT":
                if self.answer(stream, line, "250 ok") == "2":
                    recipients.append(re.search("<(.*)>", line)[1])
            elif verb == "DATA":
                if self.answer(stream, line, "354 go" if recipients else "503 no") == "3":
                    self.data(stream, recipients)
                recipients = []
            elif verb == "QUIT":
                stream.write(b"221 bye\r\n")
                return
            else:
                recipients = []
                self.answer(stream, line, "250 ok")

    def data(self, stream, recipients):
        text = b""
        while not text.endswith(b"\r\n.\r\n"):
            line = stream.readline()
            if not line:
                raise ValueError
            text += line
        name = re.search(rb"Message-ID: <(.*)@", text)[1].decode()
        self.at_dot()
        if (self.rules(".") or "250")[0] == "2":
            self.accepted.append((name, tuple(recipients)))
        self.answer(stream, ".", "250 ok")

    def counts(self):
        result = {}
        for name, recipients in self.accepted:
            for recipient in recipients:
                result[name, recipient] = result.get((name, recipient), 0) + 1
        return result


class Queue:
    def __init__(self, base=None):
        self.folder = tempfile.TemporaryDirectory(dir=base)
        self.path = pathlib.Path(self.folder.name)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.folder.name,
            "ENVOI_SPOOL": str(self.path / "spool"),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
        }
        self.number = 0

    def run(self, *words, status=0, text=None):
        result = subprocess.run(
            [ENVOI, *words], env=self.environment, input=text, capture_output=True, text=True, timeout=120
        )
        assert status is None or result.returncode == status, (words, result)
        assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
        return result

    def add(self, url, *words, to=("a@example.org",)):
        """Queues a message; its Message-ID's name."""
        self.number += 1
        name = "m%d" % self.number
        recipients = [word for recipient in to for word in ("--to", recipient)]
        self.run("send", "--queue", "-q", "--raw", "-s", url, "-f", "me@example.org", *recipients, *words,
                 text=MESSAGE % (name, name))
        return name

    def list(self):
        return [json.loads(line) for line in self.run("queue", "--report", "json").stdout.splitlines()]

    def files(self):
        return sorted(str(p.relative_to(self.path / "spool")) for p in (self.path / "spool").glob("*/*"))


class Skip(Exception):
    """It cannot be had here, for this reason."""


def run_tests(tests, wanted):
    """Those of a module's names that are tests; the exit status."""
    passed = failed = skipped = 0
    for name, test in list(tests.items()):
        if not name.startswith("test_") or (wanted and name[5:] not in wanted):
            continue
        try:
            test()
            passed += 1
        except Skip as reason:
            print("skipped: %s: %s" % (name[5:], reason))
            skipped += 1
        except (AssertionError, subprocess.TimeoutExpired) as error:
            print("FAILED: %s: line %d: %s" % (name[5:], error.__traceback__.tb_next.tb_lineno, error))
            failed += 1
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0
