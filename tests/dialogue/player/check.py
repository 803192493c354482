"""Compares what the client said with what the case expects.

Besides the expectations of the file there are those every case has: no
sanitizer report, printable stderr, a report that accounts for every
recipient, and no delivery that the script did not confirm.
"""

import base64
import json
import os
import re

from .text import show

OUTCOMES = ("delivered", "rejected", "deferred", "unknown", "untried")
CLOSES = re.compile(r"[2-5][0-9][0-9]|eof|reset|timeout|not-sent")
SANITIZERS = (b"AddressSanitizer", b"LeakSanitizer", b"runtime error:",
              b"UndefinedBehaviorSanitizer")
# Statuses with which nothing was begun, so that nothing is reported.
SILENT = (64, 73, 78)


def find_unprintable(run):
    """The place in stderr of what is no printable character of the locale."""
    text = run.stderr
    if any(value.endswith(b"UTF-8") for name, value in run.case.env if name == b"LC_ALL"):
        try:
            letters = text.decode()
        except UnicodeDecodeError as error:
            return error.start
        text = "".join("x" if ord(c) > 127 and c.isprintable() else c for c in letters).encode()
    bad = re.search(rb"[^\n\x20-\x7e]", text)
    return bad.start() if bad else None


def check(run):
    case = run.case
    status = run.process.returncode
    for word in SANITIZERS:
        if word in run.stderr:
            at = run.stderr.find(word)
            return run.fail(0, "sanitizer: " + show(run.stderr[max(0, at - 20) :], 300))
    if status < 0:
        return run.fail(0, "the client died of signal %d" % -status)
    if status != case.exit:
        return run.fail(0, "expected exit %d, got %d%s" % (case.exit, status, run.words()))
    bad = find_unprintable(run)
    if bad is not None:
        return run.fail(0, "stderr is not printable at byte %d: %s" % (
            bad, show(run.stderr[max(0, bad - 20) :])))
    if case.secrets:
        look_for_secrets(run)
        if run.failures:
            return None
    report = None
    if case.command is None and case.report == "json" and case.stdout is None:
        report = read_report(run)
        if run.failures:
            return None
        if report["message"] or status not in SILENT:
            ledger(run, report)
    elif case.command is not None:
        report = read_report(run, quiet=True)
    if case.command is None and case.report == "none" and run.stdout:
        run.fail(0, "expected an empty stdout, got %s" % show(run.stdout))
    for expectation in case.expectations:
        if not run.failures:
            expect(run, report, expectation)
    return None


def look_for_secrets(run):
    """Nothing the program wrote holds a secret, in any form."""
    case = run.case
    outputs = {"stdout": run.stdout, "stderr": run.stderr}
    ours = {os.fsdecode(blob.name) for blob in case.messages + case.files}
    for name in os.listdir(run.folder):
        path = os.path.join(run.folder, name)
        if name not in ours and os.path.isfile(path):
            with open(path, "rb") as stream:
                outputs[name] = stream.read()
    for secret in case.secrets:
        for form, text in forms_of(secret):
            for name, output in outputs.items():
                where = output.lower() if form == "hex" else output
                if text in where:
                    at = where.find(text)
                    return run.fail(0, "%s holds the secret (%s): %s" % (
                        name, form, show(output[max(0, at - 40) :])))
    return None


