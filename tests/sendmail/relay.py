"""A relay that says what a test wants, and remembers what it took."""

import socket
import threading

PATIENCE = 30


class Relay:
    """Listens on a free port. replies: beginning of a command in upper case
    ("RCPT TO:<BOB@", ".") to reply; the longest one that fits counts."""

    def __init__(self, extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"),
                 **replies):
        self.extensions = extensions
        self.replies = {key.upper(): text for key, text in replies.items()}
        self.messages = []
        self.commands = []
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.settimeout(PATIENCE)
            self.accepted += 1
            with client, client.makefile("rwb") as file:
                try:
                    self.talk(file)
                except OSError:
                    pass

    def reply(self, command, default):
        fits = [key for key in self.replies if command.upper().startswith(key)]
        return self.replies[max(fits, key=len)] if fits else default

    def say(self, file, text):
        file.write(text.encode() + b"\r\n")
        file.flush()

    def talk(self, file):
        greeting = self.reply("GREETING", "220 relay.example ESMTP")
        if greeting != "silence":
            self.say(file, greeting)
        sender, recipients = None, []
        for line in file:
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self.commands.append(command)
            verb = command[:4].upper()
            if verb == "EHLO":
                lines = ["relay.example", *self.extensions]
                for i, text in enumerate(lines):
                    self.say(file, f"250{'-' if i + 1 < len(lines) else ' '}{text}")
            elif verb == "MAIL":
                text = self.reply(command, "250 2.1.0 Ok")
                sender, recipients = command[11:].partition(">")[0], []
                if text[0] != "2":
                    sender = None
                self.say(file, text)
            elif verb == "RCPT":
                text = self.reply(command, "250 2.1.5 Ok")
                if sender is None:
                    text = "503 5.5.1 MAIL first"
                if text[0] == "2":
                    recipients.append(command[9:].partition(">")[0])
                self.say(file, text)
            elif verb == "DATA":
                text = "354 go on" if recipients else "554 5.5.1 no recipients"
                text = self.reply(command, text)
                self.say(file, text)
                if text[0] == "3":
                    self.take(file, sender, recipients)
            elif verb == "QUIT":
                self.say(file, "221 2.0.0 Bye")
                return
            else:
                self.say(file, self.reply(command, "250 2.0.0 Ok"))

    def take(self, file, sender, recipients):
        octets = b""
        for line in file:
            if line == b".\r\n":
                break
            octets += line[1:] if line.startswith(b".") else line
        text = self.reply(".", f"250 2.0.0 Ok: queued as {len(self.messages) + 1:04X}")
        if text == "lost":
            raise OSError("dropped")
        if text[0] == "2":
            self.messages.append((sender, recipients, octets))
        self.say(file, text)
