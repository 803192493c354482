/*
 * Each recipient once: a server counts them, and LMTP answers for each.
 */
#include <envoi/submit.h>

#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

struct entry {
	const char *address;
	size_t index;
};

static int lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Local parts exactly, domains but for case; then the order given. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const char *end = envoi_address_domain(x->address);
	size_t n = strlen(x->address) - strlen(end);
	for (size_t i = 0;; i++) {
		int c = (unsigned char)x->address[i], d = (unsigned char)y->address[i];
		if (i >= n) {
			c = lower((unsigned char)c);
			d = lower((unsigned char)d);
		}
		if (c != d) {
			return c - d;
		}
		if (c == 0) {
			return x->index < y->index ? -1 : 1;
		}
	}
}

/* Which of them are the same mailbox as an earlier one; NULL: no memory. */
static bool *find_twice(const char *const *recipients, size_t count)
{
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	bool *twice = calloc(count + 1, sizeof(*twice));
	if (entries == NULL || twice == NULL) {
		free(entries);
		free(twice);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		entries[i] = (struct entry){recipients[i], i};
	}
	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 1; i < count; i++) {
		twice[entries[i].index] =
			envoi_address_equal(entries[i - 1].address, entries[i].address);
	}
	free(entries);
	return twice;
}

int envoi_request_deduplicate(struct envoi_request *request)
{
	bool *twice = find_twice(request->recipients, request->recipient_count);
	size_t kept = 0;
	if (twice == NULL) {
		return -1;
	}
	for (size_t i = 0; i < request->recipient_count; i++) {
		if (!twice[i]) {
			request->recipients[kept++] = request->recipients[i];
		}
	}
	request->recipient_count = kept;
	free(twice);
	return 0;
}

int envoi_envelope_deduplicate(struct envoi_envelope *envelope)
{
	bool *twice =
		find_twice((const char *const *)envelope->recipients, envelope->count);
	size_t kept = 0;
	if (twice == NULL) {
		return -1;
	}
	for (size_t i = 0; i < envelope->count; i++) {
		if (twice[i]) {
			free(envelope->recipients[i]);
			continue;
		}
		if (envelope->wishes != NULL) {
			envelope->wishes[kept] = envelope->wishes[i];
		}
		envelope->recipients[kept++] = envelope->recipients[i];
	}
	envelope->count = kept;
	free(twice);
	return 0;
}

void envoi_envelope_finish(struct envoi_envelope *envelope)
{
	for (size_t i = 0; i < envelope->count; i++) {
		free(envelope->recipients[i]);
	}
	free(envelope->recipients);
	free(envelope->wishes);
	free(envelope->sender);
	*envelope = (struct envoi_envelope){0};
}
