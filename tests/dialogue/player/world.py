"""The servers of one case: where they listen, and who answers."""

import os
import socket
import subprocess
import tempfile


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


# Files of one's own, for one process and its children: each of the pairs before
# "--" is laid over the system's file where only they see it.
OWN_FILES = (
    'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@"'
)
RESOLVER = "/etc/resolv.conf"


def find_namespace():
    """The words that start a process with its own hosts file; None: no way."""
    with tempfile.TemporaryDirectory() as folder:
        files = write_hosts(folder, [b"127.0.0.1 probe.example.org"])
        for flags in ("-m", "-rm"):
            words = ["unshare", flags, "/bin/sh", "-c", OWN_FILES, "sh"]
            try:
                done = subprocess.run(
                    [*words, *files, "--", "true"], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except OSError:
                return None
            if done.returncode == 0:
                return words
    return None


def write_hosts(folder, lines):
    """Write hosts and nsswitch.conf; return what they are laid over."""
    hosts = os.path.join(folder, "hosts")
    switch = os.path.join(folder, "nsswitch.conf")
    with open(hosts, "wb") as stream:
        stream.write(b"\n".join([*lines, b""]))
    with open(switch, "w", encoding="ascii") as stream:
        stream.write("hosts: files\n")
    return [hosts, "/etc/hosts", switch, "/etc/nsswitch.conf"]


def make_silent(folder):
    """A resolver's configuration that cannot be read to its end."""
    fifo = os.path.join(folder, "resolv.conf")
    os.mkfifo(fifo)
    return [fifo, RESOLVER]


class World:
    """Listeners of a case, by number from 1."""

    def __init__(self, case, folder, backlog=64):
        self.case = case
        self.folder = folder
        self.backlog = backlog
        self.listeners = []  # (server number, socket)
        self.held = []  # sockets that only keep a port or fill a queue
        self.ports = {}
        self.sockets = {}

    def open(self):
        for number, server in enumerate(self.case.servers, 1):
            self.open_server(number, server)

    def open_server(self, number, server):
        port = 0
        for kind in server.kinds:
            if kind == "unix":
                path = os.path.join(self.folder, "socket%d" % number)
                sock = socket.socket(socket.AF_UNIX)
                sock.bind(path)
                sock.listen(self.backlog)
                self.sockets[number] = path
                self.listeners.append((number, sock))
                continue
            family = socket.AF_INET6 if kind.endswith("6") else socket.AF_INET
            host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
            sock = socket.socket(family)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
            port = sock.getsockname()[1]
            self.ports[number] = port
            if kind == "refuse":
                # Bound and not listening: the kernel refuses.
                self.held.append(sock)
            elif kind.startswith("blackhole"):
                self.black_hole(sock, family)
            else:
                self.window(sock, number)
                sock.listen(self.backlog)
                self.listeners.append((number, sock))

    def window(self, sock, number):
        """A small receive window must be asked for before listening."""
        sizes = [int(step.words[0]) for connection in self.case.connections
                 for step in connection.steps
                 if step.verb == "window" and connection.server == number]
        if sizes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(sizes))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(sizes))

    def black_hole(self, sock, family):
        """Fill the accept queue, so that further SYNs are dropped."""
        sock.listen(0)
        self.held.append(sock)
        for _ in range(4):
            filler = socket.socket(family)
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname()[:2])
            self.held.append(filler)

    def substitute(self, data, values):
        for name, value in values.items():
            data = data.replace(name, value)
        return data

    def values(self, certificates):
        """What the @NAMES@ of a case stand for."""
        values = {b"@DIR@": os.fsencode(self.folder)}
        for number in range(len(self.case.servers), 0, -1):
            if number in self.ports:
                values[b"@PORT%d@" % number] = b"%d" % self.ports[number]
            if number in self.sockets:
                values[b"@SOCKET%d@" % number] = os.fsencode(self.sockets[number])
        if 1 in self.ports:
            values[b"@PORT@"] = b"%d" % self.ports[1]
        if 1 in self.sockets:
            values[b"@SOCKET@"] = os.fsencode(self.sockets[1])
        if certificates.ready:
            values[b"@CERTS@"] = os.fsencode(certificates.folder)
            for name, pin in certificates.pin.items():
                values[b"@PIN-%s@" % name.encode()] = pin.encode()
        return values

    def url(self, number):
        """The URL of a server, with its own port."""
        url = self.case.servers[number - 1].url
        if number in self.ports:
            url = url.replace(b"@PORT@", b"%d" % self.ports[number])
        if number in self.sockets:
            url = url.replace(b"@SOCKET@", os.fsencode(self.sockets[number]))
        return url

    def close(self):
        for _, sock in self.listeners:
            sock.close()
        for sock in self.held:
            sock.close()
