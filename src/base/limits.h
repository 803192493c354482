/*
 * Every cap on what a peer or an input can make grow, one line each with its
 * reason. Octets unless the name says otherwise.
 */
#ifndef ENVOI_BASE_LIMITS_H
#define ENVOI_BASE_LIMITS_H

/* A reply line: RFC 5321 4.5.3.1.5 says 512; servers send 5 kB ones. */
#define ENVOI_LIMIT_REPLY_LINE 16384
/* A whole reply: 300 EHLO lines are real, a megabyte is an attack. */
#define ENVOI_LIMIT_REPLY 65536
/* Lines in one reply. */
#define ENVOI_LIMIT_REPLY_LINES 1000
/* Text of one reply kept for the report. */
#define ENVOI_LIMIT_REPLY_TEXT 2000
/* A command line with CRLF: RFC 5321 4.5.3.1.4 and the extensions' additions. */
#define ENVOI_LIMIT_COMMAND 1024
/* local-part 64, @, domain 255 (RFC 5321 4.5.3.1): longer local parts exist. */
#define ENVOI_LIMIT_ADDRESS 512
/* A host name (RFC 1035 2.3.4). */
#define ENVOI_LIMIT_HOST 255
/* Commands whose replies are outstanding: bounds memory, not speed. */
#define ENVOI_LIMIT_OUTSTANDING 2048
/* Messages in one window, at first and at most: what is in doubt on loss. */
#define ENVOI_LIMIT_WINDOW_FIRST 16
#define ENVOI_LIMIT_WINDOW 512
/* Octets of bodies whose replies are outstanding. */
#define ENVOI_LIMIT_WINDOW_BYTES (4u << 20)
/* Rest of a refused BDAT chunk worth sending to stay in step. */
#define ENVOI_LIMIT_DRAIN (1u << 20)
/* Control bytes queued ahead of the socket. */
#define ENVOI_LIMIT_CONTROL 65536
/* One block of a message read, encoded and written. */
#define ENVOI_LIMIT_BLOCK 131072
/* stdin up to this stays in memory, more goes to an unlinked file. */
#define ENVOI_LIMIT_SPOOL_MEMORY 65536
/* A file (none of a Maildir, which others may take) up to this is read once, and kept as
 * long as its message: with a whole window of them, ENVOI_LIMIT_WINDOW_BYTES. */
#define ENVOI_LIMIT_KEPT 4096
/* A composed header: some ten thousand addresses. */
#define ENVOI_LIMIT_COMPOSED_HEADER (1u << 20)
/* The header of a message, and its fields: the largest ones seen are 200 kB of
 * Received, ARC and long To lists. */
#define ENVOI_LIMIT_HEADER (1u << 20)
#define ENVOI_LIMIT_HEADER_FIELDS 10000u
/* Received fields of a message that is taken on: more are a loop. */
#define ENVOI_LIMIT_TRACE 50
/* Addresses tried for one host name. */
#define ENVOI_LIMIT_HOST_ADDRESSES 32
/* Lost connections, for each server, after which a message is not begun anew. */
#define ENVOI_LIMIT_ATTEMPTS 2
/* TLS sessions kept for resumption: tickets are up to some kB each. */
#define ENVOI_LIMIT_TLS_SESSIONS 32
/* A file with one of them, and the server's certificate. */
#define ENVOI_LIMIT_TLS_STORED 65536
/* Seconds for which one is used: so old may be what is known of a certificate. */
#define ENVOI_LIMIT_TLS_STORED_SECONDS 86400
/* A line of an AUTH exchange with CRLF, either way (RFC 4954 4). */
#define ENVOI_LIMIT_AUTH_LINE 12288
/* SCRAM iterations, at least: RFC 7677 4; fewer make guessing cheap. */
#define ENVOI_LIMIT_SCRAM_LEAST 4096
/* And at most: about a second of work, asked for by a stranger. */
#define ENVOI_LIMIT_SCRAM_MOST 1000000
/* Receiver: input not looked at yet; a multiple of a TLS record. */
#define ENVOI_LIMIT_RECEIVED 65536
/* Receiver: text of one reply line (RFC 5321 4.5.3.1.5: 512 with the rest). */
#define ENVOI_LIMIT_REPLY_TEXT_SENT 480
/* Receiver: commands that make no sense before it gives up. */
#define ENVOI_LIMIT_BAD_COMMANDS 20
/* A password or token: tokens of some kB are real. */
#define ENVOI_LIMIT_SECRET 65535
/* What a command of the configuration may print. */
#define ENVOI_LIMIT_COMMAND_OUTPUT 65536
/* What is kept of the stderr of such a command: its end. */
#define ENVOI_LIMIT_COMMAND_STDERR 4096
/* A .netrc: a line or two for each of some thousand hosts. */
#define ENVOI_LIMIT_NETRC (1u << 20)
/* Symbolic links on the way to a file, as in Linux. */
#define ENVOI_LIMIT_LINKS 40
/* Lines of the log that wait for the end of their session. */
#define ENVOI_LIMIT_LOG_HELD (1u << 20)
/* A configuration file: hundreds of accounts with long comments are real. */
#define ENVOI_LIMIT_CONFIG (1u << 20)
/* A line of it: an OAuth token in an eval is some kB. */
#define ENVOI_LIMIT_CONFIG_LINE 65536
/* Settings and sections in all files of a configuration. */
#define ENVOI_LIMIT_CONFIG_ENTRIES 20000
/* Files of a configuration, and how deep they include each other. */
#define ENVOI_LIMIT_CONFIG_FILES 64
#define ENVOI_LIMIT_CONFIG_DEPTH 8
/* Accounts that inherit from each other, in a row. */
#define ENVOI_LIMIT_CONFIG_PARENTS 32
/* Accounts that take over from another one, in all. */
#define ENVOI_LIMIT_FALLBACKS 8
/* An alias file: tens of thousands of names. */
#define ENVOI_LIMIT_ALIASES (1u << 20)
/* Aliases that lead to each other, in a row. */
#define ENVOI_LIMIT_ALIAS_DEPTH 100
/* Faults of a configuration that are told. */
#define ENVOI_LIMIT_DIAGNOSTICS 100

/* A boundary: RFC 2046 5.1.1 says 70; longer ones are seen. */
#define ENVOI_LIMIT_BOUNDARY 200
/* What is read of one field of a part's header: long file names are real. */
#define ENVOI_LIMIT_MIME_FIELD 4096
/* Multiparts in each other that are looked into; forwarded mail has some five. */
#define ENVOI_LIMIT_MIME_DEPTH 32
/* Parts of one message that are told apart: some 250 octets each. */
#define ENVOI_LIMIT_MIME_PARTS 4096

/* Queue: an envelope; some 300,000 recipients. */
#define ENVOI_LIMIT_ENVELOPE (16u << 20)
/* Queue: what happened to a message, in its file: each try adds some 100 octets,
 * and replies as below; there are at most some hundred. */
#define ENVOI_LIMIT_JOURNAL (16u << 20)
/* Queue: what is kept of a reply. */
#define ENVOI_LIMIT_VERDICT_TEXT 1000
/* Queue: ways out that lead nowhere; of more, the first are asked again. */
#define ENVOI_LIMIT_WAYS 256
/* Messages kept while some wait for another server: a kB or two each. */
#define ENVOI_LIMIT_PARKED 10000
/* Queue: names in a folder: memory for ids, 32 octets each. */
#define ENVOI_LIMIT_QUEUE 10000000

#endif
