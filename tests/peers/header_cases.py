"""What callers hand to sendmail, for header_repair.py: (name, arguments, standard input).

The arguments come behind `-oi -t -f SENDER`. No two programs agree on all of these.
"""

END = b"Subject: s\n\nbody\n"
TO = b"To: a@y.example\n"
WHOLE = (b"From: f@z.example\nDate: Mon, 23 Nov 2026 20:13:06 +0530\n"
         b"Message-ID: <1@z.example>\n")
FROM_ = b"From x@z.example Thu Jan  1 00:00:00 1970\n"

HEADERS = [
    ("whole", [], WHOLE + TO + END),
    ("From, Date, Message-ID missing", [], TO + END),
    ("From missing", [], WHOLE.partition(b"\n")[2] + TO + END),
    ("mbox line", [], FROM_ + WHOLE + TO + END),
    ("quoted mbox line", [], b">" + FROM_ + WHOLE + TO + END),
    ("two mbox lines", [], FROM_ + b">>" + FROM_ + WHOLE + TO + END),
    ("no header", ["r@y.example"], b"only text\nTo: a@y.example\n"),
    ("begins with a blank", ["r@y.example"], b" text\nTo: a@y.example\n\nbody\n"),
    ("begins with an empty line", ["r@y.example"], b"\nTo: a@y.example\n\nbody\n"),
    ("nothing", ["r@y.example"], b""),
    ("no field inside", [], WHOLE + TO + b"this is no field\nCc: c@y.example\n\nbody\n"),
    ("no field behind a folded one", [], WHOLE + b"To: a@y.example,\n b@y.example\nno field\nCc: c@y.example\n"),
    ("blanks before the colon", [], WHOLE + b"To : a@y.example\nCc\t: c@y.example\nX-Odd  : x\n" + END),
    ("CRLF", [], (WHOLE + TO + END + b"To: no@y.example\n").replace(b"\n", b"\r\n")),
    ("LF, then CRLF", [], WHOLE + TO + b"Subject: s\r\n\r\nbody\r\nTo: no@y.example\n"),
    ("CRLF, then LF", [], (WHOLE + TO).replace(b"\n", b"\r\n") + END),
    ("header only", [], WHOLE + TO),
    ("header without an end", [], WHOLE + b"Subject: s\nTo: a@y.example"),
    ("no blank line at the end of the body", [], WHOLE + TO + b"\nbody"),
    ("empty fields", [], WHOLE + b"X-Empty:\nSubject:\n" + TO + b"Reply-To:\n\nbody\n"),
    ("empty From", [], b"From:\n" + TO + END),
    ("unknown fields", [], WHOLE + b"X-ODD:  two  blanks \nx-odd:\ttab\n  and\n\tfolds\n" + TO + END),
    ("Received", [], b"Received: by h.example; Mon, 23 Nov 2026 20:13:06 +0530\n" + WHOLE + TO + END),
    ("a loop", [], b"Received: by h.example; Mon, 23 Nov 2026 20:13:06 +0530\n" * 60 + WHOLE + TO + END),
    ("Return-Path", [], b"Return-Path: <x@z.example>\n" + WHOLE + TO + END),
    ("Content-Length", [], WHOLE + TO + b"Content-Length: 4\n" + END),
    ("Sender", [], WHOLE + b"Sender: s@z.example\n" + TO + END),
    ("bare names", [], b"From: f\nSender: s\nReply-To: r (R)\nTo: a@y.example, N <t>\nCc: c\n" + END),
    ("bare names elsewhere", [], WHOLE + b"X-To: x\nErrors-To: e\nDisposition-Notification-To: d\n" + TO + END),
    ("8-bit header", [], WHOLE + TO + b"Subject: caf\xc3\xa9\n\nbody\n"),
    ("NUL in a field", [], WHOLE + TO + b"Subject: a\0b\n\nbody\n"),
    ("bare CR in a field", [], WHOLE + TO + b"Subject: a\rb\n\nbody\n"),
    ("bare CR in the body", [], WHOLE + TO + b"\na\rb\r\rc\n"),
    ("dots", [], WHOLE + TO + b"\n.\n..\n.x\n"),
    ("8-bit body", [], WHOLE + TO + b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\ncaf\xc3\xa9\n"),
    ("long line", [], WHOLE + TO + b"\n" + b"x" * 2000 + b"\n"),
    ("Resent", [], WHOLE + TO + b"Resent-From: q@z.example\nResent-To: r@y.example\n" + END),
    ("Resent, whole", [],
     b"Resent-From: q@z.example\nResent-To: r@y.example\nResent-Date: Tue, 24 Nov 2026 20:13:06 +0530\n"
     b"Resent-Message-ID: <2@z.example>\n" + WHOLE + TO + END),
    ("Resent-Cc, Resent-Bcc", [], b"Resent-Cc: r@y.example\nResent-Bcc: s@y.example\n" + WHOLE + TO + END),
    ("Resent twice", [],
     b"Resent-To: r@y.example\nResent-From: q@z.example\nResent-To: s@y.example\n" + WHOLE + TO + END),
    ("Resent-From alone", [], b"Resent-From: q@z.example\n" + WHOLE + TO + END),
    ("Resent, and no From", [], b"Resent-To: r@y.example\n" + TO + END),
    ("null sender", ["-f", "<>", "null-sender@y.example"], TO + END),
]

NAMES = [
    ("plain name", "Ann Smith"), ("name with a comma", "Full Name, Jr."), ("name with a dot", "J. Doe"),
    ("name with quotes", 'A "B" \\ C'), ("name with parentheses", "Ann (Smith)"), ("name with <>", "Ann <x@y>"),
    ("name in UTF-8", "J\u00f6rg M\u00fcller"), ("empty name", ""),
]
HEADERS += [("-F, " + what, ["-F", name], TO + END) for what, name in NAMES]

RECIPIENTS = {
    "every occurrence": b"To: a@y.example\nTo: b@y.example\nCC: c@y.example\ncc: d@y.example\nbCC: e@y.example\n",
    "Bcc alone": b"Bcc: b@y.example\n",
    "Bcc, folded": b"To: a@y.example\nBcc: b@y.example,\n c@y.example,\n\td@y.example\nX-Next: x\n",
    "empty Bcc": b"To: a@y.example\nBcc:\n",
    "folded": b"To: a@y.example,\n b@y.example,\n\t\"C, D\"\n <c@y.example>\n",
    "folded at once": b"To:\n a@y.example\n",
    "empty To": b"To:\nCc: c@y.example\n",
    "group": b"To: team: a@y.example, B <b@y.example>;, c@y.example\n",
    "empty group": b"To: undisclosed-recipients:;\nBcc: b@y.example\n",
    "empty group with a blank": b"To: undisclosed recipients: ;\nBcc: b@y.example\n",
    "comments": b"To: a@y.example (one, (two) \\) three), (x) b@y.example\n",
    "comment inside": b"To: a(x)@(y)y.example\n",
    "quoted local part": b"To: \"a b\"@y.example, \"c\"@y.example, \"d,e\"@y.example, \"f\\\"g\"@y.example\n",
    "quoted name": b"To: \"Last, First\" <a@y.example>, \"x@y.example\" <b@y.example>\n",
    "encoded word": b"To: =?utf-8?q?A=2C_b=40y=2Eexample?= <a@y.example>\n",
    "8-bit name": b"To: \"M\xc3\xbcller, J\" <a@y.example>\n",
    "name with a dot, unquoted": b"To: J. R. Doe <a@y.example>\n",
    "name in brackets after": b"To: a@y.example <b@y.example>\n",
    "domain literal": b"To: a@[127.0.0.1], b@[IPv6:::1]\n",
    "route": b"To: <@x.example,@z.example:a@y.example>\n",
    "empty elements": b"To: , a@y.example,, b@y.example ,\n",
    "semicolons": b"To: a@y.example; b@y.example\n",
    "blanks for commas": b"To: a@y.example b@y.example\n",
    "twice the same": b"To: a@y.example, a@Y.EXAMPLE\nCc: a@y.example, A@y.example\n",
    "Apparently-To": b"Apparently-To: a@y.example\n",
    "plus, percent, bang": b"To: a+b@y.example, c%d@y.example, e!f@y.example\n",
    "dots": b"To: .a@y.example, b.@y.example, c..d@y.example\n",
    "final dot": b"To: a@y.example.\n",
    "bad among good": b"To: a@y.example, <b@, c@y.example\n",
    "unclosed bracket": b"To: <a@y.example\n",
    "bare name": b"To: a@y.example, local\n",
    "underscore": b"To: a@b_c.example\n",
}
HEADERS += [("to: " + what, [], WHOLE + to + END) for what, to in RECIPIENTS.items()]
HEADERS += [
    ("arguments and fields", ["b@y.example", "a@y.example"], WHOLE + TO + END),
    ("a list as argument", ["b@y.example, c@y.example"], WHOLE + TO + END),
    ("a name as argument", ['"D, J" <b@y.example>'], WHOLE + TO + END),
    ("no recipients", [], WHOLE + END),
    ("no recipients but arguments", ["b@y.example"], WHOLE + END),
]
