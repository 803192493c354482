/*
 * Which sender addresses a from line is for.
 */
#include "config/settings.h"

#include <string.h>

#include "base/idna.h"
#include "base/limits.h"
#include "base/span.h"

bool envoi_pattern_is_wild(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The end of a set "[...]", where the "]" stands; NULL: there is none, and "["
 * is an octet as any other. A "]" that comes first belongs to the set. */
static const char *set_end(const char *p)
{
	p++;
	if (*p == '!' || *p == '^') {
		p++;
	}
	if (*p == ']') {
		p++;
	}
	return strchr(p, ']');
}

static bool in_set(const char *p, const char *end, unsigned char c)
{
	bool negated = *++p == '!' || *p == '^';
	bool found = false;
	p += negated;
	while (p < end) {
		unsigned char low = lower(*p), high = low;
		if (p + 2 < end && p[1] == '-') {
			high = lower(p[2]);
			p += 2;
		}
		found |= c >= low && c <= high;
		p++;
	}
	return found != negated;
}

/* Does one octet fit what stands at *p, which is no star? Moves *p behind it. */
static bool one_fits(const char **p, char octet)
{
	unsigned char c = lower(octet);
	const char *end = **p == '[' ? set_end(*p) : NULL;
	bool fits;
	if (end != NULL) {
		fits = in_set(*p, end, c);
		*p = end;
	} else if (**p == '?') {
		fits = true;
	} else {
		if (**p == '\\' && (*p)[1] != '\0') {
			(*p)++;
		}
		fits = **p != '\0' && lower(**p) == c;
	}
	*p += **p != '\0';
	return fits;
}

/* Goes back to the last star only, which is enough: linear in the product. */
static bool glob(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;
	while (*s != '\0') {
		const char *next = p;
		if (*p == '*') {
			star = ++p;
			from = s;
		} else if (one_fits(&next, *s)) {
			p = next;
			s++;
		} else if (star != NULL) {
			p = star;
			s = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*') {
		p++;
	}
	return *p == '\0';
}

static bool fits(const char *pattern, const char *address)
{
	struct envoi_span all = envoi_span_of(address);
	if (envoi_pattern_is_wild(pattern)) {
		return glob(pattern, address);
	}
	if (envoi_span_equal_nocase(all, pattern)) {
		return true;
	}
	/* Without its detail. */
	const char *at = strrchr(address, '@');
	const char *plus = strchr(address, '+');
	if (at == NULL || plus == NULL || plus > at || plus == address) {
		return false;
	}
	size_t local = (size_t)(plus - address);
	if (strlen(pattern) != local + strlen(at)) {
		return false;
	}
	for (size_t i = 0; i < local; i++) {
		if (lower(pattern[i]) != lower(address[i])) {
			return false;
		}
	}
	return envoi_span_equal_nocase(envoi_span_of(at), pattern + local);
}

bool envoi_pattern_matches(const char *pattern, const char *address)
{
	char other[ENVOI_LIMIT_ADDRESS + 1 + ENVOI_IDNA_ROOM];
	const char *why = NULL;
	const char *at = strrchr(address, '@');
	if (fits(pattern, address)) {
		return true;
	}
	/* People write their domain with its letters, a mailbox may have it as
	 * A-labels, or the other way round. */
	if (at == NULL || (size_t)(at - address) > ENVOI_LIMIT_ADDRESS) {
		return false;
	}
	size_t local = (size_t)(at + 1 - address);
	struct envoi_span domain = envoi_span_of(at + 1);
	memcpy(other, address, local);
	int result = envoi_is_ascii(domain)
			     ? envoi_idna_to_unicode(domain, other + local, &why)
			     : envoi_idna_to_ascii(domain, other + local, &why);
	return result == 0 && strcmp(other + local, domain.data) != 0
	       && fits(pattern, other);
}
