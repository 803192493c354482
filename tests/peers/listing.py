"""How the runners of tests/peers and tests/callers list tests, and what they end with."""

import importlib
import re
import signal
import sys
import time
import unittest


class Listing(unittest.TestResult):
    """One line a test as it ends. A test with subtests counts once."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = self.left_out = 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.trouble = []

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.trouble.append(f"{subtest}\n{self._exc_info_to_string(error, test)}")

    def addFailure(self, test, error):
        self.trouble.append(self._exc_info_to_string(error, test))

    def addError(self, test, error):
        if hasattr(test, "_testMethodName"):
            self.trouble.append(self._exc_info_to_string(error, test))
        else:  # the class could not be set up: none of its tests ran
            self.failed += 1
            self.tell("FAIL", self.class_name(test), self._exc_info_to_string(error, test))

    def addSkip(self, test, reason):
        self.left_out += 1
        self.tell("skip", self.class_name(test), reason)
        self.trouble = None

    def stopTest(self, test):
        super().stopTest(test)
        if self.trouble is None:
            return
        name = f"{test.__class__.__module__}: {test._testMethodName[5:].replace('_', ' ')}"
        if self.trouble:
            self.failed += 1
            self.tell("FAIL", name, *self.trouble)
        else:
            self.passed += 1
            self.tell("ok", f"{name} ({time.monotonic() - self.began:.1f} s)")

    @staticmethod
    def class_name(test):
        """unittest's stand-in for a class that could not be set up is called
        `setUpClass (module.Class)`."""
        return re.sub(r".*\((\w+)\..*", r"\1: all", str(test))

    @staticmethod
    def tell(word, name, *details):
        print(f"{word:4} {name}", flush=True)
        for detail in details:
            print("     | " + detail.rstrip().replace("\n", "\n     | "), flush=True)


def run(names, what):
    """Runs the modules of the command line, or all of names, and ends the program."""
    chosen = sys.argv[1:] or names
    unknown = set(chosen) - set(names)
    if unknown:
        sys.exit(f"no such {what}: {' '.join(unknown)}; there are {' '.join(names)}")
    # Ended from outside, the servers end too: support.Process does that at exit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result = Listing()
    for name in chosen:
        unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name)).run(result)
    print(f"{result.passed} passed, {result.failed} failed, {result.left_out} skipped")
    sys.exit(1 if result.failed else 0)
