/*
 * What the client says, what it hears, what the caller is told; included in
 * the table of test_receiver.c, which explains the words.
 */
{"greeting", 0, B(""), GREETING, ""},
	{"one message", 0, B(OPEN "DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"),
		OPEN_OK GO_AHEAD STORED "221 2.0.0 bye\r\n",
		"mail:a@b rcpt:c@d begin data=Subject: "
		"x\\x0D\\x0A\\x0D\\x0Ahello\\x0D\\x0A " DONE "closed "},
	{"two messages, null sender", 0,
		B(OPEN "DATA\r\n1\r\n.\r\nMAIL FROM:<>\r\nRCPT "
		       "TO:<e@f>\r\nDATA\r\n.\r\n"),
		OPEN_OK GO_AHEAD STORED OK OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin data=1\\x0D\\x0A " DONE
		"mail: rcpt:e@f begin data= end: to:e@f "},
	{"HELO offers nothing", 0,
		B("HELO me\r\nMAIL FROM:<a@b> SIZE=1\r\nBDAT 1\r\nxSTARTTLS\r\n"),
		GREETING "250 mx\r\n555 5.5.4 parameter is not known here\r\n"
			 "502 5.5.1 CHUNKING is not offered\r\n502 5.5.1 STARTTLS is not "
			 "offered\r\n",
		""},
	{"verbs in any case, blanks at the end", 0,
		B("ehLO me  \r\nnoop \r\nmAiL fRoM:<a@b>\r\n"),
		HELLO_OK "250 2.0.0 ok\r\n" OK, "mail:a@b "},
	{"no enhanced codes", PLAIN_CODES, B("EHLO me\r\nNOOP\r\n"),
		GREETING "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
			 "250-STARTTLS\r\n250 SIZE 100\r\n250 ok\r\n",
		""},
	{"TLS from the start", TLS, B(HELLO),
		GREETING "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
			 "250-ENHANCEDSTATUSCODES\r\n250 SIZE 100\r\n",
		""},

	/* Sequence. */
	{"MAIL before EHLO", 0, B("MAIL FROM:<a@b>\r\n"),
		GREETING "503 5.5.1 EHLO or HELO first\r\n", ""},
	{"RCPT before MAIL", 0, B(HELLO "RCPT TO:<a@b>\r\n"),
		HELLO_OK "503 5.5.1 MAIL first\r\n", ""},
	{"DATA before MAIL", 0, B(HELLO "DATA\r\n"),
		HELLO_OK "503 5.5.1 MAIL and RCPT first\r\n", ""},
	{"MAIL twice", 0, B(HELLO "MAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\n"),
		HELLO_OK OK "503 5.5.1 a sender is given already: RSET\r\n", "mail:a@b "},
	{"MAIL refused, the rest behind it", 0,
		B(HELLO "MAIL FROM:<no@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nNOOP\r\n"),
		HELLO_OK "550 5.1.1 no such user\r\n503 5.5.1 MAIL first\r\n"
			 "503 5.5.1 MAIL and RCPT first\r\n250 2.0.0 ok\r\n",
		"mail:no@b "},
	{"no recipient left", 0, B(HELLO "MAIL FROM:<a@b>\r\nRCPT TO:<no@b>\r\nDATA\r\n"),
		HELLO_OK OK "550 5.1.1 no such user\r\n503 5.5.1 no valid recipients\r\n",
		"mail:a@b rcpt:no@b "},
	{"one of two recipients refused", 0,
		B(HELLO "MAIL FROM:<a@b>\r\nRCPT TO:<no@b>\r\nRCPT "
			"TO:<c@d>\r\nDATA\r\n.\r\n"),
		HELLO_OK OK "550 5.1.1 no such user\r\n" OK GO_AHEAD STORED,
		"mail:a@b rcpt:no@b rcpt:c@d begin data= " DONE},
	{"more recipients than there may be", 0,
		B(OPEN "RCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nRCPT "
		       "TO:<4@d>\r\nDATA\r\n.\r\n"),
		OPEN_OK OK OK "452 4.5.3 too many recipients\r\n" GO_AHEAD STORED,
		"mail:a@b rcpt:c@d rcpt:2@d rcpt:3@d begin data= " DONE "to:2@d to:3@d "},
	{"RSET forgets", 0, B(OPEN "RSET\r\nDATA\r\nMAIL FROM:<e@f>\r\n"),
		OPEN_OK "250 2.0.0 ok\r\n503 5.5.1 MAIL and RCPT first\r\n" OK,
		"mail:a@b rcpt:c@d mail:e@f "},
	{"EHLO forgets", 0, B(HELLO "MAIL FROM:<a@b>\r\nHELO me\r\nRCPT TO:<a@b>\r\n"),
		HELLO_OK OK "250 mx\r\n503 5.5.1 MAIL first\r\n", "mail:a@b "},
	{"421 as an answer ends it", 0, B(HELLO "MAIL FROM:<bye@b>\r\nNOOP\r\n"),
		HELLO_OK "421 4.3.2 going down\r\n", "mail:bye@b closed "},
	{"nothing after QUIT", 0, B("QUIT\r\nNOOP\r\n"), GREETING "221 2.0.0 bye\r\n",
		"closed "},

	/* Syntax. */
	{"unknown, empty, led by a blank", 0,
		B("XYZZY\r\n\r\n NOOP\r\nNOOPS\r\nEHL x\r\n"),
		GREETING
		"500 5.5.1 command is not known\r\n500 5.5.1 command is not known\r\n"
		"500 5.5.1 command is not known\r\n500 5.5.1 command is not known\r\n"
		"500 5.5.1 command is not known\r\n",
		""},
	{"EHLO without a name, with two, with an 8-bit one", 0,
		B("EHLO\r\nHELO a b\r\nEHLO \xe9\r\n"),
		GREETING "501 a host name is needed\r\n501 a host name is needed\r\n"
			 "501 a host name is needed\r\n",
		""},
	{"arguments where there are none", 0,
		B(OPEN "DATA now\r\nRSET all\r\nQUIT it\r\n"),
		OPEN_OK "501 5.5.4 syntax: DATA\r\n501 5.5.4 syntax: RSET\r\n"
			"501 5.5.4 syntax: QUIT\r\n",
		"mail:a@b rcpt:c@d "},
	{"others", 0,
		B("VRFY me\r\nVRFY\r\nHELP me\r\nNOOP x\r\nEXPN x\r\nAUTH PLAIN x\r\n"),
		GREETING
		"252 2.0.0 try RCPT and see\r\n501 5.5.4 syntax: VRFY address\r\n"
		"214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT "
		"STARTTLS\r\n"
		"250 2.0.0 ok\r\n502 5.5.1 command is not implemented\r\n"
		"502 5.5.1 command is not implemented\r\n",
		""},
	{"a browser", 0, B("POST / HTTP/1.1\r\n\r\nMAIL FROM:<a@b>\r\n"),
		GREETING "421 4.7.0 this is no web server, closing\r\n", "closed "},
	{"bare LF ends no command", 0, B("NOOP\nNOOP\r\n\nQUIT\r\n"),
		GREETING
		"500 5.5.2 line ends in a bare LF, not in CRLF\r\n250 2.0.0 ok\r\n"
		"500 5.5.2 line ends in a bare LF, not in CRLF\r\n221 2.0.0 bye\r\n",
		"closed "},
	{"control octets in a command", 0,
		B("NO\0OP\r\nNOOP\rx\r\nNOOP \x1b\r\nNOOP \t\r\n"),
		GREETING "500 5.5.2 control octet in a command\r\n"
			 "500 5.5.2 control octet in a command\r\n500 5.5.2 control "
			 "octet in a command\r\n"
			 "500 5.5.2 control octet in a command\r\n",
		""},
	{"MAIL without a path", 0,
		B(HELLO "MAIL\r\nMAIL FROM:\r\nMAIL FROM:a@b\r\nMAIL FROM: <a@b>\r\n"
			"MAIL FROM:<a@b\r\nMAIL FROM:<a b>\r\nMAIL FROM:<a@b>x\r\n"
			"MAIL TO:<a@b>\r\nMAIL FROM:<<a@b>>\r\n"),
		HELLO_OK
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: MAIL FROM:<address>, with no blank within\r\n",
		""},
	{"quoted local parts hold anything", 0,
		B(HELLO "MAIL FROM:<\"a b>\\\"<\"@c>\r\nRCPT TO:<\"x\\\r\nRCPT "
			"TO:<\"x@y>\r\n"),
		HELLO_OK OK
		"501 5.5.4 syntax: RCPT TO:<address>, with no blank within\r\n"
		"501 5.5.4 syntax: RCPT TO:<address>, with no blank within\r\n",
		"mail:\"a b>\\\\\"<\"@c "},
	{"8-bit address", 0, B(HELLO "MAIL FROM:<\xc3\xa9@b>\r\n"),
		HELLO_OK
		"553 5.6.7 address is not ASCII, and SMTPUTF8 is not offered\r\n",
		""},
	{"empty recipient", 0, B(HELLO "MAIL FROM:<>\r\nRCPT TO:<>\r\n"),
		HELLO_OK OK "501 5.1.3 a recipient cannot be empty\r\n", "mail: "},
	{"parameters of MAIL", 0,
		B(HELLO "MAIL FROM:<a@b> SIZE=100 BODY=8BITMIME\r\nRSET\r\n"
			"MAIL FROM:<a@b> body=7bit size=0\r\nRSET\r\n"
			"MAIL FROM:<a@b> SIZE=101\r\nMAIL FROM:<a@b> "
			"SIZE=99999999999999999999\r\n"
			"MAIL FROM:<a@b> SIZE=\r\nMAIL FROM:<a@b> SIZE=1 SIZE=1\r\n"
			"MAIL FROM:<a@b> BODY=BINARYMIME\r\nMAIL FROM:<a@b> "
			"RET=HDRS\r\n"),
		HELLO_OK OK "250 2.0.0 ok\r\n" OK "250 2.0.0 ok\r\n" TOO_LARGE
			    "501 5.5.4 parameter makes no sense\r\n501 5.5.4 parameter "
			    "makes no sense\r\n"
			    "501 5.5.4 parameter makes no sense\r\n501 5.5.4 parameter "
			    "makes no sense\r\n"
			    "555 5.5.4 parameter is not known here\r\n",
		"mail:a@b mail:a@b "},
	{"parameter of RCPT", 0,
		B(HELLO "MAIL FROM:<>\r\nRCPT TO:<a@b> NOTIFY=NEVER\r\n"),
		HELLO_OK OK "555 5.5.4 parameter is not known here\r\n", "mail: "},

	/* DATA. */
	{"stuffed dots", 0, B(OPEN "DATA\r\n..\r\n...\r\n.x\r\n..x.\r\n.\r\n"),
		OPEN_OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin "
		"data=.\\x0D\\x0A..\\x0D\\x0Ax\\x0D\\x0A.x.\\x0D\\x0A " DONE},
	{"only CRLF dot CRLF ends", 0,
		B(OPEN "DATA\r\na\n.\nb\n.\r\nc\r\n.\nd\r.\re\r\n.\rf\r.\r\ng\n\r\n\r\n."
		       "\r\n"),
		OPEN_OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin "
		"data=a\\x0A.\\x0Ab\\x0A.\\x0D\\x0Ac\\x0D\\x0A\\x0Ad\\x0D."
		"\\x0De\\x0D\\x0A\\x0Df\\x0D.\\x0D\\x0Ag\\x0A\\x0D\\x0A\\x0D\\x0A " DONE},
	{"CRs before the end", 0, B(OPEN "DATA\r\n.\r\r\n\r\r\n.\r\r\r\n.\r\nNOOP\r\n"),
		OPEN_OK GO_AHEAD STORED "250 2.0.0 ok\r\n",
		"mail:a@b rcpt:c@d begin "
		"data=\\x0D\\x0D\\x0A\\x0D\\x0D\\x0A\\x0D\\x0D\\x0D\\x0A " DONE},
	{"NUL and 8-bit octets", 0, B(OPEN "DATA\r\n\0\xff\0\r\n.\r\n"),
		OPEN_OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin data=\\x00\\xFF\\x00\\x0D\\x0A " DONE},
	{"as large as it may be, the stuffed dot not counted", 0,
		B(OPEN "DATA\r\n.." FIFTY TEN TEN TEN TEN "1234567\r\n.\r\nNOOP\r\n"),
		OPEN_OK GO_AHEAD STORED "250 2.0.0 ok\r\n",
		"mail:a@b rcpt:c@d begin data=." FIFTY TEN TEN TEN TEN
		"1234567\\x0D\\x0A " DONE},
	{"one octet too large", 0,
		B(OPEN "DATA\r\n.." FIFTY TEN TEN TEN TEN "12345678\r\n.\r\nNOOP\r\n"),
		OPEN_OK GO_AHEAD TOO_LARGE "250 2.0.0 ok\r\n",
		"mail:a@b rcpt:c@d begin abort "},
	{"too large, then another", 0,
		B(OPEN "DATA\r\n" FIFTY FIFTY
		       "\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
		       "DATA\r\n.\r\n"),
		OPEN_OK GO_AHEAD TOO_LARGE OK OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin abort mail:a@b rcpt:c@d begin data= " DONE},
	{"each message has the whole limit", 0,
		B(OPEN "DATA\r\n" FIFTY "\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
		       "DATA\r\n" FIFTY "\r\n.\r\n"),
		OPEN_OK GO_AHEAD STORED OK OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin data=" FIFTY "\\x0D\\x0A " DONE
		"mail:a@b rcpt:c@d begin data=" FIFTY "\\x0D\\x0A " DONE},
	{"the caller could not store it", 0,
		B(OPEN "DATA\r\nfull\r\n.\r\nMAIL FROM:<>\r\n"),
		OPEN_OK GO_AHEAD "451 4.3.0 disk is?\?full\r\n" OK,
		"mail:a@b rcpt:c@d begin data=full\\x0D\\x0A " DONE "mail: "},
	{"lost within data", END, B(OPEN "DATA\r\nhalf a line"), OPEN_OK GO_AHEAD,
		"mail:a@b rcpt:c@d begin abort closed "},
	{"lost at the dot", END, B(OPEN "DATA\r\nx\r\n.\r"), OPEN_OK GO_AHEAD,
		"mail:a@b rcpt:c@d begin abort closed "},
	{"lost behind the dot", END, B(OPEN "DATA\r\nx\r\n.\r\n"),
		OPEN_OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin data=x\\x0D\\x0A " DONE "closed "},

	/* BDAT. */
	{"one chunk", 0, B(OPEN "BDAT 5 LAST\r\n.\r\n..NOOP\r\n"),
		OPEN_OK STORED "250 2.0.0 ok\r\n",
		"mail:a@b rcpt:c@d begin data=.\\x0D\\x0A.. " DONE},
	{"chunks, the last empty", 0,
		B(OPEN "BDAT 3\r\n\r\n.bdat 2\r\n\r\nBDAT 0 last\r\n"),
		OPEN_OK
		"250 2.0.0 3 octets received\r\n250 2.0.0 2 octets received\r\n" STORED,
		"mail:a@b rcpt:c@d begin data=\\x0D\\x0A.\\x0D\\x0A " DONE},
	{"DATA in the transaction after BDAT", 0,
		B(OPEN "BDAT 1 LAST\r\nxMAIL FROM:<a@b>\r\nRCPT "
		       "TO:<c@d>\r\nDATA\r\n.\r\n"),
		OPEN_OK STORED OK OK GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin data=x " DONE
		"mail:a@b rcpt:c@d begin data= " DONE},
	{"a message of nothing", 0, B(OPEN "BDAT 0 LAST\r\n"), OPEN_OK STORED,
		"mail:a@b rcpt:c@d begin data= " DONE},
	{"pipelined, all recipients refused", 0,
		B(HELLO "MAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nBDAT 6 "
			"LAST\r\nQUIT\r\nRSET\r\n"),
		HELLO_OK OK "550 5.1.1 no such user\r\n503 5.5.1 no valid recipients\r\n"
			    "250 2.0.0 ok\r\n",
		"mail:a@b rcpt:no@d "},
	{"chunk before MAIL", 0, B("BDAT 6 LAST\r\nQUIT\r\n" HELLO "BDAT 6\r\nQUIT\r\n"),
		GREETING "502 5.5.1 CHUNKING is not offered\r\n"
			 "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
			 "250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 SIZE 100\r\n"
			 "503 5.5.1 MAIL and RCPT first\r\n",
		""},
	{"without CHUNKING", NO_CHUNKING, B(OPEN "BDAT 6 LAST\r\nQUIT\r\nDATA\r\n.\r\n"),
		GREETING
		"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 SIZE 100\r\n" OK OK
		"502 5.5.1 CHUNKING is not offered\r\n" GO_AHEAD STORED,
		"mail:a@b rcpt:c@d begin data= " DONE},
	{"chunk too large", 0,
		B(OPEN "BDAT 101 LAST\r\n" FIFTY FIFTY "xMAIL FROM:<>\r\n"),
		OPEN_OK TOO_LARGE OK, "mail:a@b rcpt:c@d mail: "},
	{"second chunk too large, RSET", 0,
		B(OPEN "BDAT 50\r\n" FIFTY "BDAT 51\r\n" FIFTY
		       "xBDAT 1 \r\nyRCPT TO:<e@f>\r\n"
		       "DATA\r\nRSET\r\nMAIL FROM:<>\r\n"),
		OPEN_OK "250 2.0.0 50 octets received\r\n" TOO_LARGE
			"503 5.5.1 a chunk before was refused: RSET\r\n"
			"503 5.5.1 BDAT was used: BDAT or RSET\r\n503 5.5.1 BDAT was "
			"used: BDAT or RSET\r\n"
			"250 2.0.0 ok\r\n" OK,
		"mail:a@b rcpt:c@d begin abort mail: "},
	{"a chunk refused, then the last", 0,
		B(OPEN "BDAT 101\r\n" FIFTY FIFTY "xBDAT 1 LAST\r\nyMAIL FROM:<>\r\n"),
		OPEN_OK TOO_LARGE "503 5.5.1 a chunk before was refused: RSET\r\n" OK,
		"mail:a@b rcpt:c@d mail: "},
	{"RSET between chunks", 0, B(OPEN "BDAT 1\r\nxRSET\r\nBDAT 1 LAST\r\ny"),
		OPEN_OK "250 2.0.0 1 octets received\r\n250 2.0.0 ok\r\n"
			"503 5.5.1 MAIL and RCPT first\r\n",
		"mail:a@b rcpt:c@d begin abort "},
	{"BDAT nobody can count", 0, B(OPEN "BDAT x\r\nMAIL FROM:<evil@b>\r\n"),
		OPEN_OK
		"501 5.5.4 syntax: BDAT octets [LAST]; closing, no way to find the next "
		"command\r\n",
		"mail:a@b rcpt:c@d closed "},
	{"BDAT with a bare LF", 0, B(OPEN "BDAT 1 LAST\nxQUIT\r\n"),
		OPEN_OK "500 5.5.2 line ends in a bare LF, not in CRLF\r\n",
		"mail:a@b rcpt:c@d closed "},
	{"BDAT of a huge number", 0,
		B(OPEN "BDAT 99999999999999999999 LAST\r\nxQUIT\r\n"),
		OPEN_OK
		"501 5.5.4 syntax: BDAT octets [LAST]; closing, no way to find the next "
		"command\r\n",
		"mail:a@b rcpt:c@d closed "},
	{"BDAT with another word", 0, B(OPEN "BDAT 1 FIRST\r\nx"),
		OPEN_OK
		"501 5.5.4 syntax: BDAT octets [LAST]; closing, no way to find the next "
		"command\r\n",
		"mail:a@b rcpt:c@d closed "},
	{"lost within a chunk", END, B(OPEN "BDAT 9 LAST\r\nxy"), OPEN_OK,
		"mail:a@b rcpt:c@d begin abort closed "},
	{"lost between chunks", END, B(OPEN "BDAT 2\r\nxy"),
		OPEN_OK "250 2.0.0 2 octets received\r\n",
		"mail:a@b rcpt:c@d begin abort closed "},

	/* LMTP. */
	{"LMTP, a reply for each recipient", LMTP,
		B("LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<no@d>\r\nRCPT "
		  "TO:<e@f>\r\n"
		  "DATA\r\nx\r\n.\r\nQUIT\r\n"),
		LMTP_OK OK OK "550 5.1.1 no such user\r\n" OK GO_AHEAD STORED STORED
			      "221 2.0.0 bye\r\n",
		"mail:a@b rcpt:c@d rcpt:no@d rcpt:e@f begin data=x\\x0D\\x0A " DONE
		"to:e@f closed "},
	{"LMTP, one stored, one not", LMTP,
		B("LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n"
		  "BDAT 4 LAST\r\nfullQUIT\r\n"),
		LMTP_OK OK OK OK "451 4.3.0 disk is?\?full\r\n" STORED
				 "221 2.0.0 bye\r\n",
		"mail:a@b rcpt:c@d rcpt:e@f begin data=full " DONE "to:e@f closed "},
	{"LMTP, too large for everybody", LMTP,
		B("LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT "
		  "TO:<e@f>\r\nDATA\r\n" FIFTY FIFTY
		  "\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n"
		  "BDAT 101 LAST\r\n" FIFTY FIFTY "xNOOP\r\n"),
		LMTP_OK OK OK OK GO_AHEAD TOO_LARGE TOO_LARGE OK OK OK TOO_LARGE TOO_LARGE
		"250 2.0.0 ok\r\n",
		"mail:a@b rcpt:c@d rcpt:e@f begin abort mail: rcpt:c@d rcpt:e@f "},
	{"LMTP, nobody left", LMTP,
		B("LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nDATA\r\nBDAT 1 "
		  "LAST\r\nx"),
		LMTP_OK OK "550 5.1.1 no such user\r\n503 5.5.1 no valid recipients\r\n"
			   "503 5.5.1 no valid recipients\r\n",
		"mail:a@b rcpt:no@d "},
	{"LMTP knows no EHLO", LMTP, B("EHLO me\r\nHELO me\r\nMAIL FROM:<>\r\n"),
		"220 mx LMTP envoi\r\n500 this is LMTP: LHLO\r\n500 this is LMTP: "
		"LHLO\r\n"
		"503 5.5.1 LHLO first\r\n",
		""},
	{"SMTP knows no LHLO", 0, B("LHLO me\r\n"),
		GREETING "500 this is SMTP: EHLO or HELO\r\n", ""},

	/* STARTTLS. */
	{"STARTTLS", WHOLE, B(HELLO "STARTTLS\r\n"),
		HELLO_OK "220 2.0.0 ready to start TLS\r\n", "tls "},
	{"STARTTLS with something behind", WHOLE,
		B(HELLO "STARTTLS\r\nMAIL FROM:<evil@b>\r\n"),
		HELLO_OK "554 5.5.1 something followed STARTTLS in clear, closing\r\n",
		"closed "},
	{"STARTTLS where it does not belong", 0,
		B("STARTTLS\r\n" HELLO "STARTTLS now\r\nMAIL FROM:<>\r\nSTARTTLS\r\n"),
		GREETING "502 5.5.1 STARTTLS is not offered\r\n"
			 "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
			 "250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 SIZE 100\r\n"
			 "501 5.5.4 syntax: STARTTLS\r\n" OK
			 "503 5.5.1 not within a transaction\r\n",
		"mail: "},

	/* A program on a pipe: its first line says which line end counts. */
	{"local, LF", LOCAL,
		B("MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\n..x\n.\r\n.\nQUIT\n"),
		GREETING OK OK GO_AHEAD STORED "221 2.0.0 bye\r\n",
		"mail:a@b rcpt:c@d begin data=.x\\x0A\\x0D\\x0A " DONE "closed "},
	{"local, CRLF", LOCAL,
		B("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\n.\n.\r\n\r\n.\r\n"
		  "NOOP\nNOOP\r\n"),
		GREETING OK OK GO_AHEAD STORED
		"500 5.5.2 line ends in a bare LF, not in CRLF\r\n250 2.0.0 ok\r\n",
		"mail:a@b rcpt:c@d begin data=x\\x0A.\\x0A.\\x0D\\x0A\\x0D\\x0A " DONE},
	{"local, CRLF in a session of LF", LOCAL, B("NOOP\nNOOP\r\n"),
		GREETING "250 2.0.0 ok\r\n250 2.0.0 ok\r\n", ""},
	{"local, blanks before a path", LOCAL,
		B("MAIL FROM: <a@b>\r\nRCPT TO:  <c@d>\r\n"), GREETING OK OK,
		"mail:a@b rcpt:c@d "},

	{"commands are shown before they are obeyed", TRACE,
		B("NOOP\r\nX\x1b\r\n" HELLO "MAIL FROM:<a@b>\r\n"),
		GREETING "250 2.0.0 ok\r\n500 5.5.2 control octet in a command\r\n"
			 "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
			 "250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 SIZE 100\r\n" OK,
		"cmd:NOOP cmd:X\\x1B cmd:EHLO me cmd:MAIL FROM:<a@b> mail:a@b "},
	{"SMTPUTF8 and DSN are offered", UTF8_DSN, B(HELLO),
		GREETING
		"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250-SMTPUTF8\r\n250-DSN\r\n"
		"250 SIZE 100\r\n",
		""},