def forms_of(secret):
    """What a secret may look like: (name, bytes) for each form."""
    yield "in clear", secret
    yield "hex", secret.hex().encode()
    for before in range(3):
        # Of the letters at its ends some bits are its neighbours'.
        text = base64.b64encode(b"\0" * before + secret)
        first = -(-before * 8 // 6)
        yield "base64", text[first : (before + len(secret)) * 8 // 6]


def read_report(run, quiet=False):
    """Read JSON Lines into {"message": {index: object}, "session": ...}."""
    report = {"message": {}, "session": {}}
    try:
        text = run.stdout.decode("utf-8")
        if text and not text.endswith("\n"):
            raise ValueError("the last line has no end")
        for number, line in enumerate(text.split("\n")[:-1], 1):
            entry = json.loads(line)
            kind = report.setdefault(entry["type"], {})
            if entry["index"] in kind:
                raise ValueError("two %s objects with index %d" % (
                    entry["type"], entry["index"]))
            kind[entry["index"]] = entry
    except (ValueError, KeyError, TypeError) as error:
        if not quiet:
            run.fail(0, "the report is not JSON Lines: %s in %s" % (error, show(run.stdout)))
    return report


def ledger(run, report):
    """Everybody has one outcome, and no delivery is made up."""
    case = run.case
    count = case.message_count
    if count is None:
        count = len(case.messages)
        if case.stdin is not None or case.stdin_kind is not None:
            count = max(count, 1)
    if sorted(report["message"]) != list(range(count)):
        return run.fail(0, "expected %d messages in the report, got indexes %s" % (
            count, sorted(report["message"])))
    people = case.recipient_count
    if people is None:
        people = len(case.recipients)
    delivered = 0
    for index, message in report["message"].items():
        name = "message[%d]" % index
        recipients = message.get("recipients")
        if not isinstance(recipients, list) or len(recipients) != people:
            return run.fail(0, "%s: expected %d recipients, got %s" % (
                name, people, "none" if recipients is None else len(recipients)))
        found = set()
        for at, recipient in enumerate(recipients):
            outcome = recipient.get("outcome")
            if outcome not in OUTCOMES:
                return run.fail(0, "%s.recipients[%d]: outcome %s" % (name, at, outcome))
            found.add(outcome)
            if recipient.get("code", 0) == 0:
                return run.fail(0, "%s.recipients[%d] has no code" % (name, at))
            if recipient["code"] is None and not recipient.get("error"):
                return run.fail(0, "%s.recipients[%d]: code null and no error in words" % (
                    name, at))
        # Nobody at all: nothing was tried.
        found = found or {"untried"}
        whole = found.pop() if len(found) == 1 else "partial"
        if message.get("outcome") != whole:
            return run.fail(0, "%s: its recipients make %s, it says %s" % (
                name, whole, message.get("outcome")))
        got = sum(1 for recipient in recipients if recipient["outcome"] == "delivered")
        lmtp = any(script.ledger.lmtp for script in run.scripts)
        delivered += got if lmtp else min(got, 1)
    everybody = all(message["outcome"] == "delivered" for message in report["message"].values())
    if run.process.returncode == 0 and not everybody:
        return run.fail(0, "exit 0, and not everybody has the mail")
    positive = sum(script.ledger.positive for script in run.scripts)
    if delivered > positive:
        return run.fail(0, "%d delivered, but the server confirmed %d" % (delivered, positive))
    doubt = sum(script.ledger.in_doubt() for script in run.scripts)
    unknown = any(recipient["outcome"] == "unknown" for message in report["message"].values()
                  for recipient in message["recipients"])
    if doubt and not unknown:
        return run.fail(0, "%d ends of data were not answered, and nobody is unknown" % doubt)
    for index, session in report["session"].items():
        close = session.get("close")
        if not isinstance(close, str) or not CLOSES.fullmatch(close):
            return run.fail(0, "session[%d]: close is %s" % (index, close))
    if len(report["session"]) < len(case.connections):
        return run.fail(0, "expected %d sessions in the report, got %d" % (
            len(case.connections), len(report["session"])))
    return None


def render(value):
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)


def look(report, path):
    """Follow a dotted path; `messages` and `sessions` are counts."""
    if path in ("messages", "sessions"):
        return len(report[path[:-1]])
    value = report
    for name, index in re.findall(r"([A-Za-z_]+)|\[(\d+)\]", path):
        if name:
            if not isinstance(value, dict) or name not in value:
                return Absent
            value = value[name]
        elif isinstance(value, list):
            if int(index) >= len(value):
                return Absent
            value = value[int(index)]
        elif isinstance(value, dict):
            if int(index) not in value:
                return Absent
            value = value[int(index)]
        else:
            return Absent
    return value


class Absent:
    """The path leads nowhere; printed as `absent`."""


def expect(run, report, expectation):
    data = expectation.data
    verb = expectation.verb
    if verb.startswith("expect"):
        value = look(report, expectation.path) if report is not None else Absent
        got = "absent" if value is Absent else render(value)
        want = data.decode("utf-8", "surrogateescape")
        good = got == want if verb == "expect" else re.search(want, got)
        if not good:
            run.fail(expectation.line, "%s: expected %s, got %s%s" % (
                expectation.path, want, got, run.words()))
        return
    name, _, how = verb.partition("-")
    where = run.stdout if name == "stdout" else run.stderr
    data = substitute(run, data)
    if how == "has":
        good = data in where
    elif how == "lacks":
        good = data not in where
    else:
        good = re.search(data, where, re.MULTILINE)
    if not good:
        run.fail(expectation.line, "%s: %s, got %s" % (verb, show(data), show(where, 400)))


def substitute(run, data):
    for name, value in run.values.items():
        data = data.replace(name, value)
    return data
