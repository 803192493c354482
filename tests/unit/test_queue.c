/*
 * The spool: what goes in comes out, also by another reader; who may have it;
 * what is not taken for a message.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <envoi/queue.h>

#include "base/checksum.h"
#include "base/gnu.h"
#include "queue/internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[64];
static struct envoi_queue *queue;
static struct envoi_error err;

static const char text[] = "Subject: a message\r\n\r\nHello\r\n.\r\n";

static struct envoi_queue *open_queue(void)
{
	struct envoi_queue *result = NULL;
	const struct envoi_queue_options options = {.create = true};
	ck_assert_msg(
		envoi_queue_open(folder, &options, &result, &err) == 0, "%s", err.text);
	return result;
}

static void setup(void)
{
	strcpy(folder, "/tmp/envoi-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	strcat(folder, "/state/queue");
	queue = open_queue();
}

static void teardown(void)
{
	char command[100];
	envoi_queue_close(queue);
	*strstr(folder, "/state") = '\0';
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *at(const char *place, const char *id)
{
	static char paths[4][200];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	(void)snprintf(path, sizeof(paths[0]), "%s/%s/%s", folder, place, id);
	return path;
}

static const struct envoi_queue_recipient three[] = {
	{.address = "a@example.org"},
	{.address = "b@example.org",
		.original = "rfc822;b@old.example",
		.notify = "FAILURE,DELAY"},
	{.address = "\"c d\"@example.org"},
};

static const struct envoi_queue_setting settings[] = {
	{"host", "mx.example.org"},
	{"port", "25"},
};

static const struct envoi_queue_envelope full = {
	.sender = "me@example.org",
	.recipients = three,
	.count = COUNT(three),
	.account = "work",
	.config = "/home/me/config",
	.settings = settings,
	.setting_count = COUNT(settings),
	.envelope_id = "id+2B1",
	.returned = "HDRS",
	.message_id = "<1@example.org>",
	.uid = 1000,
	.created = 1700000000,
	.not_before = -5,
	.expires = INT64_MAX,
	.bounce_of = "x",
};

/* Adds text with this envelope, and keeps it claimed. */
static struct envoi_entry *add_claimed(const struct envoi_queue_envelope *envelope)
{
	struct envoi_draft *draft = NULL;
	struct envoi_entry *entry = NULL;
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, envelope, 0, &err), 0);
	for (size_t i = 0; i < sizeof(text) - 1; i += 7) {
		size_t n = sizeof(text) - 1 - i < 7 ? sizeof(text) - 1 - i : 7;
		ck_assert_int_eq(envoi_draft_put(draft, text + i, n, &err), 0);
	}
	ck_assert_msg(envoi_draft_commit(draft, &entry, &err) == 0, "%s", err.text);
	return entry;
}

static void add(const struct envoi_queue_envelope *envelope, char id[ENVOI_QUEUE_ID_SIZE])
{
	struct envoi_entry *entry = add_claimed(envelope);
	strcpy(id, envoi_entry_id(entry));
	envoi_entry_free(entry);
}

static struct envoi_entry *claim(const char *id)
{
	struct envoi_entry *entry = NULL;
	ck_assert_msg(envoi_queue_claim(queue, ENVOI_QUEUE_MAIL, id, &entry, &err)
			      == ENVOI_QUEUE_GOT,
		"%s", err.text);
	return entry;
}

static int look(enum envoi_queue_place place, const char *id)
{
	struct envoi_entry *entry = NULL;
	int result = envoi_queue_look(queue, place, id, &entry, &err);
	envoi_entry_free(entry);
	return result;
}

START_TEST(checksums)
{
	/* Of the reference implementation. */
	ck_assert_uint_eq(envoi_checksum_of("", 0, 0), 0xef46db3751d8e999u);
	ck_assert_uint_eq(envoi_checksum_of("abc", 3, 0), 0x44bc2cf5ad770999u);
	ck_assert_uint_eq(envoi_checksum_of("a", 1, 0), 0xd24ec4f1a98c6e5bu);
	char octets[200];
	for (size_t i = 0; i < sizeof(octets); i++) {
		octets[i] = (char)(i * 37);
	}
	for (size_t n = 0; n < sizeof(octets); n++) {
		struct envoi_checksum sum;
		uint64_t whole = envoi_checksum_of(octets, n, 7);
		for (size_t cut = 0; cut <= n; cut++) {
			envoi_checksum_init(&sum, 7);
			envoi_checksum_add(&sum, octets, cut);
			(void)envoi_checksum_value(&sum);
			envoi_checksum_add(&sum, octets + cut, n - cut);
			ck_assert_uint_eq(envoi_checksum_value(&sum), whole);
		}
	}
}
END_TEST

