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

int envoi_request_deduplicate(struct envoi_request *request)
{
	size_t count = request->recipient_count;
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	bool *twice = calloc(count + 1, sizeof(*twice));
	if (entries == NULL || twice == NULL) {
		free(entries);
		free(twice);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		entries[i] = (struct entry){request->recipients[i], i};
	}
	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 1; i < count; i++) {
		twice[entries[i].index] =
			envoi_address_equal(entries[i - 1].address, entries[i].address);
	}
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (!twice[i]) {
			request->recipients[kept++] = request->recipients[i];
		}
	}
	request->recipient_count = kept;
	free(entries);
	free(twice);
	return 0;
}
