"""A server that goes wrong by chance, and the ledger of what servers took.

Chance is a random.Random of each connection, made from the seed and the numbers
of server and connection: what a connection does depends on nothing else than
what the client says on it.
"""

import collections
import random
import socket
import struct
import threading

OFFERS = ("PIPELINING", "CHUNKING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES")
LIMITS = ("RCPTMAX=1", "RCPTMAX=2", "MAILMAX=1", "MAILMAX=3", "RCPTDOMAINMAX=1",
          "RCPTMAX=2 MAILMAX=2")
REFUSALS = ("451 4.3.0 later", "452 4.5.3 full", "500 what", "503 5.5.1 out of order",
            "550 5.7.1 no", "554 5.0.0 no")
GOING = "421 4.3.2 going"


class Hangup(Exception):
    """This connection is over."""


class Ledger:
    """What all servers of a case took, and what the client did that it must not."""

    def __init__(self, interrupt_after, interrupt):
        self.lock = threading.Lock()
        self.taken = collections.Counter()  # (body, recipient)
        self.wrongs = []
        self.connections = 0
        self.commands = 0
        self.interrupt_after = interrupt_after
        self.interrupt = interrupt

    def take(self, body, recipient):
        with self.lock:
            self.taken[body, recipient] += 1

    def wrong(self, text):
        with self.lock:
            self.wrongs.append(text)

    def command(self):
        with self.lock:
            self.commands += 1
            now = self.commands == self.interrupt_after
        if now:
            self.interrupt()


class Plan:
    """What one server is like."""

    def __init__(self, chance, case):
        self.lmtp = case.lmtp
        self.rate = case.rate
        self.silence = case.silence
        self.offers = [word for word in OFFERS if chance.random() < 0.6]
        self.limits = {}
        if chance.random() < 0.3:
            words = chance.choice(LIMITS)
            self.offers.append("LIMITS " + words)
            self.limits = {name: int(value) for name, value in
                           (word.split("=") for word in words.split())}
        # The recipients it really takes in a transaction.
        self.room = chance.choice([1, 2, 100, 100])
        # CHUNKING is offered, and nobody at home. Not in LMTP: the replies to the
        # lines of a chunk cannot be told from those for its recipients.
        self.chunking_lie = case.rate > 0 and not case.lmtp and chance.random() < 0.1