static void check_full(const struct envoi_queue_envelope *e)
{
	ck_assert_str_eq(e->sender, full.sender);
	ck_assert_uint_eq(e->count, full.count);
	ck_assert_str_eq(e->recipients[0].address, "a@example.org");
	ck_assert_ptr_null(e->recipients[0].original);
	ck_assert_str_eq(e->recipients[1].original, three[1].original);
	ck_assert_str_eq(e->recipients[1].notify, three[1].notify);
	ck_assert_str_eq(e->recipients[2].address, three[2].address);
	ck_assert_ptr_null(e->recipients[2].notify);
	ck_assert_str_eq(e->account, full.account);
	ck_assert_str_eq(e->config, full.config);
	ck_assert_uint_eq(e->setting_count, 2);
	ck_assert_str_eq(e->settings[1].keyword, "port");
	ck_assert_str_eq(e->settings[1].value, "25");
	ck_assert_str_eq(e->envelope_id, full.envelope_id);
	ck_assert_str_eq(e->returned, full.returned);
	ck_assert_str_eq(e->message_id, full.message_id);
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_int_eq(e->created, full.created);
	ck_assert_int_eq(e->not_before, full.not_before);
	ck_assert_int_eq(e->expires, full.expires);
	ck_assert_str_eq(e->bounce_of, "x");
}

START_TEST(comes_out_as_it_went_in)
{
	char id[ENVOI_QUEUE_ID_SIZE], out[200];
	add(&full, id);
	struct envoi_entry *entry = claim(id);
	struct envoi_message *message = NULL;
	struct envoi_body *body = NULL;
	size_t n;
	bool last = false;
	check_full(envoi_entry_envelope(entry));
	ck_assert_uint_eq(envoi_entry_size(entry), sizeof(text) - 1);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_WAITING), 3);
	ck_assert_int_eq(envoi_entry_message(entry, &message, &err), 0);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	ck_assert_str_eq(envoi_message_name(message), id);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), false, &body, &err), 0);
	ck_assert_int_eq(envoi_body_read(body, out, sizeof(out), &n, &last, &err), 0);
	ck_assert_uint_eq(n, sizeof(text) - 1);
	ck_assert_int_eq(memcmp(out, text, n), 0);
	envoi_body_close(body);
	envoi_message_free(message);
	envoi_entry_free(entry);
}
END_TEST

START_TEST(refuses_envelopes)
{
	struct envoi_draft *draft = NULL;
	struct envoi_queue_envelope envelope = full;
	envelope.sender = "a\nb@example.org";
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, &envelope, 0, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	envoi_draft_free(draft);
	envelope = full;
	envelope.count = 0;
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, &envelope, 0, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	envoi_draft_free(draft);
	/* No disk has that much. */
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, &full, UINT64_MAX / 8, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	envoi_draft_free(draft);
}
END_TEST

START_TEST(large_message)
{
	static char block[50000];
	struct envoi_draft *draft = NULL;
	struct envoi_entry *entry = NULL;
	char id[ENVOI_QUEUE_ID_SIZE];
	memset(block, 'x', sizeof(block));
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, &full, 0, &err), 0);
	for (size_t i = 0; i < 20; i++) {
		ck_assert_int_eq(envoi_draft_put(draft, block, sizeof(block), &err), 0);
	}
	ck_assert_int_eq(envoi_draft_commit(draft, &entry, &err), 0);
	strcpy(id, envoi_entry_id(entry));
	envoi_entry_free(entry);
	entry = claim(id);
	ck_assert_uint_eq(envoi_entry_size(entry), 20 * sizeof(block));
	envoi_entry_free(entry);
}
END_TEST

