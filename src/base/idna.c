/*
 * Internationalised names; see the header. Owns the choice of libidn2's flags
 * and the words for what it refuses: its own are translated.
 */
#include "base/idna.h"

#include <string.h>

#include <idn2.h>
#include <unistr.h>

#define FLAGS (IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT)

bool envoi_is_ascii(struct envoi_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] > 127) {
			return false;
		}
	}
	return true;
}

bool envoi_is_utf8(struct envoi_span text)
{
	return u8_check((const uint8_t *)text.data, text.len) == NULL;
}

/* What libidn2 says, in our words. */
static int judge(int code, const char **ret_why)
{
	switch (code) {
	case IDN2_OK:
		return 0;
	case IDN2_MALLOC:
		return -1;
	case IDN2_TOO_BIG_DOMAIN:
		*ret_why = "the domain is too long";
		return 1;
	case IDN2_TOO_BIG_LABEL:
		*ret_why = "a label of the domain is too long";
		return 1;
	case IDN2_DISALLOWED:
	case IDN2_UNASSIGNED:
		*ret_why = "the domain has a character that no domain may have";
		return 1;
	default:
		*ret_why = "bad internationalised domain";
		return 1;
	}
}

/* Copies name as a string: 0, or 1 with the reason. */
static int copy(struct envoi_span name, char out[ENVOI_IDNA_ROOM], const char **ret_why)
{
	if (name.len >= ENVOI_IDNA_ROOM) {
		*ret_why = "the domain is too long";
		return 1;
	}
	if (memchr(name.data, '\0', name.len) != NULL || !envoi_is_utf8(name)) {
		*ret_why = "the domain is not UTF-8";
		return 1;
	}
	memcpy(out, name.data, name.len);
	out[name.len] = '\0';
	return 0;
}

/* Moves what libidn2 made into out. */
static int take(char *made, char out[ENVOI_IDNA_ROOM], const char **ret_why)
{
	int result = copy(envoi_span_of(made), out, ret_why);
	idn2_free(made);
	return result;
}

int envoi_idna_to_ascii(
	struct envoi_span name, char out[ENVOI_IDNA_ROOM], const char **ret_why)
{
	int result = copy(name, out, ret_why);
	if (result != 0 || envoi_is_ascii(name)) {
		return result;
	}
	char *made = NULL;
	result = judge(idn2_to_ascii_8z(out, &made, FLAGS), ret_why);
	return result != 0 ? result : take(made, out, ret_why);
}

int envoi_idna_to_unicode(
	struct envoi_span name, char out[ENVOI_IDNA_ROOM], const char **ret_why)
{
	int result = envoi_idna_to_ascii(name, out, ret_why);
	if (result != 0) {
		return result;
	}
	char *made = NULL;
	result = judge(idn2_to_unicode_8z8z(out, &made, FLAGS), ret_why);
	return result != 0 ? result : take(made, out, ret_why);
}
