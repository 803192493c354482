"""Reads a conversation file.

One line, one keyword, one argument.  The grammar is documented in
tests/README.md; a harness in C reads the same files, so keep it as simple as
it is: no nesting, no quoting, no indentation.
"""

import re

from . import auth
from .text import TextError, unescape


class FormError(Exception):
    def __init__(self, path, line, text):
        super().__init__("%s:%d: %s" % (path, line, text))
        self.line = line


class Step:
    """One thing the scripted server does or waits for in a connection."""

    def __init__(self, line, verb, data=b"", words=()):
        self.line = line
        self.verb = verb
        self.data = data
        self.words = words


class Connection:
    def __init__(self, line, server):
        self.line = line
        self.server = server
        self.steps = []


class Server:
    def __init__(self, line, kinds, url):
        self.line = line
        self.kinds = kinds
        self.url = url


class Expectation:
    def __init__(self, line, verb, path, data):
        self.line = line
        self.verb = verb
        self.path = path
        self.data = data


class Blob:
    def __init__(self, name):
        self.name = name
        self.data = bytearray()
        self.mode = 0o600
        self.size = None


class Case:
    def __init__(self, path):
        self.path = path
        self.title = None
        self.situations = []
        self.needs = []
        self.timeout = 10.0
        self.command = None
        self.helo = b"client.example.org"
        self.repair = False
        self.report = "json"
        self.sender = b"alice@example.org"
        self.recipients = None
        self.args = []
        self.env = []
        self.hosts = []
        self.resolver = None
        self.resolver_signal = None
        self.early_signal = None
        self.messages = []
        self.files = []
        self.secrets = []
        self.stdin = None
        self.stdin_hold = None
        self.stdin_kind = None
        self.stdout = None
        self.file_size_limit = None
        self.servers = []
        self.connections = []
        self.exit = None
        self.expectations = []
        self.message_count = None
        self.recipient_count = None


SERVER_KINDS = {"tcp4", "tcp6", "unix", "refuse", "blackhole4", "blackhole6"}
DEFAULT_URLS = {
    "tcp4": b"smtp://127.0.0.1:@PORT@",
    "refuse": b"smtp://127.0.0.1:@PORT@",
    "blackhole4": b"smtp://127.0.0.1:@PORT@",
    "tcp6": b"smtp://[::1]:@PORT@",
    "blackhole6": b"smtp://[::1]:@PORT@",
    "unix": b"lmtp+unix:@SOCKET@",
}

# Steps without an argument, with one number, and with words.
BARE_STEPS = {
    "flush", "quiet", "lockstep", "stall", "closed", "close", "drop", "reset",
    "half-close", "unlisten", "wait-exit", "tls-end", "C-dot",
}
NUMBER_STEPS = {"await", "await-connect", "delay", "skip", "window"}
WORD_STEPS = {
    "split", "tls", "tls-fails", "sni", "resumed", "client-cert", "signal",
    "truncate", "append", "auth",
}
# Steps after which the connection is over; a block that ends in none of them
# ends in an implied "closed".
FINAL_STEPS = {"stall", "closed", "close", "drop", "reset", "tls-fails"}

MULTI_EXPECT = {
    "stdout-match", "stdout-has", "stdout-lacks", "stderr-match",
    "stderr-has", "stderr-lacks",
}