START_TEST(one_owner)
{
	struct envoi_entry *entry = add_claimed(&full), *other = NULL;
	char id[ENVOI_QUEUE_ID_SIZE];
	strcpy(id, envoi_entry_id(entry));
	/* Also through another opening of the queue. */
	struct envoi_queue *again = open_queue();
	ck_assert_int_eq(envoi_queue_claim(again, ENVOI_QUEUE_MAIL, id, &other, &err),
		ENVOI_QUEUE_BUSY);
	ck_assert_int_eq(envoi_queue_look(again, ENVOI_QUEUE_MAIL, id, &other, &err), 0);
	ck_assert(envoi_entry_is_busy(other));
	envoi_entry_free(entry);
	ck_assert(!envoi_entry_is_busy(other));
	envoi_entry_free(other);
	entry = claim(id);
	ck_assert_int_eq(envoi_entry_remove(entry, &err), 0);
	ck_assert_int_eq(envoi_queue_claim(again, ENVOI_QUEUE_MAIL, id, &other, &err),
		ENVOI_QUEUE_GONE);
	envoi_entry_free(entry);
	envoi_queue_close(again);
}
END_TEST

static const struct envoi_verdict delivered = {
	.fate = ENVOI_FATE_DELIVERED,
	.code = 250,
	.enhanced = {2, 1, 500},
	.text = "Ok\nqueued",
	.server = "mx.example.org",
	.at = 1700000100,
};

START_TEST(verdicts_stay)
{
	char id[ENVOI_QUEUE_ID_SIZE];
	const size_t first[] = {2, 0}, second[] = {1};
	struct envoi_verdict refused = {.fate = ENVOI_FATE_FAILED,
		.status = ENVOI_STATUS_NOUSER,
		.doubtful = true};
	const struct envoi_trials trials = {.count = 3,
		.last = 5,
		.next = 1700000900,
		.why = "no route",
		.warned = true};
	add(&full, id);
	struct envoi_entry *entry = claim(id);
	ck_assert_int_eq(envoi_entry_reserve(entry, &err), 0);
	ck_assert_int_eq(envoi_entry_settle(entry, first, 2, &delivered, &err), 0);
	ck_assert_int_eq(envoi_entry_hold(entry, true, &err), 0);
	ck_assert_int_eq(envoi_entry_defer(entry, &trials, &err), 0);
	ck_assert_int_eq(envoi_entry_settle(entry, second, 1, &refused, &err), 0);
	for (unsigned i = 0; i < 2; i++) {
		const struct envoi_verdict *v = envoi_entry_verdicts(entry);
		const struct envoi_trials *t = envoi_entry_trials(entry);
		ck_assert_int_eq(v[0].fate, ENVOI_FATE_DELIVERED);
		ck_assert_int_eq(v[2].code, 250);
		ck_assert_uint_eq(v[2].enhanced[2], 500);
		ck_assert_str_eq(v[2].text, "Ok queued");
		ck_assert_str_eq(v[2].server, "mx.example.org");
		ck_assert_int_eq(v[2].at, 1700000100);
		ck_assert_int_eq(v[1].fate, ENVOI_FATE_FAILED);
		ck_assert_int_eq(v[1].status, ENVOI_STATUS_NOUSER);
		ck_assert(v[1].doubtful);
		ck_assert_str_eq(v[1].text, "");
		ck_assert_uint_eq(t->count, 3);
		ck_assert_int_eq(t->next, 1700000900);
		ck_assert_int_eq(t->since, full.created);
		ck_assert_str_eq(t->why, "no route");
		ck_assert(t->held && t->warned);
		ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_WAITING), 0);
		envoi_entry_free(entry);
		entry = claim(id);
	}
	ck_assert_int_eq(envoi_entry_fail(entry, &err), 0);
	envoi_entry_free(entry);
	ck_assert_int_eq(look(ENVOI_QUEUE_MAIL, id), ENVOI_QUEUE_GONE);
	ck_assert_int_eq(envoi_queue_claim(queue, ENVOI_QUEUE_FAILED, id, &entry, &err),
		ENVOI_QUEUE_GOT);
	ck_assert_int_eq(envoi_entry_revive(entry, 1800000000, &err), 0);
	envoi_entry_free(entry);
	entry = claim(id);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_WAITING), 1);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_DELIVERED), 2);
	ck_assert_int_eq(envoi_entry_trials(entry)->since, 1800000000);
	ck_assert_uint_eq(envoi_entry_trials(entry)->count, 0);
	envoi_entry_free(entry);
}
END_TEST

