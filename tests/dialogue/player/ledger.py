"""Keeps count of the ends of data and of the replies that the script gave them.

The player shows it every byte in order; it follows the commands of one
connection just far enough to know which reply answers an end of data, by
counting.  A report that claims more deliveries than were confirmed is wrong,
and one that knows nothing of an end of data without an answer is as well.
"""

import re


class Ledger:
    def __init__(self):
        self.pending = []
        self.client = bytearray()
        self.server = bytearray()
        self.body = False
        self.chunk = 0
        self.last = False
        self.accepted = 0
        self.lmtp = False
        self.positive = 0
        self.unanswered = 0
        self.over = False

    def from_client(self, data):
        self.client += data
        while self.step():
            pass

    def step(self):
        if self.chunk:
            taken = min(self.chunk, len(self.client))
            del self.client[:taken]
            self.chunk -= taken
            if self.chunk or not taken:
                return False
            if self.last:
                self.end_of_data()
            return True
        if self.pending and self.pending[-1] == "DATA":
            # Nothing may follow DATA before its reply.
            return False
        at = self.client.find(b"\n")
        if at < 0:
            return False
        line = bytes(self.client[:at]).rstrip(b"\r")
        del self.client[: at + 1]
        if self.body:
            if line == b".":
                self.body = False
                if self.accepted:
                    self.end_of_data()
                else:
                    self.pending.append("DOT")
            return True
        words = line.upper().split()
        verb = words[0].decode("latin-1") if words else ""
        if verb == "BDAT":
            self.chunk = int(words[1])
            self.last = len(words) > 2
            if not self.last:
                self.pending.append("BDAT")
            elif not self.chunk:
                self.end_of_data()
            return True
        if verb == "LHLO":
            self.lmtp = True
        if verb == "MAIL":
            self.accepted = 0
        self.pending.append(verb)
        return True

    def in_doubt(self):
        """Ends of data of which nobody can know what became of them."""
        return 0 if self.over else self.unanswered + self.pending.count("END")

    def end_of_data(self):
        # LMTP: a reply for each accepted recipient (none accepted: one at most).
        self.pending += ["END"] * (max(1, self.accepted) if self.lmtp else 1)

    def from_server(self, data):
        self.server += data
        while True:
            at = self.server.find(b"\n")
            if at < 0:
                return
            line = bytes(self.server[:at])
            del self.server[: at + 1]
            if line[3:4] == b"-":
                continue
            self.reply(line[:3])

    def reply(self, code):
        if code == b"421":
            # It answers all that is open, and none of it was done.
            self.over = True
        if not self.pending:
            return
        verb = self.pending.pop(0)
        if verb == "RCPT" and code[:1] == b"2":
            self.accepted += 1
        elif verb == "DATA" and code[:1] == b"3":
            self.body = True
        elif verb == "END":
            self.positive += code[:1] == b"2"
            self.unanswered += re.fullmatch(rb"[245][0-9][0-9]", code) is None
        while self.step():
            pass

    def forget(self):
        """TLS has started: the client says EHLO again."""
        self.pending.clear()
        self.client.clear()
        self.server.clear()
