"""Python's aiosmtpd: a server without PIPELINING and CHUNKING, written by other hands."""

import importlib.util
import json
import os
import re
import unittest

import corpus
from support import HERE, PeerCase, Process, certificate, read_file, wait_for, write_file

PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's packages


class Aiosmtpd:
    def __init__(self, folder, *arguments):
        os.makedirs(folder)
        self.folder = folder
        self.process = Process([PYTHON, HERE + "/aiosmtpd_server.py", folder, *arguments], folder + "/log")
        self.port = int(wait_for(
            "port", lambda: re.match(r"\d+\n", self.process.words()), alive=self.process).group())

    def stop(self):
        self.process.stop()

    def count(self):
        return sum(name.endswith(".json") for name in os.listdir(self.folder))

    def arrived(self):
        """(envelope, content) of each message, in the order of their arrival."""
        return [
            (json.loads(read_file(f"{self.folder}/{n}.json")), read_file(f"{self.folder}/{n}.eml"))
            for n in range(self.count())
        ]


class AiosmtpdTest(PeerCase):
    @classmethod
    def setUpClass(cls):
        if importlib.util.find_spec("aiosmtpd") is None:
            raise unittest.SkipTest("python3-aiosmtpd is not installed")
        super().setUpClass()
        cls.cert, cls.key = certificate(cls.scratch)
        # Lines over 998 octets are not for this server: it counts, and refuses them.
        cls.mail = corpus.samples() + corpus.edges()
        cls.files = corpus.write_all(cls.scratch + "/mail", cls.mail)

    def start(self, *arguments):
        server = Aiosmtpd(f"{self.scratch}/{self.id().rpartition('.')[2]}", *arguments)
        self.addCleanup(server.stop)
        return server

    def send_all(self, peer, scheme, *options):
        result = self.envoi(f"{scheme}://127.0.0.1:{peer.port}", *options, *self.files)
        self.expect(result, 0, "delivered", "221", messages=len(self.files))
        arrived = peer.arrived()
        self.assertEqual(len(arrived), len(self.mail))
        for (name, content), (envelope, got) in zip(self.mail, arrived):
            self.assert_same_mail([corpus.wire(content)], [got])
            self.assertEqual((envelope["from"], envelope["to"]), ("a@example.org", ["b@example.org"]))
            eight = any(octet > 127 for octet in content)
            self.assertEqual("BODY=8BITMIME" in envelope["options"], eight, name)
            self.assertIn(f"SIZE={len(corpus.wire(content))}", envelope["options"], name)
        return result, arrived

    def test_samples(self):
        _, arrived = self.send_all(self.start(), "smtp")
        self.assertEqual(arrived[0][0]["hello"], "client.example.org")

    def test_samples_over_starttls(self):
        peer = self.start("--cert", self.cert, "--key", self.key, "--require-starttls")
        result, arrived = self.send_all(peer, "smtp", "--tls", "starttls", "--tls-ca", self.cert)
        self.assertTrue(all(envelope["tls"] for envelope, _ in arrived))
        self.assertTrue(result.sessions[0]["tls"]["verified"], str(result))

    def test_samples_over_implicit_tls(self):
        peer = self.start("--cert", self.cert, "--key", self.key, "--implicit")
        self.send_all(peer, "smtps", "--tls-ca", self.cert)

    def test_samples_over_lmtp(self):
        result, _ = self.send_all(self.start("--lmtp"), "lmtp")
        self.assertEqual(result.sessions[0]["hello"], "LHLO", str(result))

    def test_mbox_in_one_session(self):
        peer = self.start()
        path = self.scratch + "/all.mbox"
        with open(path, "wb") as f:
            f.write(corpus.mbox(self.mail))
        result = self.envoi(f"smtp://127.0.0.1:{peer.port}", "--mbox", path)
        self.assertGreater(len(self.mail), 50)
        self.expect(result, 0, "delivered", "221", messages=len(self.mail))
        for (_, content), (_, got) in zip(self.mail, peer.arrived()):
            self.assert_same_mail([corpus.wire(content)], [got])

    def test_name_in_the_certificate(self):
        """The name that was typed counts, not the one that the server likes."""
        peer = self.start("--cert", self.cert, "--key", self.key)
        tls = ["--tls", "starttls", "--tls-ca", self.cert]
        server = f"smtp://127.0.0.1:{peer.port}"
        self.expect(self.envoi(server, *tls, "--tls-name", "localhost", self.files[0]), 0, "delivered", "221")
        self.expect(self.envoi(server, *tls, "--tls-name", "mx.example.org", self.files[0]), 69, "untried")
        self.expect(
            self.envoi(server, *tls, "--tls-name", "mx.example.org", "--tls-insecure", self.files[0]),
            0, "delivered", "221")
        self.assertEqual(len(peer.arrived()), 2)

    def test_tls_required_by_the_server(self):
        peer = self.start("--cert", self.cert, "--key", self.key, "--require-starttls")
        result = self.envoi(f"smtp://127.0.0.1:{peer.port}", "--tls", "off", self.files[0])
        self.assertIn(result.status, (69, 77), str(result))
        self.assertNotIn("delivered", result.outcomes(), str(result))

    def test_recipients_of_every_kind(self):
        peer = self.start()
        result = self.envoi(
            f"smtp://127.0.0.1:{peer.port}", self.files[0],
            to=["refused@example.org", "b@example.org", "later@example.org", "c@example.org"])
        self.expect(result, 75, None, "221", messages=1)
        self.assertEqual(result.outcomes(), ["rejected", "delivered", "deferred", "delivered"], str(result))
        self.assertEqual(peer.arrived()[0][0]["to"], ["b@example.org", "c@example.org"])

    def test_content_refused(self):
        peer = self.start()
        path = corpus.write_all(self.scratch, [("refused.eml", b"Subject: x\n\nrefuse this\n")])
        result = self.envoi(f"smtp://127.0.0.1:{peer.port}", *path, self.files[0])
        self.expect(result, 69, {"rejected", "delivered"}, "221", messages=2)
        self.assertEqual(result.messages[0]["reply"]["enhanced"], "5.6.0", str(result))
        self.assertEqual(len(peer.arrived()), 1)

    def test_over_the_size_limit(self):
        peer = self.start("--size", "1000")
        sizes = [len(corpus.wire(content)) for _, content in self.mail]
        result = self.envoi(f"smtp://127.0.0.1:{peer.port}", *self.files)
        self.expect(result, 69, {"rejected", "delivered"}, "221", messages=len(self.files))
        self.assertEqual(
            result.outcomes(), ["rejected" if size > 1000 else "delivered" for size in sizes], str(result))
        self.assertEqual(len(peer.arrived()), sum(size <= 1000 for size in sizes))

    def many(self, count):
        """An mbox of messages that tell their numbers."""
        text = b"".join(
            b"From a@example.org Thu Jan  1 00:00:00 1970\nSubject: %d\n\nThis is number %d.\n\n" % (n, n)
            for n in range(count))
        return write_file(f"{self.scratch}/{count}.mbox", text)

    def check_ledger(self, result, peer, count):
        """Delivered is what arrived; what arrived and is not called delivered is unknown."""
        arrived = [int(re.match(rb"Subject: (\d+)", content).group(1)) for _, content in peer.arrived()]
        self.assertEqual(len(set(arrived)), len(arrived), "duplicates")
        self.assertEqual(len(result.messages), count, str(result))
        by_outcome = {}
        for message in result.messages:
            number = int(message["source"].rpartition(":")[2]) - 1
            by_outcome.setdefault(message["outcome"], set()).add(number)
        self.assertLessEqual(by_outcome.get("delivered", set()), set(arrived), str(result))
        missed = set(arrived) - by_outcome.get("delivered", set())
        self.assertLessEqual(missed, by_outcome.get("unknown", set()), str(result))
        return by_outcome

    def test_server_killed_in_the_middle(self):
        peer = self.start()

        def kill_server(process):
            wait_for("20 messages", lambda: peer.count() >= 20, alive=process)
            peer.process.child.kill()

        result = self.envoi(
            f"smtp://127.0.0.1:{peer.port}", "--mbox", self.many(1000), meanwhile=kill_server)
        outcomes = self.check_ledger(result, peer, 1000)
        self.assertIn(result.status, (75, 76), str(result))
        self.assertLessEqual(len(outcomes.get("unknown", [])), 1, str(result))
        self.assertGreater(len(outcomes.get("untried", [])), 1, str(result))

    def test_terminated_in_the_middle(self):
        """SIGTERM: nothing is left in doubt. The session ends in good order, save where a body
        was cut off in its middle: the only way out of that is to hang up."""
        peer = self.start()

        def terminate(process):
            wait_for("20 messages", lambda: peer.count() >= 20, alive=process)
            process.terminate()

        result = self.envoi(f"smtp://127.0.0.1:{peer.port}", "--mbox", self.many(1000), meanwhile=terminate)
        outcomes = self.check_ledger(result, peer, 1000)
        self.expect(result, 75)
        self.assertIn(result.closes(), (["221"], ["not-sent"] if "deferred" in outcomes else None), str(result))
        self.assertNotIn("unknown", outcomes, str(result))
        self.assertLessEqual(len(outcomes.get("deferred", [])), 1, str(result))
        self.assertGreater(len(outcomes.get("untried", [])), 1, str(result))
