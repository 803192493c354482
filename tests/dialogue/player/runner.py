"""Runs one case: starts the servers and the client, and compares."""

import errno
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from . import check
from .ledger import Ledger
from .script import Runner, Script
from .world import World, make_silent, write_hosts

OUTPUT_LIMIT = 8 << 20

# The number of a user who may do nothing.
NOBODY = 65534

# The shell sets what has to be set in the child itself, and becomes it.
WRAP = 'if [ -n "$1" ]; then trap "" XFSZ; ulimit -f "$1"; fi; shift; exec "$@"'
WRAP_CLOSED = 'shift; exec "$@" >&-'
WRAP_NO_STDIN = 'shift; exec "$@" <&-'


class Failure(Exception):
    def __init__(self, line, text):
        super().__init__(text)
        self.line = line
        self.text = text


class CaseRun:
    """One run of one case.  Failures are kept; the first one counts."""

    def __init__(self, case, binary, certificates, namespace=None):
        self.case = case
        self.namespace = namespace
        self.binary = binary
        self.certificates = certificates
        self.deadline = 0.0
        self.cancelled = threading.Event()
        self.exited = threading.Event()
        self.lock = threading.Lock()
        self.failures = []
        self.contexts = {}
        self.scripts = []
        self.threads = []
        self.process = None
        self.stdout = b""
        self.stderr = b""
        self.folder = None
        self.next_connection = 0
        self.hold = threading.Event()

    def fail(self, line, text):
        with self.lock:
            self.failures.append((line, text))
        self.cancelled.set()

    def context(self, words):
        with self.lock:
            if words not in self.contexts:
                names = []
                self.contexts[words] = (self.certificates.context(words, names), names)
            return self.contexts[words]

    def signal(self, name):
        self.process.send_signal(getattr(signal, "SIG" + name))

    def run(self):
        """Return None, or (line, text) of the first failure."""
        self.folder = tempfile.mkdtemp(prefix="dialogue-")
        world = World(self.case, self.folder)
        try:
            self.prepare(world)
            self.start(world)
            self.serve(world)
            self.finish()
            if not self.failures:
                check.check(self)
        except Failure as failure:
            self.failures.append((failure.line, failure.text))
        finally:
            self.cancelled.set()
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            for thread in self.threads:
                thread.join(5)
            world.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.failures[0] if self.failures else None

    # Before.

    def prepare(self, world):
        uses_tls = any(step.verb.startswith("tls") for connection in self.case.connections
                       for step in connection.steps)
        texts = self.case.args + [server.url for server in self.case.servers]
        texts += [blob.data for blob in self.case.files]
        if uses_tls or any(b"@CERTS@" in text or b"@PIN-" in text for text in texts):
            self.certificates.prepare()
        world.open()
        values = world.values(self.certificates)
        for blob in self.case.messages + self.case.files:
            path = os.path.join(os.fsencode(self.folder), blob.name)
            data = blob.data
            if blob in self.case.files:
                data = world.substitute(data, values)
                os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(data)
                if blob.size is not None:
                    stream.truncate(blob.size)
            os.chmod(path, blob.mode)

    def is_lowered(self):
        """Root starts the client as nobody where the case needs a user."""
        return "user" in self.case.needs and os.geteuid() == 0

    def program(self):
        """The binary, or a copy that nobody can reach."""
        if not self.is_lowered():
            return self.binary
        copy = os.path.join(self.folder, "envoi")
        shutil.copy(self.binary, copy)
        for folder, _, files in os.walk(self.folder):
            for path in [folder, *(os.path.join(folder, name) for name in files)]:
                os.chown(path, NOBODY, NOBODY)
        return copy

    def command(self, world):
        case = self.case
        values = self.values = world.values(self.certificates)
        command = [os.fsencode(self.program())]
        if case.command is not None:
            command += [world.substitute(word, values) for word in case.command]
            return command + [world.substitute(word, values) for word in case.args]
        command.append(b"send")
        if case.report != "default":
            command += [b"--report", case.report.encode()]
        if case.helo is not None:
            command += [b"--helo", case.helo]
        if not case.repair:
            command.append(b"--raw")
        for number in range(1, len(case.servers) + 1):
            command += [b"-s", world.url(number)]
        if case.sender is not None:
            command += [b"-f", case.sender]
        for recipient in case.recipients:
            command += [b"--to", recipient]
        command += [world.substitute(word, values) for word in case.args]
        return command + [blob.name for blob in case.messages]

    def start(self, world):
        case = self.case
        environment = {
            b"PATH": os.fsencode(os.environ.get("PATH", "/usr/bin:/bin")),
            b"HOME": os.fsencode(self.folder),
            b"TMPDIR": os.fsencode(self.folder),
            b"LC_ALL": b"C",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                environment[name.encode()] = os.fsencode(os.environ[name])
        command = self.command(world)
        for name, value in case.env:
            environment[name] = world.substitute(value, self.values)
        limit = ""
        wrap = WRAP
        if case.file_size_limit is not None:
            limit = str(max(0, case.file_size_limit // 512))
        if case.stdout == "closed":
            wrap = WRAP_CLOSED
        if case.stdin_kind == "closed":
            wrap = WRAP_NO_STDIN
        stdin = subprocess.PIPE if case.stdin is not None else subprocess.DEVNULL
        if case.stdin_kind == "directory":
            stdin = os.open(self.folder, os.O_RDONLY)
        stdout = subprocess.PIPE
        if case.stdout == "full":
            stdout = os.open("/dev/full", os.O_WRONLY)
        elif case.stdout == "broken":
            reader, stdout = os.pipe()
            os.close(reader)
        self.deadline = time.monotonic() + case.timeout
        lowered = {}
        if self.is_lowered():
            lowered = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if case.hosts or case.resolver:
            files = write_hosts(self.folder, case.hosts)
            if case.resolver:
                files += make_silent(self.folder)
            command = [*self.namespace, *files, "--", *command]
        try:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", wrap, "sh", limit, *command], env=environment,
                cwd=self.folder, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                restore_signals=True, **lowered)
        except OSError as error:
            raise Failure(0, "cannot start the client: %s" % error) from None
        finally:
            for descriptor in (stdin, stdout):
                if descriptor not in (subprocess.PIPE, subprocess.DEVNULL):
                    os.close(descriptor)
        self.begin(self.read_stdout)
        self.begin(self.read_stderr)
        if case.stdin is not None:
            self.begin(self.write_stdin)
        if case.resolver:
            self.begin(self.be_silent)
        if case.early_signal:
            self.begin(self.signal_early)
        self.begin(self.wait)

    def begin(self, function):
        thread = threading.Thread(target=function, daemon=True)
        self.threads.append(thread)
        thread.start()

    def read_stdout(self):
        if self.process.stdout is not None:
            self.stdout = self.process.stdout.read(OUTPUT_LIMIT)

    def read_stderr(self):
        self.stderr = self.process.stderr.read(OUTPUT_LIMIT)

    def write_stdin(self):
        data = bytes(self.case.stdin.data)
        stream = self.process.stdin
        try:
            if self.case.stdin_hold is not None:
                half = len(data) // 2
                stream.write(data[:half])
                stream.flush()
                if self.cancelled.wait(self.case.stdin_hold / 1000.0):
                    return
                data = data[half:]
            self.hold.set()
            stream.write(data)
            stream.close()
        except OSError:
            pass

    def open_resolver(self):
        """The end of the FIFO that nothing is written to; None: nobody reads."""
        try:
            path = os.path.join(self.folder, "resolv.conf")
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return None

    def be_silent(self):
        """Wait until the client looks a name up, and leave it at that."""
        while not self.exited.is_set() and not self.cancelled.wait(0.002):
            asked = self.open_resolver()
            if asked is None:
                continue
            if self.case.resolver_signal is not None:
                self.signal(self.case.resolver_signal)
            self.exited.wait(self.case.timeout)
            os.close(asked)
            asked = self.open_resolver()
            if asked is not None:
                os.close(asked)
                self.fail(0, "the client is gone, and its lookup goes on")
            return
        if not self.cancelled.is_set():
            self.fail(0, "the client looked no name up")

    def catches(self, number):
        """Has the client a handler for this signal?"""
        try:
            with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
                for line in status:
                    if line.startswith("SigCgt:"):
                        return bool(int(line.split()[1], 16) >> (number - 1) & 1)
        except OSError:
            pass
        return False

    def signal_early(self):
        number = getattr(signal, "SIG" + self.case.early_signal)
        while not self.exited.is_set() and not self.cancelled.wait(0.002):
            if self.catches(number):
                self.process.send_signal(number)
                return
        if not self.cancelled.is_set():
            self.fail(0, "the client never handled SIG" + self.case.early_signal)

    def wait(self):
        self.process.wait()
        self.exited.set()

    # During.

    def serve(self, world):
        """Accept until the client has exited or the time is over."""
        if not world.listeners:
            self.wait_for_exit()
            return
        poll = select.poll()
        numbers = {}
        for number, sock in world.listeners:
            sock.setblocking(False)
            numbers[sock.fileno()] = (number, sock)
            poll.register(sock, select.POLLIN)
        while True:
            over = self.exited.is_set()
            for descriptor, _ in poll.poll(0 if over else 5):
                if not self.accept(*numbers[descriptor]):
                    poll.unregister(descriptor)
            if over or self.cancelled.is_set():
                return
            if time.monotonic() > self.deadline:
                self.wait_for_exit()
                return

    def accept(self, number, listener):
        """Take one connection; False once the listener is closed."""
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return True
        except OSError:
            return False
        connections = self.case.connections
        if self.case.stdin_hold is not None and not self.hold.is_set():
            sock.close()
            self.fail(0, "the client connected before its input was complete")
        elif self.next_connection >= len(connections):
            sock.close()
            self.fail(0, "connection %d was not expected" % (len(connections) + 1))
        else:
            connection = connections[self.next_connection]
            self.next_connection += 1
            if connection.server != number:
                sock.close()
                self.fail(connection.line, "expected a connection to server %d, "
                          "it went to %d" % (connection.server, number))
                return True
            script = Script(self, connection, sock, Ledger(), listener)
            self.scripts.append(script)
            thread = Runner(script)
            self.threads.append(thread)
            thread.start()
        return True

    def wait_for_exit(self):
        while not self.exited.wait(0.02):
            if self.cancelled.is_set():
                return
            if time.monotonic() > self.deadline:
                for script in self.scripts:
                    if not script.done:
                        # Its own thread says where it stands.
                        time.sleep(0.3)
                        break
                self.fail(0, "the client is still running after %g s" % self.case.timeout)

    # After.

    def finish(self):
        if self.cancelled.is_set():
            return
        for thread in self.threads:
            left = max(0.1, self.deadline - time.monotonic())
            thread.join(left)
            if thread.is_alive():
                self.fail(0, "time is over")
                return
        if not self.failures and self.next_connection < len(self.case.connections):
            connection = self.case.connections[self.next_connection]
            self.fail(connection.line, "connection %d never came, the client exited with %d%s" % (
                self.next_connection + 1, self.process.returncode, self.words()))

    def words(self):
        text = self.stderr.decode("utf-8", "replace").strip()
        return ": " + text.splitlines()[0] if text else ""
