/*
 * The ledger: each conversation of a folder, cut behind every octet of the
 * server and behind every octet of the client, by the end of the connection, a
 * reset or silence. Behind the cut nobody answers any more, or another server
 * takes everything. On every path each recipient has one outcome, and it is
 * what a witness of the octets says (witness.h).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "play.h"
#include "text.h"

/* Octets that all cuts of a conversation together may hold, about. */
#define OCTETS (6u << 20)
/* Places where each is cut. */
#define FEWEST 4
/* A recipient is as much work as so many octets. */
#define WEIGHT 100

static bool cut(
	const struct conversation *c, size_t messages, const struct manner *manner)
{
	static const char *const losses[] = {"", "eof", "reset", "timeout"};
	struct play lost;
	bool good = play(&lost, c, manner);
	if (good && lost.messages != messages) {
		(void)snprintf(lost.words, sizeof(lost.words), "%zu messages of %zu",
			lost.messages, messages);
		good = false;
	}
	if (!good) {
		bool server = manner->server_octets != SIZE_MAX;
		(void)fflush(stdout);
		(void)printf("%s: cut behind octet %zu of the %s, %s%s: %s\n", c->path,
			server ? manner->server_octets : manner->client_octets,
			server ? "server" : "client", losses[manner->loss],
			manner->again ? ", then another server" : "", lost.words);
	}
	play_finish(&lost);
	return good;
}

/* Conversations begin alike, and what comes of a cut depends on nothing but
 * what was before it: each beginning is cut once. */
struct beginnings {
	uint64_t *keys;
	size_t count, capacity;
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
	}
	return hash;
}

static uint64_t mix_strings(uint64_t hash, char *const *strings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		hash = mix(hash, strings[i], strlen(strings[i]) + 1);
	}
	return mix(hash, &count, sizeof(count));
}

/* All that is there before the first octet. */
static uint64_t mix_head(const struct conversation *c)
{
	uint64_t hash = mix_strings(0xcbf29ce484222325u, &c->sender, 1);
	hash = mix_strings(hash, c->recipients, c->recipient_count);
	hash = mix_strings(hash, c->args, c->arg_count);
	hash = mix_strings(hash, c->sources, c->source_count);
	for (size_t i = 0; i < c->blob_count; i++) {
		hash = mix(hash, c->blobs[i].data.data, c->blobs[i].data.len);
		hash = mix_strings(hash, &c->blobs[i].name, 1);
	}
	for (size_t i = 0; i < c->server_count; i++) {
		hash = mix_strings(hash, &c->servers[i].url, 1);
		hash = mix(hash, &c->servers[i].dead, 1);
	}
	return mix_strings(hash, (char *[]){c->helo}, 1);
}

static void put(struct beginnings *set, uint64_t key)
{
	size_t at = (size_t)key & (set->capacity - 1);
	while (set->keys[at] != 0 && set->keys[at] != key) {
		at = (at + 1) & (set->capacity - 1);
	}
	set->keys[at] = key;
}

/* Is it there for the first time? */
static bool is_new(struct beginnings *set, uint64_t key)
{
	key |= 1;
	if (set->count * 2 >= set->capacity) {
		struct beginnings grown = {.capacity = set->capacity * 2 + 1024};
		while ((grown.capacity & (grown.capacity - 1)) != 0) {
			grown.capacity &= grown.capacity - 1;
		}
		grown.keys = text_alloc(grown.capacity, sizeof(uint64_t));
		grown.count = set->count;
		for (size_t i = 0; i < set->capacity; i++) {
			if (set->keys[i] != 0) {
				put(&grown, set->keys[i]);
			}
		}
		free(set->keys);
		*set = grown;
	}
	size_t at = (size_t)key & (set->capacity - 1);
	while (set->keys[at] != 0) {
		if (set->keys[at] == key) {
			return false;
		}
		at = (at + 1) & (set->capacity - 1);
	}
	set->keys[at] = key;
	set->count++;
	return true;
}

/* Between two lines in all ways, within a line in one of them. */
static bool cut_server(const struct conversation *c, const struct play *plain, size_t at,
	bool line_end, size_t *times)
{
	struct manner manner = MANNER_PLAIN;
	bool good = true;
	manner.server_octets = at;
	for (unsigned way = 0; way < 6 && good; way++) {
		manner.loss = LOSS_EOF + (enum loss)(way % 3);
		manner.turn = way >= 3;
		manner.again = way % 2 == 0;
		if (line_end || way == at % 6) {
			good = cut(c, plain->messages, &manner);
			*times += 1;
		}
	}
	return good;
}

static bool cut_client(
	const struct conversation *c, const struct play *plain, size_t at, size_t *times)
{
	struct manner manner = MANNER_PLAIN;
	manner.client_octets = at;
	manner.loss = LOSS_EOF + (enum loss)(at % 3);
	manner.again = at % 2 == 0;
	*times += 1;
	return cut(c, plain->messages, &manner);
}

/* Long ones are cut at fewer places. */
static bool cut_everywhere(const struct conversation *c, const struct play *plain,
	size_t cuts, size_t *times)
{
	static struct beginnings beginnings;
	struct envoi_span record = envoi_buffer_span(&plain->record);
	uint64_t hash = mix_head(c);
	size_t server = 0, client = 0;
	size_t server_step = plain->server_octets / cuts + 1;
	size_t client_step = plain->client.len / cuts + 1;
	bool good = true;
	for (size_t i = 0; i < record.len && good; i += 2) {
		hash = mix(hash, record.data + i, 2);
		char kind = record.data[i];
		server += kind == RECORD_SERVER;
		client += kind == RECORD_CLIENT;
		bool due = kind == RECORD_SERVER   ? server % server_step == 0
			   : kind == RECORD_CLIENT ? client % client_step == 0
						   : false;
		if (!due || !is_new(&beginnings, hash)) {
			continue;
		}
		good = kind == RECORD_CLIENT ? cut_client(c, plain, client, times)
					     : cut_server(c, plain, server,
						     record.data[i + 1] == '\n', times);
	}
	return good;
}

static bool hold(const struct conversation *c, size_t *times)
{
	struct manner manner = MANNER_PLAIN;
	struct play plain;
	manner.record = true;
	bool good = play(&plain, c, &manner);
	if (!good) {
		(void)printf("%s:%u: %s\n", c->path, plain.line, plain.words);
	}
	size_t octets =
		plain.server_octets + plain.client.len + c->recipient_count * WEIGHT;
	for (size_t i = 0; i < c->blob_count; i++) {
		octets += c->blobs[i].data.len;
	}
	good = good && cut_server(c, &plain, 0, true, times)
	       && cut_everywhere(c, &plain, OCTETS / (octets + 1) + FEWEST, times);
	play_finish(&plain);
	return good;
}

int main(int argc, char **argv)
{
	return folder_main(argc, argv, hold);
}
