"""A mail server made of Python's aiosmtpd, in a process of its own.

Prints its port, then keeps each message that it takes as two files in FOLDER: N.eml with the
exact octets after dots were taken off, N.json with the envelope. Recipients that begin with
"refused" get 550, "later" 450; a message whose body says "refuse this" gets 554.
"""

import argparse
import asyncio
import json
import os
import ssl

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP


class Keeper:
    def __init__(self, folder):
        self.folder, self.count = folder, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 no such user"
        if address.startswith("later"):
            return "450 4.2.1 try again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if b"refuse this" in envelope.content:
            return "554 5.6.0 not this one"
        name = f"{self.folder}/{self.count}"
        self.count += 1
        with open(name + ".eml", "wb") as f:
            f.write(envelope.content)
        with open(name + ".new", "w", encoding="utf-8") as f:
            json.dump({
                "from": envelope.mail_from, "options": envelope.mail_options, "to": envelope.rcpt_tos,
                "hello": session.host_name, "tls": session.ssl is not None,
            }, f)
        # With the rename it is kept, all or nothing: this server may be killed at any time.
        os.rename(name + ".new", name + ".json")
        return f"250 2.0.0 kept as {self.count - 1}"


async def serve(arguments):
    context = None
    if arguments.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.cert, arguments.key)
    implicit = context if arguments.implicit else None
    keeper = Keeper(arguments.folder)
    protocol = LMTP if arguments.lmtp else SMTP

    def session():
        return protocol(
            keeper, hostname="peer.example.org", data_size_limit=arguments.size,
            tls_context=None if implicit else context, require_starttls=arguments.require_starttls,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("folder")
    options.add_argument("--cert")
    options.add_argument("--key")
    options.add_argument("--implicit", action="store_true", help="TLS from the start")
    options.add_argument("--require-starttls", action="store_true")
    options.add_argument("--lmtp", action="store_true")
    options.add_argument("--size", type=int, default=33554432)
    asyncio.run(serve(options.parse_args()))


main()
