/*
 * Reading the words of a sendmail command line; see the header.
 *
 *     words = *( "-" 1*letter [ value ] / "-" letter blank value ) [ "--" ] *recipient
 *
 * as getopt(3) has it without permutation.
 */
#include "sendmail_flags.h"

#include <string.h>

#include "sendmail_take.h"

enum arity {
	NONE,
	/** Glued, or the next word. */
	VALUE,
	/** Glued only. */
	GLUED,
};

struct flag {
	char letter;
	enum arity arity;
	/** NULL: accepted, of no meaning here. */
	sendmail_take *take;
};

static const struct flag flags_known[] = {
	{'A', VALUE, NULL},
	{'B', VALUE, sendmail_take_B},
	{'b', VALUE, sendmail_take_b},
	{'C', VALUE, sendmail_take_C},
	{'c', NONE, NULL},
	{'D', NONE, sendmail_take_conflict},
	{'d', GLUED, sendmail_take_d},
	{'E', GLUED, NULL},
	{'e', VALUE, sendmail_take_e},
	{'F', VALUE, sendmail_take_F},
	{'f', VALUE, sendmail_take_f},
	{'G', NONE, NULL},
	{'h', VALUE, NULL},
	{'I', NONE, sendmail_take_I},
	{'i', NONE, sendmail_take_i},
	{'J', GLUED, NULL},
	{'L', VALUE, sendmail_take_L},
	{'M', NONE, sendmail_take_conflict},
	{'m', NONE, NULL},
	{'N', VALUE, sendmail_take_N},
	{'n', NONE, sendmail_take_n},
	{'O', VALUE, sendmail_take_O},
	{'o', VALUE, sendmail_take_o},
	{'p', VALUE, NULL},
	{'Q', GLUED, sendmail_take_Q},
	{'q', GLUED, sendmail_take_q},
	{'R', VALUE, sendmail_take_R},
	{'r', VALUE, sendmail_take_f},
	{'s', NONE, NULL},
	{'T', NONE, NULL},
	{'t', NONE, sendmail_take_t},
	{'U', NONE, NULL},
	{'V', VALUE, sendmail_take_V},
	{'v', NONE, sendmail_take_v},
	{'X', VALUE, sendmail_take_X},
	{'x', NONE, NULL},
};

static const struct flag *find(char letter)
{
	for (size_t i = 0; i < sizeof(flags_known) / sizeof(flags_known[0]); i++) {
		if (flags_known[i].letter == letter) {
			return &flags_known[i];
		}
	}
	return NULL;
}

static int unknown(const char *word, struct envoi_error *err)
{
	if (word[1] == '-') {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "no such option: %.100s", word);
		envoi_error_hint(err, "long options are those of envoi send");
		return -1;
	}
	return envoi_error_set(err, ENVOI_STATUS_USAGE, "no such option: -%.1s", word);
}

/* The letters of one word; *at moves on when one takes the word behind it. */
static int read_word(struct sendmail_reader *reader, int argc, char *const *argv, int *at,
	struct envoi_error *err)
{
	const char *p = argv[*at] + 1;
	if (*p == '-') {
		return unknown(argv[*at], err);
	}
	while (*p != '\0') {
		const struct flag *flag = find(*p++);
		const char *value = "";
		if (flag == NULL) {
			return unknown(p - 1, err);
		}
		if (flag->arity == GLUED || (flag->arity == VALUE && *p != '\0')) {
			value = p;
			p += strlen(p);
		} else if (flag->arity == VALUE) {
			if (*at + 1 >= argc) {
				return envoi_error_set(err, ENVOI_STATUS_USAGE,
					"-%c needs a value", flag->letter);
			}
			value = argv[++*at];
		}
		if (flag->take != NULL && flag->take(reader, value, err) != 0) {
			return -1;
		}
	}
	return 0;
}

/* What the words mean together. */
static int conclude(struct sendmail_reader *reader, int operands, struct envoi_error *err)
{
	struct sendmail_flags *flags = reader->flags;
	if (reader->daemon && flags->interval == 0) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "there is no listener: -bd, -bD, -bl");
		envoi_error_hint(err, "-q15m runs the queue every 15 minutes");
		return -1;
	}
	if (reader->run && (reader->daemon || !reader->mode_said)
		&& flags->mode == SENDMAIL_DELIVER) {
		flags->mode = flags->interval > 0 ? SENDMAIL_LOOP : SENDMAIL_RUN;
	}
	if (flags->version && !reader->mode_said && flags->mode == SENDMAIL_DELIVER
		&& operands == 0 && !flags->read_recipients) {
		flags->mode = SENDMAIL_VERSION;
	}
	if (flags->mode == SENDMAIL_DIALOGUE && flags->read_recipients) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "-bs and -t exclude each other");
	}
	if (operands > 0 && flags->mode != SENDMAIL_DELIVER
		&& flags->mode != SENDMAIL_VERIFY) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"nothing was sent: recipients make no sense with this mode");
	}
	return 0;
}

static int check_line_ends(int argc, char *const *argv, struct envoi_error *err)
{
	for (int i = 1; i < argc; i++) {
		if (strpbrk(argv[i], "\r\n") != NULL) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"argument %d holds a line end: \"%.100s\"", i, argv[i]);
		}
	}
	return 0;
}

int sendmail_flags_read(struct sendmail_flags *flags, enum sendmail_name name, int argc,
	char *const *argv, sendmail_note *note, void *context, struct envoi_error *err)
{
	struct sendmail_reader reader = {
		.flags = flags, .note = note, .context = context};
	int at = 1;
	bool ended = false;
	*flags = (struct sendmail_flags){.operand = argc};
	if (name != SENDMAIL_NAME_SENDMAIL) {
		flags->mode =
			name == SENDMAIL_NAME_MAILQ ? SENDMAIL_LIST : SENDMAIL_ALIASES;
	}
	if (check_line_ends(argc, argv, err) != 0) {
		return -1;
	}
	for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
		if (strcmp(argv[at], "--") == 0) {
			ended = true;
			at++;
			break;
		}
		if (read_word(&reader, argc, argv, &at, err) != 0) {
			return -1;
		}
	}
	flags->operand = at;
	for (int i = at; i < argc && !ended; i++) {
		if (argv[i][0] == '-') {
			(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
				"\"%.100s\" stands behind a recipient", argv[i]);
			envoi_error_hint(err, "options come first; a recipient that "
					      "begins with - comes behind --");
			return -1;
		}
	}
	return conclude(&reader, argc - at, err);
}
