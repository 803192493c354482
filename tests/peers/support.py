"""What every peer test needs: free ports, processes with an end, envoi itself.

Nothing here sleeps to wait for something to happen: readiness is polled for, with a bound,
and a process that died while we waited is reported with its own last words.
"""

import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BINARY = os.path.abspath(os.environ.get("ENVOI_BINARY", TOP + "/build-test/envoi"))
PACKAGES = os.path.abspath(os.environ.get("ENVOI_PEERS", TOP + "/build-peers/root"))
LONG = os.environ.get("ENVOI_LONG") == "1"

START_BOUND = 30  # seconds for a server to answer, on a loaded machine
RUN_BOUND = 120  # seconds for one run of envoi


def package_file(path):
    """The path of a file out of the unpacked packages, or a skip where it is missing."""
    full = os.path.join(PACKAGES, path)
    if not os.path.exists(full):
        raise unittest.SkipTest(f"{path} was not unpacked (scripts/peers-setup does it)")
    return full


def copy_programs(root, programs):
    """Copies programs out of the packages into the folder root, each to its own path, with the
    libraries that they need."""
    paths = [package_file(program) for program in programs]
    folders = ["usr/lib/dovecot", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
    environment = {
        "PATH": os.environ["PATH"], "LD_LIBRARY_PATH": ":".join(f"{PACKAGES}/{f}" for f in folders)}
    found = subprocess.run(
        ["ldd", *paths], env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    for path in {*paths, *re.findall(r"(/\S+) \(0x", found)}:
        inside = root + path.removeprefix(PACKAGES)
        if not os.path.exists(inside):
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            shutil.copy2(path, inside)


def need_root(who):
    if os.geteuid() != 0:
        raise unittest.SkipTest(f"{who} can only be started by root")


def free_port():
    """A port that was free a moment ago. Who binds it later must be ready for a clash."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, bound=START_BOUND, alive=None):
    """Polls condition until it is true; returns its value."""
    end = time.monotonic() + bound
    while True:
        value = condition()
        if value:
            return value
        if alive is not None and alive.poll() is not None:
            raise ServerDied(what)
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {bound} s")
        time.sleep(0.02)


class ServerDied(Exception):
    pass


def answers(address):
    """True when something listens at address (a port on loopback, or a socket's path)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    target = address if isinstance(address, str) else ("127.0.0.1", address)
    with socket.socket(family) as probe:
        probe.settimeout(START_BOUND)
        try:
            probe.connect(target)
        except OSError:
            return False
        with contextlib.suppress(OSError):
            probe.recv(512)  # its greeting, where it sends one
        return True


class Process:
    """A server in its own process group, ended as a whole by its id; at the latest when the
    tests end, even if they are interrupted."""

    def __init__(self, argv, log, **options):
        self.log = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **options
            )
        atexit.register(self.stop)

    def poll(self):
        return self.child.poll()

    def words(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-2000:]

    def stop(self):
        atexit.unregister(self.stop)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            pass
        # Whatever is left of the group: a server's own children may outlive it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def start_on_free_port(start, tries=5):
    """Calls start(port) -> Process until the server answers there: another program may take
    the port between the moment we found it and the moment the server binds it."""
    for attempt in range(tries):
        port = free_port()
        process = start(port)
        try:
            wait_for("server", lambda: answers(port), alive=process)
            if process.poll() is None:
                return process, port
            raise ServerDied("server")
        except (ServerDied, TimeoutError) as e:
            process.stop()
            if attempt == tries - 1:
                raise RuntimeError(f"{process.child.args[0]}: {e}: {process.words()}") from e


class Result:
    """One run of envoi: its exit status, the JSON report and what it said on stderr."""

    def __init__(self, argv, status, stdout, stderr):
        self.argv, self.status, self.said = argv, status, stdout + stderr
        self.stderr = stderr.decode(errors="replace")
        self.messages, self.sessions = [], []
        for line in stdout.splitlines():
            entry = json.loads(line)
            (self.messages if entry["type"] == "message" else self.sessions).append(entry)

    def outcomes(self):
        return [r["outcome"] for m in self.messages for r in m["recipients"]]

    def closes(self):
        return [s["close"] for s in self.sessions]

    def __str__(self):
        report = "\n".join(json.dumps(e) for e in self.messages + self.sessions)
        return f"{' '.join(self.argv)}\nexit {self.status}\n{report[-3000:]}\n{self.stderr[-3000:]}"


class PeerCase(unittest.TestCase):
    """Base of all peer tests: a scratch folder for the class, envoi, and comparisons."""

    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        if not os.access(BINARY, os.X_OK):
            raise RuntimeError(f"no envoi at {BINARY}: set ENVOI_BINARY")
        # Short, because a unix socket's path has room for about 100 bytes.
        cls.scratch = tempfile.mkdtemp(prefix="envoi-")
        cls.addClassCleanup(shutil.rmtree, cls.scratch, True)
        # Servers that give up root must be able to walk through it.
        os.chmod(cls.scratch, 0o755)

    @classmethod
    def keep(cls, process):
        cls.addClassCleanup(process.stop)
        return process

    def envoi(self, server, *arguments, stdin=b"", fds=(), meanwhile=None, **envelope):
        """Runs envoi send and returns its Result. While it runs, meanwhile(process) is called.
        It inherits the descriptors fds."""
        argv = self.command(server, *arguments, **envelope)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.scratch,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=1"),
            "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1"),
            "TZ": os.environ.get("TZ", ""),
        }
        # Files, so that it never waits for us to read.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, \
                tempfile.TemporaryFile() as err:
            given.write(stdin)
            given.seek(0)
            process = subprocess.Popen(
                argv, stdin=given, stdout=out, stderr=err, env=environment, cwd=self.scratch, pass_fds=fds)
            try:
                if meanwhile is not None:
                    meanwhile(process)
                process.wait(RUN_BOUND)
            finally:
                process.kill()
                process.wait()
            out.seek(0)
            err.seek(0)
            result = Result(argv, process.returncode, out.read(), err.read())
        self.assertNotRegex(result.stderr, "runtime error|Sanitizer", str(result))
        return result

    @staticmethod
    def command(server, *arguments, sender="a@example.org", to=("b@example.org",), repair=False):
        argv = [BINARY, "send", "-s", server, "--helo", "client.example.org", "--report", "json"]
        argv += ["-f", sender]
        for recipient in to:
            argv += ["--to", recipient]
        # What arrives is compared with what was given, unless the header is the point.
        if repair is False:
            argv.append("--raw")
        # Where TLS is not the point it is off: the certificates here are nobody's.
        if server.startswith("smtp:") and not any(a.startswith("--tls") for a in arguments):
            argv += ["--tls", "off"]
        return argv + list(arguments)

    def expect(self, result, status=0, outcome=None, close=None, messages=None, sessions=1):
        """The facts that most cases end in. outcome and close may be sets of allowed words."""
        self.assertEqual(result.status, status, str(result))
        if messages is not None:
            self.assertEqual(len(result.messages), messages, str(result))
        if sessions is not None:
            self.assertEqual(len(result.sessions), sessions, str(result))
        if outcome is not None:
            allowed = outcome if isinstance(outcome, set) else {outcome}
            self.assertTrue(result.outcomes(), str(result))
            self.assertLessEqual(set(result.outcomes()), allowed, str(result))
        if close is not None:
            self.assertEqual(result.closes()[-1], close, str(result))

    def assert_same_mail(self, expected, arrived):
        """Both are lists of bytes, in any order: servers deliver in the order they like."""
        missing, extra = list(expected), []
        for content in arrived:
            if content in missing:
                missing.remove(content)
            else:
                extra.append(content)
        if not missing and not extra:
            return
        lines = [f"{len(expected)} sent, {len(arrived)} arrived, {len(missing)} not as sent"]
        for want, got in zip(missing, sorted(extra, key=lambda e: -similarity(missing, e))):
            lines.append(first_difference(want, got))
        self.fail("\n".join(lines[:5]))


def similarity(missing, content):
    return len(os.path.commonprefix([missing[0], content])) if missing else 0


def first_difference(want, got):
    at = len(os.path.commonprefix([want, got]))
    part = slice(max(0, at - 20), at + 40)
    return f"differs at octet {at}: sent {want[part]!r}, arrived {got[part]!r}"


def strip_trace(content, names):
    """Takes off the header fields that a server put on top, and nothing else: one of each
    name, in any order, folded or not."""
    left = set(names)
    lines = content.split(b"\n")
    at = 0
    while left:
        match = re.match(rb"([!-9;-~]+):", lines[at])
        name = match.group(1).decode() if match else None
        if name not in left:
            break
        left.remove(name)
        at += 1
        while at < len(lines) and lines[at][:1] in (b" ", b"\t"):
            at += 1
    return b"\n".join(lines[at:])


def write_file(path, content):
    with open(path, "wb") as f:
        f.write(content)
    return path


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


def certificate(folder, name="localhost"):
    """A self-signed certificate for name and 127.0.0.1; returns (certificate, key) paths."""
    cert, key = f"{folder}/{name}.crt", f"{folder}/{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    return cert, key