class Server:
    def __init__(self, plan, ledger, name):
        self.plan = plan
        self.ledger = ledger
        self.name = name
        self.log = []
        self.threads = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.ledger.lock:
                self.ledger.connections += 1
            connection = Connection(self, sock, len(self.threads))
            self.threads.append(connection)
            connection.start()

    def close(self, patience):
        """Wait for all connections; False when one does not end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join(patience)
        self.listener.close()
        for thread in self.threads:
            thread.join(patience)
        return not any(thread.is_alive() for thread in self.threads)


class Connection(threading.Thread):
    def __init__(self, server, sock, number):
        super().__init__(daemon=True)
        self.server = server
        self.plan = server.plan
        self.ledger = server.ledger
        self.sock = sock
        self.number = number
        self.chance = random.Random("%s/%d" % (server.name, number))
        self.buffer = bytearray()
        self.greeted = False
        self.offers = ()
        self.limits = {}
        self.mails = 0
        self.sender = None
        self.people = []
        # What the client cannot help: from here on it may be out of step.
        self.excused = False
        # A 421 was said, and nothing more goes wrong.
        self.steady = False

    def note(self, mark, text):
        self.server.log.append("%s #%d %s %s" % (self.server.name, self.number, mark, text))

    def wrong(self, text):
        if not self.excused:
            self.ledger.wrong("%s #%d: %s" % (self.server.name, self.number, text))

    # -- octets

    def run(self):
        try:
            self.talk()
        except (Hangup, OSError) as why:
            self.note("!", str(why))
        finally:
            self.sock.close()

    def receive(self):
        data = self.sock.recv(65536)
        if not data:
            raise Hangup("the client closed")
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.receive()
        end = self.buffer.index(b"\r\n")
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def octets(self, count):
        while len(self.buffer) < count:
            self.receive()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def has_more(self):
        """Did the client send on without waiting?"""
        if not self.buffer:
            try:
                return bool(self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
            except BlockingIOError:
                return False
        return True

    def send(self, text):
        for line in text.split("\r\n"):
            self.note("<", line)
        data = text.encode() + b"\r\n"
        cut = self.chance.randrange(len(data)) if self.chance.random() < 0.2 else 0
        if cut:
            self.sock.sendall(data[:cut])
        self.sock.sendall(data[cut:])

    def swallow(self):
        """Read on and say nothing."""
        while True:
            self.buffer.clear()
            self.receive()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup("reset")

    # -- what goes wrong

    def happens(self, share=1.0):
        return self.chance.random() < self.plan.rate * share and not self.steady

    def trouble(self):
        """A refusal in place of what would be said; None: all is well."""
        if not self.happens():
            return None
        kind = self.chance.random()
        if kind < 0.2:
            raise Hangup("closed")
        if kind < 0.3:
            self.reset()
        if kind < 0.45:
            self.send(GOING)
            if self.chance.random() < 0.5:
                self.swallow()
            raise Hangup("closed behind a 421")
        if kind < 0.5:
            # Says so, and stays. What is sent behind it counts as refused by it,
            # unless a reply says otherwise: none of these must be lost.
            self.excused = self.steady = True
            return GOING
        if kind < 0.6 and self.plan.silence:
            self.note("!", "silence")
            self.swallow()
        return self.chance.choice(REFUSALS)

    # -- what is said

    def talk(self):
        refusal = self.trouble()
        if refusal is not None:
            self.send(refusal if refusal[0] in "45" and refusal[:2] != "50" else "554 no")
            self.line()
            self.send("221 bye")
            return
        self.send("220 mx")
        while True:
            line = self.line()
            self.note(">", line.decode("latin-1"))
            self.ledger.command()
            verb = line.split(b" ")[0].decode("latin-1").upper()
            if verb in ("EHLO", "HELO", "LHLO", "DATA", "QUIT") and self.has_more():
                self.wrong("more behind " + verb)
            if verb != "BDAT" and "PIPELINING" not in self.offers and self.has_more():
                self.wrong("not one at a time: " + verb)
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None:
                self.wrong("command " + repr(line))
                self.send("500 what")
            elif not self.greeted and verb not in ("EHLO", "HELO", "LHLO", "QUIT"):
                self.wrong(verb + " before a greeting")
                self.send("503 5.5.1 who are you?")
            elif handler(line.decode("latin-1")) == "over":
                return

    def do_ehlo(self, line):
        if line.startswith("LHLO") != self.plan.lmtp:
            self.wrong("the other protocol: " + line)
        refusal = self.trouble()
        if refusal is not None:
            self.send(refusal)
            return
        self.greeted = True
        self.offers = self.plan.offers
        self.limits = self.plan.limits
        words = ["mx", *self.offers]
        self.send("\r\n".join("250%s%s" % ("-" if word is not words[-1] else " ", word)
                              for word in words))

    do_lhlo = do_ehlo

    def do_helo(self, line):
        self.greeted = True
        self.offers = ()
        self.limits = {}
        self.send("250 mx")

    def do_quit(self, line):
        if not self.happens():
            self.send("221 2.0.0 bye")
        return "over"

    def do_rset(self, line):
        if self.happens(0.3):
            self.excused = True
            self.send("502 5.5.1 no")
            return
        self.sender = None
        self.send("250 2.0.0 ok")

    def do_mail(self, line):
        refusal = self.trouble()
        words = line.split(" ")[2:]
        for word in words:
            if word.split("=")[0] not in ("SIZE", "BODY"):
                self.wrong("parameter: " + line)
            if word.startswith("SIZE=") and "SIZE" not in self.offers:
                self.wrong("SIZE not offered: " + line)
            if word.startswith("BODY=") and "8BITMIME" not in self.offers:
                self.wrong("8BITMIME not offered: " + line)
        if refusal is not None:
            self.send(refusal)
            return
        if self.sender is not None:
            self.wrong("MAIL in a transaction")
            self.send("503 5.5.1 nested")
            return
        self.mails += 1
        if self.mails > self.limits.get("MAILMAX", self.mails):
            self.wrong("over MAILMAX")
        self.sender = line
        self.people = []
        self.asked = []
        self.send("250 2.1.0 ok")

    def do_rcpt(self, line):
        refusal = self.trouble()
        if self.sender is None:
            if "PIPELINING" not in self.offers:
                self.wrong("RCPT without MAIL")
            self.send("503 5.5.1 no MAIL")
            return
        address = line[line.index("<") + 1 : line.index(">")]
        self.asked.append(address)
        if len(self.asked) > self.limits.get("RCPTMAX", len(self.asked)):
            self.wrong("over RCPTMAX")
        domains = len({address.split("@")[1] for address in self.asked})
        if domains > self.limits.get("RCPTDOMAINMAX", domains):
            self.wrong("over RCPTDOMAINMAX")
        if refusal is not None:
            self.send(refusal)
        elif len(self.people) >= self.plan.room:
            self.send("452 4.5.3 too many")
        else:
            if address not in self.people:
                self.people.append(address)
            self.send("250 2.1.5 ok")

    def do_data(self, line):
        refusal = self.trouble()
        if self.sender is None or not self.people:
            if "PIPELINING" not in self.offers:
                self.wrong("DATA for nobody")
            if self.sender is None or self.chance.random() < 0.5:
                self.send("503 5.5.1 no RCPT")
                return
            self.send("354 go")
            if self.line() != b".":
                self.wrong("a message for nobody")
                raise Hangup("lost")
            self.sender = None
            if not self.plan.lmtp or self.chance.random() < 0.5:
                self.send("554 5.5.1 nobody")
            return
        if refusal is not None:
            self.send(refusal)
            return
        self.send("354 go")
        refused = self.happens(0.5) and self.break_data()
        lines = []
        while True:
            text = self.line()
            if text == b".":
                break
            lines.append(text[1:] if text.startswith(b".") else text)
        if not refused:
            self.finish(b"".join(text + b"\r\n" for text in lines))
        self.sender = None

    def break_data(self):
        """In the midst of a message: closed, or refused and read on."""
        if self.chance.random() < 0.5:
            self.octets(5)
            raise Hangup("closed in a message")
        self.refuse_early()
        if self.chance.random() < 0.3:
            raise Hangup("closed behind an early refusal")
        return True

    def refuse_early(self):
        for _ in self.people if self.plan.lmtp else ["all"]:
            self.send("552 5.3.4 too big")

    def do_bdat(self, line):
        size = int(line.split(" ")[1])
        if "CHUNKING" not in self.offers or line.split(" ")[2:] != ["LAST"]:
            self.wrong(line)
        if self.plan.chunking_lie:
            # The chunk's lines are the next commands.
            self.excused = True
            self.send("500 what")
            return
        if self.happens(0.3):
            raise Hangup("closed in a chunk")
        if self.happens(0.3):
            self.refuse_early()
            self.octets(size)
            self.leave()
            return
        body = self.octets(size)
        if "PIPELINING" not in self.offers and self.has_more():
            self.wrong("not one at a time: BDAT")
        if self.sender is None or not self.people:
            self.send("503 5.5.1 nothing to send to")
        elif self.finish(body):
            self.sender = None
        else:
            self.leave()

    def leave(self):
        """Behind a refused chunk some servers have a transaction, some not. It
        may be begun anew with DATA, which does not count as one more."""
        self.mails -= 1
        if self.chance.random() < 0.5:
            self.sender = None

    def finish(self, body):
        """The message is whole: False when it was refused."""
        if self.plan.lmtp:
            taken = [self.take(body, [address]) for address in self.people]
            return any(taken)
        return self.take(body, self.people)

    def take(self, body, people):
        refusal = self.trouble()
        if refusal is not None:
            self.send(refusal)
            return False
        for address in people:
            self.ledger.take(body, address)
        if self.happens(0.4):
            raise Hangup("taken, and closed without a reply")
        self.send("250 2.0.0 ok")
        return True