/* However often each recipient is put off in words of its own, it is read again. */
START_TEST(long_journals)
{
	char id[ENVOI_QUEUE_ID_SIZE], words[900];
	const size_t all[] = {0, 1, 2};
	struct envoi_verdict later = {
		.fate = ENVOI_FATE_WAITING, .code = 450, .text = words};
	struct envoi_verdict refused = {
		.fate = ENVOI_FATE_FAILED, .code = 550, .text = words};
	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	add(&full, id);
	struct envoi_entry *entry = claim(id);
	for (unsigned i = 0; i < 20000; i++) {
		ck_assert_int_eq(envoi_entry_settle(entry, all, 3, &later, &err), 0);
	}
	ck_assert_str_eq(envoi_entry_verdicts(entry)[0].text, words);
	later.doubtful = true;
	for (unsigned i = 0; i < 5000; i++) {
		ck_assert_int_eq(envoi_entry_settle(entry, all, 3, &later, &err), 0);
	}
	envoi_entry_free(entry);
	entry = claim(id);
	ck_assert_int_eq(envoi_entry_settle(entry, all, 2, &refused, &err), 0);
	envoi_entry_free(entry);
	entry = claim(id);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_FAILED), 2);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_WAITING), 1);
	ck_assert_int_eq(envoi_entry_verdicts(entry)[0].code, 550);
	envoi_entry_free(entry);
}
END_TEST

/* The room that is taken for all of them is not too long, either. */
START_TEST(many_recipients)
{
	static struct envoi_queue_recipient list[70000];
	char id[ENVOI_QUEUE_ID_SIZE];
	struct envoi_queue_envelope envelope = full;
	for (size_t i = 0; i < COUNT(list); i++) {
		list[i] = three[0];
	}
	envelope.recipients = list;
	envelope.count = COUNT(list);
	add(&envelope, id);
	struct envoi_entry *entry = claim(id);
	ck_assert_int_eq(envoi_entry_reserve(entry, &err), 0);
	envoi_entry_free(entry);
	envoi_entry_free(claim(id));
}
END_TEST

/* The last recipient takes the message with it; before, it is somebody's mistake. */
START_TEST(finished)
{
	char id[ENVOI_QUEUE_ID_SIZE];
	const size_t first[] = {2, 0}, second[] = {1};
	add(&full, id);
	struct envoi_entry *entry = claim(id);
	ck_assert_int_eq(envoi_queue_sync_due(queue), -1);
	ck_assert_int_eq(envoi_entry_finish(entry, first, 2, &delivered, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_BUG);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_WAITING), 3);
	ck_assert_int_eq(envoi_entry_settle(entry, first, 2, &delivered, &err), 0);
	ck_assert_int_eq(envoi_entry_finish(entry, second, 1, &delivered, &err), 0);
	ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_DELIVERED), 3);
	ck_assert_int_eq(look(ENVOI_QUEUE_MAIL, id), ENVOI_QUEUE_GONE);
	ck_assert_int_eq(envoi_entry_remove(entry, &err), 0);
	envoi_entry_free(entry);
	/* At once when there are many, or after a while. */
	ck_assert_int_ge(envoi_queue_sync_due(queue), 0);
	ck_assert_int_le(envoi_queue_sync_due(queue), 100000);
	ck_assert_int_eq(envoi_queue_sync(queue, &err), 0);
	ck_assert_int_eq(envoi_queue_sync_due(queue), -1);
}
END_TEST