class Reader:
    def __init__(self, path):
        self.case = Case(path)
        self.blob = None
        self.connection = None
        self.number = 0
        self.index = None

    def fail(self, text):
        raise FormError(self.case.path, self.number, text)

    def text(self, argument):
        try:
            return unescape(argument, self.index)
        except TextError as error:
            self.fail(str(error))

    def read(self):
        with open(self.case.path, "rb") as stream:
            raw = stream.read()
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            self.fail("not UTF-8")
        for self.number, line, self.index in self.expand(raw):
            keyword, _, argument = line.partition(b" ")
            self.take(keyword.decode("utf-8"), argument)
        self.finish()
        return self.case

    def expand(self, raw):
        """Yield (line number, line, round), with `repeat` played out."""
        lines = raw.split(b"\n")
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            self.number = at
            if line.strip() == b"" or line.startswith(b"#"):
                continue
            if not line.startswith(b"repeat "):
                yield at, line, None
                continue
            words = line.split()
            if len(words) != 3 or not words[1].isdigit() or not words[2].isdigit():
                self.fail("repeat wants ROUNDS LINES")
            rounds, span = int(words[1]), int(words[2])
            for index in range(1, rounds + 1):
                for offset in range(span):
                    yield at + offset + 1, lines[at + offset], index
            at += span

    def take(self, keyword, argument):
        name = "take_" + keyword.replace("-", "_")
        if keyword in ("S:", "S=", "C:", "C=", "C~", "M:", "M="):
            self.wire(keyword, argument)
        elif keyword in BARE_STEPS or keyword in NUMBER_STEPS or keyword in WORD_STEPS:
            self.step(keyword, argument)
        elif keyword in MULTI_EXPECT:
            self.connection = None
            self.case.expectations.append(
                Expectation(self.number, keyword, None,
                            self.text_or_pattern(keyword, argument)))
        elif hasattr(self, name):
            getattr(self, name)(argument)
        else:
            self.fail("unknown keyword '%s'" % keyword)

    def text_or_pattern(self, keyword, argument):
        """A pattern is a regular expression, taken as it stands."""
        if keyword == "C~" or keyword.endswith("-match"):
            try:
                re.compile(argument)
            except re.error as error:
                self.fail("not a regular expression: %s" % error)
            return argument
        return self.text(argument)

    # The wire.

    def wire(self, keyword, argument):
        data = self.text_or_pattern(keyword, argument)
        if keyword[0] == "M":
            if self.blob is None:
                self.fail("%s before any message, file or stdin" % keyword)
            self.blob.data += data
            if keyword == "M:":
                self.blob.data += b"\n"
            return
        if self.connection is None:
            self.fail("%s outside of a connection" % keyword)
        if keyword in ("S:", "C:"):
            data += b"\r\n"
        steps = self.connection.steps
        if keyword[0] == "S":
            # Neighbours go out as one segment.
            if steps and steps[-1].verb == "send":
                steps[-1].data += data
            else:
                steps.append(Step(self.number, "send", data))
        elif keyword == "C~":
            steps.append(Step(self.number, "match", data))
        else:
            verb = "line" if keyword == "C:" else "bytes"
            steps.append(Step(self.number, verb, data))

    def step(self, keyword, argument):
        if self.connection is None:
            self.fail("%s outside of a connection" % keyword)
        words = argument.split()
        if keyword in BARE_STEPS and words:
            self.fail("%s takes no argument" % keyword)
        if keyword in NUMBER_STEPS and (len(words) != 1 or not words[0].isdigit()):
            self.fail("%s wants one number" % keyword)
        if keyword in WORD_STEPS and not words:
            self.fail("%s wants an argument" % keyword)
        words = [self.text(word).decode("utf-8", "surrogateescape") for word in words]
        if keyword == "auth":
            problem = auth.problem(words)
            if problem:
                self.fail(problem)
        self.connection.steps.append(Step(self.number, keyword, b"", words))

    # The head.

    def take_title(self, argument):
        self.case.title = argument.decode("utf-8")

    def take_situations(self, argument):
        for word in argument.split():
            if not word.isdigit() or not 1 <= int(word) <= 250:
                self.fail("a situation is a number from 1 to 250")
            self.case.situations.append(int(word))

    def take_needs(self, argument):
        for word in argument.decode("ascii").split():
            if word not in ("ipv6", "user"):
                self.fail("unknown need '%s'" % word)
            self.case.needs.append(word)

    def take_timeout(self, argument):
        self.case.timeout = float(argument)

    def take_command(self, argument):
        self.case.command = [self.text(word) for word in argument.split()]

    def take_helo(self, argument):
        self.case.helo = self.text(argument)

    def take_no_helo(self, argument):
        self.case.helo = None

    def take_repair(self, argument):
        self.case.repair = True

    def take_report(self, argument):
        self.case.report = argument.decode("ascii")
        if self.case.report not in ("json", "text", "default", "none"):
            self.fail("report is json, text, default or none")

    def take_from(self, argument):
        self.case.sender = self.text(argument)

    def take_no_from(self, argument):
        self.case.sender = None

    def take_to(self, argument):
        if self.case.recipients is None:
            self.case.recipients = []
        self.case.recipients.append(self.text(argument))

    def take_no_to(self, argument):
        self.case.recipients = []

    def take_arg(self, argument):
        self.case.args.append(self.text(argument))

    def take_env(self, argument):
        name, equals, value = self.text(argument).partition(b"=")
        if not equals:
            self.fail("env wants NAME=VALUE")
        self.case.env.append((name, value))

    def take_hosts(self, argument):
        self.case.hosts.append(self.text(argument))

    def take_resolver(self, argument):
        words = argument.decode("ascii").split()
        if not 1 <= len(words) <= 2 or words[0] != "silent":
            self.fail("resolver is silent, with or without the name of a signal")
        self.case.resolver = words[0]
        self.case.resolver_signal = words[1] if len(words) == 2 else None

    def take_message(self, argument):
        self.blob = Blob(self.text(argument))
        self.case.messages.append(self.blob)

    def take_no_message(self, argument):
        self.case.messages.append(None)

    def take_file(self, argument):
        self.blob = Blob(self.text(argument))
        self.case.files.append(self.blob)

    def take_mode(self, argument):
        if self.blob is None:
            self.fail("mode before any file")
        self.blob.mode = int(argument, 8)

    def take_size(self, argument):
        if self.blob is None:
            self.fail("size before any file")
        self.blob.size = int(argument)

    def take_early_signal(self, argument):
        self.case.early_signal = argument.decode("ascii")

    def take_secret(self, argument):
        self.case.secrets.append(self.text(argument))

    def take_user(self, argument):
        self.case.args += [b"--user", self.text(argument)]

    def take_password(self, argument):
        """The usual way: a file that only its owner can read."""
        self.take_file(b"password")
        self.blob.data += self.text(argument) + b"\n"
        self.take_secret(argument)
        self.case.args += [b"--password-file", b"@DIR@/password"]

    def take_stdin(self, argument):
        self.blob = Blob(b"-")
        self.case.stdin = self.blob

    def take_stdin_hold(self, argument):
        self.case.stdin_hold = int(argument)

    def take_stdin_kind(self, argument):
        self.case.stdin_kind = argument.decode("ascii")
        if self.case.stdin_kind not in ("closed", "directory"):
            self.fail("stdin-kind is closed or directory")

    def take_stdout(self, argument):
        self.case.stdout = argument.decode("ascii")
        if self.case.stdout not in ("closed", "full", "broken"):
            self.fail("stdout is closed, full or broken")

    def take_file_size_limit(self, argument):
        self.case.file_size_limit = int(argument)

    def take_server(self, argument):
        kinds, _, url = argument.partition(b" ")
        names = kinds.decode("ascii").split("+")
        for name in names:
            if name not in SERVER_KINDS:
                self.fail("unknown server kind '%s'" % name)
        url = self.text(url) if url else DEFAULT_URLS[names[0]]
        self.case.servers.append(Server(self.number, names, url))

    def take_no_server(self, argument):
        self.case.servers.append(None)

    # Connections and expectations.

    def take_connect(self, argument):
        server = int(argument) if argument else 1
        self.connection = Connection(self.number, server)
        self.case.connections.append(self.connection)

    def take_exit(self, argument):
        self.connection = None
        self.case.exit = int(argument)

    def take_messages(self, argument):
        self.connection = None
        self.case.message_count = int(argument)

    def take_recipients(self, argument):
        self.connection = None
        self.case.recipient_count = int(argument)

    def take_expect(self, argument):
        self.expectation("expect", argument)

    def take_expect_match(self, argument):
        self.expectation("expect-match", argument)

    def expectation(self, verb, argument):
        self.connection = None
        path, space, value = argument.partition(b" ")
        if not space:
            self.fail("%s wants PATH VALUE" % verb)
        self.case.expectations.append(
            Expectation(self.number, verb, path.decode("ascii"),
                        self.text_or_pattern(verb, value)))

    def finish(self):
        case = self.case
        if not case.title:
            self.fail("no title")
        if not case.situations:
            self.fail("no situations")
        if case.exit is None:
            self.fail("no exit")
        if not case.servers and case.command is None:
            case.servers.append(Server(0, ["tcp4"], DEFAULT_URLS["tcp4"]))
        case.servers = [server for server in case.servers if server is not None]
        if case.recipients is None:
            case.recipients = [b"bob@example.org"]
        if not case.messages and case.stdin is None and case.stdin_kind is None \
                and case.command is None:
            blob = Blob(b"hello.eml")
            blob.data += b"Subject: hello\n\nhello\n"
            case.messages.append(blob)
        case.messages = [blob for blob in case.messages if blob is not None]
        for connection in case.connections:
            if not 1 <= connection.server <= len(case.servers):
                self.number = connection.line
                self.fail("there is no server %d" % connection.server)
            steps = connection.steps
            if not steps or steps[-1].verb not in FINAL_STEPS:
                line = steps[-1].line if steps else connection.line
                steps.append(Step(line, "closed"))


def read_case(path):
    reader = Reader(path)
    try:
        return reader.read()
    except ValueError as error:
        raise FormError(path, reader.number, str(error)) from None
