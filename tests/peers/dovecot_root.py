"""Dovecot, in a small root of its own.

Dovecot has the paths of its programs compiled in, so what was unpacked and the libraries that
it needs are copied into a folder which then is its root.
"""

import os
import shutil

from support import PACKAGES, Process, copy_programs, package_file, start_on_free_port

USER = 8  # mail, as everywhere in Debian; inside the root it owns the mailboxes

PROGRAMS = ["anvil", "auth", "config", "dict", "log", "stats", "modules/libssl_iostream_openssl.so"]


class DovecotRoot:
    """One running Dovecot and its port. A subclass has the configuration and the PROGRAMS that
    it needs beside the ones above."""

    PROGRAMS = []

    def __init__(self, root):
        self.root = root
        package_file("usr/sbin/dovecot")
        for folder in ("etc/dovecot", "dev", "run", "tmp", "mail", "usr/sbin", "usr/bin"):
            os.makedirs(f"{root}/{folder}")
        os.chown(f"{root}/mail", USER, USER)
        os.chmod(f"{root}/tmp", 0o1777)
        # A plain file will do: it is read as empty, and what is written to it is small.
        self.write("dev/null", "")
        os.chmod(f"{root}/dev/null", 0o666)
        self.write("etc/passwd", "root:x:0:0::/:\nmail:x:8:8::/:\ndovecot:x:997:997::/:\ndovenull:x:998:998::/:\n")
        self.write("etc/group", "root:x:0:\nmail:x:8:\ndovecot:x:997:\ndovenull:x:998:\n")
        self.copy_programs()
        self.prepare()
        self.process, self.port = self.run()

    def run(self):
        return start_on_free_port(self.start)

    def prepare(self):
        """Writes what the configuration names."""

    def configuration(self, port):
        raise NotImplementedError

    def write(self, name, text):
        with open(f"{self.root}/{name}", "w") as f:
            f.write(text)

    def copy_programs(self):
        shutil.copytree(f"{PACKAGES}/usr/lib/dovecot", f"{self.root}/usr/lib/dovecot", symlinks=True)
        programs = ["usr/sbin/dovecot", "usr/bin/doveconf"]
        programs += [f"usr/lib/dovecot/{name}" for name in PROGRAMS + self.PROGRAMS]
        copy_programs(self.root, programs)

    def start(self, port):
        self.write("etc/dovecot/dovecot.conf", self.configuration(port))
        return Process(["chroot", self.root, "/usr/sbin/dovecot", "-F"], self.root + "/out")

    def stop(self):
        self.process.stop()

    def log(self):
        try:
            with open(self.root + "/log", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""
