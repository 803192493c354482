"""One accepted connection: bytes in and out, plain or TLS, with a deadline.

TLS runs over memory BIOs, so that a script can glue plaintext to a TLS
boundary, leave out close_notify, or speak in clear after it.
"""

import select
import socket
import ssl
import struct
import time


class Gone(Exception):
    """The client closed or reset the connection."""


class TimedOut(Exception):
    """The case's time is over."""


class Channel:
    def __init__(self, sock, deadline):
        self.sock = sock
        self.deadline = deadline
        self.buffer = bytearray()
        self.tls = None
        self.incoming = None
        self.outgoing = None
        self.eof = False
        self.was_reset = False
        self.cancelled = None
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wait(self, events, until=None):
        """Wait for the descriptor; False when `until` is over."""
        poll = select.poll()
        poll.register(self.sock, events)
        while True:
            if self.cancelled is not None and self.cancelled.is_set():
                raise TimedOut()
            now = time.monotonic()
            if now >= self.deadline:
                raise TimedOut()
            end = self.deadline if until is None else min(until, self.deadline)
            # A short slice, so that a cancelled case ends soon.
            left = max(0.0, min(end - now, 0.25))
            if poll.poll(left * 1000):
                return True
            if until is not None and time.monotonic() >= until:
                return False

    def receive(self, until=None):
        """Read what there is, waiting for it; False on end or when late."""
        if self.eof:
            return False
        if not self.wait(select.POLLIN, until):
            return False
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return True
        except OSError:
            self.was_reset = True
            data = b""
        if self.tls is None:
            if not data:
                self.eof = True
                return False
            self.buffer += data
            return True
        if data:
            self.incoming.write(data)
        else:
            self.eof = True
            self.incoming.write_eof()
        return self.decrypt() or not self.eof

    def decrypt(self):
        while True:
            try:
                data = self.tls.read(262144)
            except ssl.SSLWantReadError:
                self.flush_tls()
                return True
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                self.eof = True
                return False
            except ssl.SSLError:
                self.eof = True
                self.was_reset = True
                return False
            if not data:
                self.eof = True
                return False
            self.buffer += data

    def send(self, data):
        """Write everything; a client that has gone is no error here."""
        if self.tls is not None:
            self.tls.write(data)
            data = self.outgoing.read()
        self.send_raw(data)

    def send_raw(self, data):
        view = memoryview(data)
        while view:
            self.wait(select.POLLOUT)
            try:
                sent = self.sock.send(view, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                continue
            except OSError:
                return
            view = view[sent:]

    def flush_tls(self):
        data = self.outgoing.read()
        if data:
            self.send_raw(data)

    def start_tls(self, context):
        """Do the server's side of the handshake; raises ssl.SSLError, Gone."""
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        if self.buffer:
            self.incoming.write(bytes(self.buffer))
            self.buffer.clear()
        tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush_tls()
                self.wait(select.POLLIN)
                try:
                    data = self.sock.recv(65536)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:
                    self.eof = True
                    raise Gone() from None
                self.incoming.write(data)
            except ssl.SSLError:
                self.flush_tls()
                raise
        self.flush_tls()
        self.tls = tls
        self.decrypt()

    def end_tls(self):
        """Send close_notify and go on in clear."""
        self.send_close_notify()
        self.tls = None

    def send_close_notify(self):
        try:
            self.tls.unwrap()
        except (ssl.SSLError, ValueError, OSError):
            pass
        self.flush_tls()

    def half_close(self):
        if self.tls is not None:
            self.send_close_notify()
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self, notify=True):
        if self.tls is not None and notify:
            self.send_close_notify()
        # What is there is taken in, because a close with unread bytes would
        # be a reset. Once only: a client that goes on sending is reset.
        try:
            self.sock.recv(65536)
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