/* What a crash leaves of a record, at each octet, and zeroes from there on. */
START_TEST(torn_records)
{
	char id[ENVOI_QUEUE_ID_SIZE];
	const size_t first = 0, second = 1;
	struct stat before, after;
	add(&full, id);
	struct envoi_entry *entry = claim(id);
	ck_assert_int_eq(envoi_entry_settle(entry, &first, 1, &delivered, &err), 0);
	ck_assert_int_eq(fstat(entry->fd, &before), 0);
	ck_assert_int_eq(envoi_entry_settle(entry, &second, 1, &delivered, &err), 0);
	ck_assert_int_eq(fstat(entry->fd, &after), 0);
	char record[512];
	size_t n = (size_t)(after.st_size - before.st_size);
	ck_assert_int_eq(
		envoi_file_read(entry->fd, (uint64_t)before.st_size, record, n), 0);
	envoi_entry_free(entry);
	for (size_t cut = 0; cut < 2 * n; cut++) {
		off_t size = before.st_size + (off_t)(cut % n);
		int fd = open(at("mail", id), O_RDWR);
		ck_assert_int_eq(ftruncate(fd, before.st_size), 0);
		ck_assert_int_eq(
			envoi_file_write(fd, (uint64_t)before.st_size, record, cut % n),
			0);
		if (cut > n) {
			ck_assert_int_eq(ftruncate(fd, size + 1000), 0);
		}
		(void)close(fd);
		if (cut > n && cut % n > n - 8) {
			/* Of the checksum, too, some: that was no crash. */
			continue;
		}
		entry = claim(id);
		ck_assert_int_eq(
			envoi_entry_verdicts(entry)[0].fate, ENVOI_FATE_DELIVERED);
		ck_assert_int_eq(envoi_entry_verdicts(entry)[1].fate, ENVOI_FATE_WAITING);
		ck_assert_int_eq(
			envoi_entry_settle(entry, &second, 1, &delivered, &err), 0);
		envoi_entry_free(entry);
		entry = claim(id);
		ck_assert_uint_eq(envoi_entry_count(entry, ENVOI_FATE_DELIVERED), 2);
		envoi_entry_free(entry);
	}
}
END_TEST

static int count_id(void *context, const char *id, struct envoi_error *e)
{
	(void)id;
	(void)e;
	++*(int *)context;
	return 0;
}

static int scan(enum envoi_queue_place place)
{
	int n = 0;
	ck_assert_int_eq(envoi_queue_scan(queue, place, count_id, &n, &err), 0);
	return n;
}

static void plant(unsigned what, const char *id, const char *victim)
{
	switch (what) {
	case 0:
		ck_assert_int_eq(symlink(victim, at("mail", id)), 0);
		break;
	case 1:
		ck_assert_int_eq(mkfifo(at("mail", id), 0600), 0);
		break;
	case 2:
		ck_assert_int_eq(mkdir(at("mail", id), 0700), 0);
		break;
	case 3:
		ck_assert_int_eq(link(victim, at("mail", id)), 0);
		break;
	case 4:
		ck_assert_int_eq(link(victim, at("mail", id)), 0);
		ck_assert_int_eq(unlink(victim), 0);
		ck_assert_int_eq(chmod(at("mail", id), 0644), 0);
		break;
	default:
		ck_assert_int_ge(open(at("mail", id), O_CREAT | O_WRONLY, 0600), 0);
		break;
	}
}

START_TEST(planted_files)
{
	char good[ENVOI_QUEUE_ID_SIZE], victim[ENVOI_QUEUE_ID_SIZE];
	char id[] = "0000000000000000000000000v";
	struct envoi_entry *entry = NULL;
	add(&full, good);
	add(&full, victim);
	char outside[200];
	(void)snprintf(outside, sizeof(outside), "%s/outside", folder);
	ck_assert_int_eq(rename(at("mail", victim), outside), 0);
	int before = scan(ENVOI_QUEUE_CORRUPT);
	plant((unsigned)_i, id, outside);
	ck_assert_int_ne(look(ENVOI_QUEUE_MAIL, id), ENVOI_QUEUE_GOT);
	ck_assert_int_eq(envoi_queue_claim(queue, ENVOI_QUEUE_MAIL, id, &entry, &err),
		ENVOI_QUEUE_BAD);
	ck_assert_int_eq(err.status, ENVOI_STATUS_DATA);
	ck_assert_int_eq(scan(ENVOI_QUEUE_CORRUPT), before + 1);
	ck_assert_int_eq(scan(ENVOI_QUEUE_MAIL), 1);
	envoi_entry_free(claim(good));
}
END_TEST

START_TEST(foreign_names)
{
	char id[ENVOI_QUEUE_ID_SIZE];
	static const char *const names[] = {".", "..", "lost+found", "../mail", "",
		"0000000000000000000000000V", "0000000000000000000000000",
		"000000000000000000000000000"};
	add(&full, id);
	ck_assert_int_eq(mkdir(at("mail", "lost+found"), 0700), 0);
	ck_assert_int_eq(scan(ENVOI_QUEUE_MAIL), 1);
	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert_int_eq(look(ENVOI_QUEUE_MAIL, names[i]), ENVOI_QUEUE_GONE);
	}
	ck_assert_int_eq(scan(ENVOI_QUEUE_CORRUPT), 0);
}
END_TEST

