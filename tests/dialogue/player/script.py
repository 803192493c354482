"""Plays the steps of one connection against the client."""

import os
import re
import ssl
import threading
import time

from . import auth, certs
from .channel import Channel, Gone, TimedOut
from .text import show, show_difference

QUIET_SECONDS = 0.003
LONG_LINE = 1 << 20


class Mismatch(Exception):
    def __init__(self, line, text):
        super().__init__(text)
        self.line = line
        self.text = text


class Script:
    """The steps of one `connect` block; `host` is the case being run."""

    def __init__(self, host, connection, sock, ledger, listener):
        self.host = host
        self.connection = connection
        self.listener = listener
        self.ledger = ledger
        self.channel = Channel(sock, host.deadline)
        self.channel.cancelled = host.cancelled
        self.lockstep = False
        self.split = None
        self.names = []
        self.secure = None
        self.done = False

    def play(self):
        step = None
        try:
            for step in self.connection.steps:
                self.last = step
                name = "do_" + step.verb.replace("-", "_")
                getattr(self, name)(step)
            self.done = True
        except TimedOut:
            raise Mismatch(step.line, "time is over in this step (%s)%s" % (
                self.describe(step), self.left())) from None
        except Gone:
            raise Mismatch(step.line, "the client closed: " + self.describe(step)) from None
        finally:
            if step is None or step.verb != "reset":
                self.channel.sock.close()

    def describe(self, step):
        if step.data:
            return "%s %s" % (step.verb, show(step.data, 60))
        return " ".join([step.verb, *step.words])

    def left(self):
        if self.channel.buffer:
            return ", unread: " + show(bytes(self.channel.buffer))
        return ""

    def take(self, count):
        data = bytes(self.channel.buffer[:count])
        del self.channel.buffer[:count]
        self.ledger.from_client(data)
        return data

    # What the server sends.

    def do_send(self, step):
        if self.lockstep:
            self.do_quiet(step)
        data = step.data
        self.ledger.from_server(data)
        if self.split is None:
            self.channel.send(data)
            return
        size = 1 if self.split == "each" else self.split
        if self.split == "each":
            pieces = [data[at : at + 1] for at in range(len(data))]
        else:
            pieces = [data[:size], data[size:]]
        for piece in pieces:
            if piece:
                self.channel.send(piece)
                # Not a synchronisation: it only makes it likely that the
                # pieces travel apart.
                time.sleep(0.0005)

    def do_flush(self, step):
        time.sleep(0.0005)

    def do_split(self, step):
        word = step.words[0]
        if word == "off":
            self.split = None
        elif word == "each":
            self.split = "each"
        else:
            self.split = int(word)

    def do_delay(self, step):
        end = time.monotonic() + int(step.words[0]) / 1000.0
        if self.host.cancelled.wait(end - time.monotonic()):
            raise TimedOut()

    def do_close(self, step):
        self.channel.close()

    def do_drop(self, step):
        self.channel.close(notify=False)

    def do_reset(self, step):
        self.channel.reset()

    def do_half_close(self, step):
        self.channel.half_close()

    def do_unlisten(self, step):
        self.listener.close()

    def do_window(self, step):
        # Set on the listener before anything was accepted.
        pass

    # What the client must send.

    def do_line(self, step):
        want = step.data
        buffer = self.channel.buffer
        while True:
            at = buffer.find(b"\n")
            if at >= 0:
                break
            if len(buffer) > LONG_LINE:
                at = len(buffer) - 1
                break
            if not self.channel.receive():
                raise Mismatch(step.line, "expected %s, but the client closed%s" % (
                    show(want), self.left()))
        got = self.take(at + 1)
        if got != want:
            raise Mismatch(step.line, show_difference(want, got))

    def do_match(self, step):
        got = self.read_line(step)
        if not re.fullmatch(step.data, got):
            raise Mismatch(step.line, "expected a line like %s, got %s" % (
                show(step.data), show(got)))

    def do_bytes(self, step):
        want = step.data
        buffer = self.channel.buffer
        checked = 0
        while True:
            have = min(len(buffer), len(want))
            if buffer[checked:have] != want[checked:have]:
                got = self.take(have)
                raise Mismatch(step.line, show_difference(want, got))
            checked = have
            if have == len(want):
                break
            if not self.channel.receive():
                raise Mismatch(
                    step.line, "expected %d bytes, but the client closed after %d: %s" % (
                        len(want), have, show(bytes(buffer[-160:]))))
        self.take(len(want))

    def do_C_dot(self, step):
        buffer = self.channel.buffer
        while not (buffer.startswith(b".\r\n") or b"\r\n.\r\n" in buffer):
            if not self.channel.receive():
                raise Mismatch(step.line, "expected the final dot, but the client closed%s" %
                               self.left())
        at = 0 if buffer.startswith(b".\r\n") else buffer.find(b"\r\n.\r\n") + 2
        self.take(at + 3)

    def read_line(self, step):
        """The client's next line, without its CRLF."""
        buffer = self.channel.buffer
        while b"\r\n" not in buffer:
            if len(buffer) > LONG_LINE or not self.channel.receive():
                raise Mismatch(step.line, "expected a line, but the client closed%s" %
                               self.left())
        return self.take(buffer.find(b"\r\n") + 2)[:-2]

    def do_auth(self, step):
        auth.Exchange(self, step).play()

    def do_skip(self, step):
        count = int(step.words[0])
        while count:
            if not self.channel.buffer and not self.channel.receive():
                raise Mismatch(step.line, "%d bytes short, and the client closed" % count)
            count -= len(self.take(min(count, len(self.channel.buffer))))

    def do_quiet(self, step):
        if not self.channel.buffer:
            self.channel.receive(time.monotonic() + QUIET_SECONDS)
        if self.channel.buffer:
            raise Mismatch(step.line, "the client should wait here, but sent %s" %
                           show(bytes(self.channel.buffer)))

    def do_lockstep(self, step):
        self.lockstep = True

    def do_closed(self, step):
        while not self.channel.buffer and self.channel.receive():
            pass
        if self.channel.buffer:
            raise Mismatch(step.line, "expected the client to close, got %s" %
                           show(bytes(self.channel.buffer)))

    def do_stall(self, step):
        while True:
            self.take(len(self.channel.buffer))
            if not self.channel.receive() and self.channel.eof:
                return

    def do_wait_exit(self, step):
        while not self.host.exited.wait(0.05):
            if time.monotonic() > self.host.deadline or self.host.cancelled.is_set():
                raise TimedOut()

    def do_await(self, step):
        """Wait until another connection of the case has been played."""
        self.wait_for(int(step.words[0]), lambda script: script.done)

    def do_await_connect(self, step):
        """Wait until there is another connection of the case."""
        self.wait_for(int(step.words[0]), lambda script: True)

    def wait_for(self, number, condition):
        while time.monotonic() < self.host.deadline:
            scripts = self.host.scripts
            if len(scripts) >= number and condition(scripts[number - 1]):
                return
            if self.host.cancelled.wait(0.005):
                break
        raise TimedOut()

    # TLS.

    def context(self, step):
        return self.host.context(tuple(step.words))

    def do_tls(self, step):
        context, self.names = self.context(step)
        self.secure = (context, step.words[0])
        try:
            self.channel.start_tls(context)
        except ssl.SSLError as error:
            raise Mismatch(step.line, "the handshake failed: %s" % error) from None
        except Gone:
            raise Mismatch(step.line, "the client closed during the handshake") from None
        self.ledger.forget()

    def exporter_secret(self):
        return certs.exporter_secret(self.secure[0]) if self.secure else None

    def certificate_digest(self):
        return self.host.certificates.digest(self.secure[1])

    def do_tls_fails(self, step):
        context, self.names = self.context(step)
        try:
            self.channel.start_tls(context)
        except (ssl.SSLError, Gone):
            return
        # With TLS 1.3 the server may be done before the client refuses.
        while not self.channel.buffer and self.channel.receive():
            pass
        if self.channel.buffer:
            raise Mismatch(step.line, "the handshake should fail, but the client sent %s" %
                           show(bytes(self.channel.buffer)))

    def do_tls_end(self, step):
        self.channel.end_tls()

    def do_sni(self, step):
        want = None if step.words[0] == "none" else step.words[0]
        got = self.names[-1] if self.names else None
        if got != want:
            raise Mismatch(step.line, "expected server name %s, got %s" % (want, got))

    def do_resumed(self, step):
        got = "yes" if self.channel.tls.session_reused else "no"
        if got != step.words[0]:
            raise Mismatch(step.line, "expected a resumed TLS session: %s, got %s" % (
                step.words[0], got))

    def do_client_cert(self, step):
        got = "yes" if self.channel.tls.getpeercert(True) else "no"
        if got != step.words[0]:
            raise Mismatch(step.line, "expected a client certificate: %s, got %s" % (
                step.words[0], got))

    # The world around.

    def do_signal(self, step):
        self.host.signal(step.words[0])

    def do_truncate(self, step):
        os.truncate(os.path.join(self.host.folder, step.words[0]), int(step.words[1]))

    def do_append(self, step):
        with open(os.path.join(self.host.folder, step.words[0]), "ab") as stream:
            stream.write(step.words[1].encode("utf-8", "surrogateescape"))


class Runner(threading.Thread):
    """Plays one script beside the others."""

    def __init__(self, script):
        super().__init__(daemon=True)
        self.script = script

    def run(self):
        host = self.script.host
        try:
            self.script.play()
        except Mismatch as error:
            host.fail(error.line, error.text)
        except Exception as error:  # pylint: disable=broad-except
            host.fail(self.script.last.line, "%s: %s" % (type(error).__name__, error))
