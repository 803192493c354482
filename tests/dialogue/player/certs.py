"""Certificates for the TLS cases, made with the openssl command.

Everything is made once for a run, in a temporary folder, on P-256 keys.
"""

import hashlib
import os
import ssl
import subprocess
import tempfile
import threading

# name: (subject, subjectAltName or None, signed by the CA, dates or None)
KINDS = {
    "good": ("mx.example.org", "DNS:mx.example.org,DNS:localhost", True, None),
    "self-signed": ("mx.example.org", "DNS:mx.example.org,DNS:localhost", False, None),
    "expired": ("mx.example.org", "DNS:mx.example.org,DNS:localhost", True,
                ("20200101000000Z", "20200201000000Z")),
    "not-yet": ("mx.example.org", "DNS:mx.example.org,DNS:localhost", True,
                ("20900101000000Z", "20910101000000Z")),
    "wrong-name": ("other.example.net", "DNS:other.example.net", True, None),
    "ip": ("host", "IP:127.0.0.1,IP:::1", True, None),
    "ip-as-dns": ("127.0.0.1", "DNS:127.0.0.1", True, None),
    "cn-only": ("mx.example.org", None, True, None),
    "cn-beside-san": ("mx.example.org", "DNS:other.example.net", True, None),
    "wildcard": ("any", "DNS:*.example.org", True, None),
    "wildcard-part": ("any", "DNS:m*.example.org", True, None),
    "client": ("client.example.org", "DNS:client.example.org", True, None),
}

CA_CONFIG = """\
[ca]
default_ca = local
[local]
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def exporter_secret(context):
    """Of the context's last handshake; None before TLS 1.3."""
    with open(context.keylog_filename, encoding="ascii") as stream:
        found = [line.split() for line in stream if line.startswith("EXPORTER_SECRET ")]
    return bytes.fromhex(found[-1][2]) if found else None


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        self.made = set()
        self.lock = threading.Lock()
        self.ready = False

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *args):
        done = subprocess.run(
            ["openssl", *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError("openssl %s: %s" % (
                args[0], done.stderr.decode("utf-8", "replace").strip()))
        return done.stdout

    def key(self, name):
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout",
                     "-out", name + ".key")

    def prepare(self):
        """Make all of them, the first time."""
        with self.lock:
            if self.ready:
                return
            os.makedirs(self.folder, exist_ok=True)
            with open(self.path("ca.cnf"), "w", encoding="ascii") as stream:
                stream.write(CA_CONFIG.format(dir=self.folder))
            open(self.path("index.txt"), "w").close()
            self.key("ca")
            self.openssl(
                "req", "-x509", "-new", "-key", "ca.key", "-sha256",
                "-days", "3650", "-subj", "/CN=conversation CA",
                "-out", "ca.pem")
            for name in KINDS:
                self.make(name)
            self.key("stranger")
            with open(self.path("broken.pem"), "w", encoding="ascii") as stream:
                stream.write("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n"
                             "-----END CERTIFICATE-----\n")
            self.pins()
            self.ready = True

    def make(self, name):
        subject, names, signed, dates = KINDS[name]
        self.key(name)
        ext = ["-addext", "subjectAltName=" + names] if names else []
        if not signed:
            self.openssl(
                "req", "-x509", "-new", "-key", name + ".key", "-sha256",
                "-days", "3650", "-subj", "/CN=" + subject, *ext,
                "-out", name + ".pem")
            return
        self.openssl("req", "-new", "-key", name + ".key", "-sha256",
                     "-subj", "/CN=" + subject, *ext, "-out", name + ".csr")
        start, end = dates or ("20200101000000Z", "20991231000000Z")
        self.openssl(
            "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem",
            "-keyfile", "ca.key", "-in", name + ".csr", "-notext",
            "-startdate", start, "-enddate", end, "-out", name + ".pem")

    def pins(self):
        """The sha256 of the public key, the form a pin has."""
        self.pin = {}
        for name in KINDS:
            der = self.openssl("pkey", "-in", name + ".key", "-pubout",
                               "-outform", "DER")
            self.pin[name] = hashlib.sha256(der).hexdigest()

    def digest(self, name):
        """SHA-256 of a whole certificate (tls-server-end-point)."""
        der = self.openssl("x509", "-in", name + ".pem", "-outform", "DER")
        return hashlib.sha256(der).digest()

    def context(self, words, names):
        """A server context for the words of a `tls` step.

        `names` is a list that receives the server name of each handshake.
        """
        self.prepare()
        cert, options = words[0], words[1:]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Channel binding needs a secret of the connection: see auth.py.
        descriptor, keys = tempfile.mkstemp(prefix="keys-", dir=self.folder)
        os.close(descriptor)
        context.keylog_filename = keys
        context.load_cert_chain(self.path(cert + ".pem"), self.path(cert + ".key"))
        for option in options:
            if option == "ask":
                context.load_verify_locations(self.path("ca.pem"))
                context.verify_mode = ssl.CERT_OPTIONAL
            elif option == "require":
                context.load_verify_locations(self.path("ca.pem"))
                context.verify_mode = ssl.CERT_REQUIRED
            elif option == "1.2":
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            elif option == "1.3":
                context.minimum_version = ssl.TLSVersion.TLSv1_3
            elif option == "1.1":
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
                context.set_ciphers("ALL:@SECLEVEL=0")
            else:
                raise RuntimeError("unknown tls option '%s'" % option)

        def seen(tls, name, context):
            names.append(name)

        context.sni_callback = seen
        return context