START_TEST(ids_sort_by_time)
{
	char ids[20][ENVOI_QUEUE_ID_SIZE];
	for (size_t i = 0; i < COUNT(ids); i++) {
		ck_assert_int_eq(envoi_queue_make_id(ids[i], &err), 0);
		ck_assert(envoi_queue_is_id(ids[i]));
		ck_assert(i == 0 || strcmp(ids[i - 1], ids[i]) < 0);
	}
}
END_TEST

START_TEST(folders_of_others)
{
	struct envoi_queue *other = NULL;
	struct envoi_queue_options options = {0};
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(envoi_queue_open(folder, &options, &other, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_int_eq(chmod(folder, 0770), 0);
	ck_assert_int_eq(envoi_queue_open(folder, &options, &other, &err), -1);
	/* Of several users: root's, and what is made in it the group's. */
	options.shared = true;
	ck_assert_int_eq(envoi_queue_open(folder, &options, &other, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_int_eq(
		envoi_queue_open("/nonexistent/queue", &options, &other, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
}
END_TEST

/* Only root may own one; who is not sees that it is refused. */
START_TEST(a_queue_of_several_users)
{
	struct envoi_queue *shared = NULL;
	struct envoi_draft *draft = NULL;
	struct envoi_queue_options options = {.create = true, .shared = true};
	struct envoi_queue_envelope envelope = full;
	char path[100];
	(void)snprintf(path, sizeof(path), "%s/../several", folder);
	ck_assert_int_eq(envoi_queue_open(path, &options, &shared, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, 02770), 0);
	if (geteuid() != 0) {
		ck_assert_int_eq(envoi_queue_open(path, &options, &shared, &err), -1);
		return;
	}
	ck_assert_msg(
		envoi_queue_open(path, &options, &shared, &err) == 0, "%s", err.text);
	ck_assert(envoi_queue_is_shared(shared) && envoi_queue_is_ours(shared));
	ck_assert_int_eq(envoi_draft_new(shared, &draft, &err), 0);
	/* Nothing that the runner would do with his rights. */
	ck_assert_int_eq(envoi_draft_address(draft, &envelope, 0, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	envelope.config = NULL;
	ck_assert_int_eq(envoi_draft_address(draft, &envelope, 0, &err), -1);
	envelope.setting_count = 0;
	ck_assert_int_eq(envoi_draft_address(draft, &envelope, 0, &err), 0);
	struct envoi_entry *entry = NULL;
	ck_assert_int_eq(envoi_draft_commit(draft, &entry, &err), 0);
	/* Not what was said: what is so. */
	ck_assert_uint_eq(envoi_entry_envelope(entry)->uid, geteuid());
	envoi_entry_free(entry);
	envoi_queue_close(shared);
}
END_TEST

START_TEST(sweeps_dead_drafts)
{
	static const char dead[] = "00000000000000000000000000";
	static const char live[] = "00000000000000000000000001";
	int fd = open(at("tmp", dead), O_CREAT | O_WRONLY, 0600);
	(void)close(fd);
	fd = open(at("tmp", live), O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(envoi_gnu_lock(fd), 0);
	envoi_queue_sweep(queue);
	ck_assert_int_ne(access(at("tmp", dead), F_OK), 0);
	ck_assert_int_eq(access(at("tmp", live), F_OK), 0);
	(void)close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queue");
	TCase *tc = tcase_create("queue");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, checksums);
	tcase_add_test(tc, comes_out_as_it_went_in);
	tcase_add_test(tc, refuses_envelopes);
	tcase_add_test(tc, large_message);
	tcase_add_test(tc, one_owner);
	tcase_add_test(tc, verdicts_stay);
	tcase_add_test(tc, torn_records);
	tcase_add_loop_test(tc, planted_files, 0, 6);
	tcase_add_test(tc, finished);
	tcase_add_test(tc, long_journals);
	tcase_add_test(tc, many_recipients);
	tcase_add_test(tc, foreign_names);
	tcase_add_test(tc, ids_sort_by_time);
	tcase_add_test(tc, folders_of_others);
	tcase_add_test(tc, a_queue_of_several_users);
	tcase_add_test(tc, sweeps_dead_drafts);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
