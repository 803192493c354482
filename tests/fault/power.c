/*
 * A loss of power at any moment. What the queue does to its files is recorded once;
 * then, for each moment, every state the disk can be in is made and looked at: what
 * was synced is there, and of all that was not, each step is there or is not,
 * whatever came behind it; of a write also its first half, or zeroes in its place
 * (the length came to the disk, the octets did not). A rename is one step, as it is
 * with a journal or copying on write.
 *
 * In each of these states a queue is opened, and delivers:
 *
 * - what was said to be stored comes to each recipient (I1), and is whole (I3);
 * - what was not said to be yet comes to all of them or to nobody;
 * - twice only what was not said to be written down (I5);
 * - each recipient ends in one place, delivered or failed (I4);
 * - nothing is damaged.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <envoi/queue.h>

#include "trace.h"

#define MESSAGES 3
#define RECIPIENTS 3
/* States of one moment; of more, as many by chance. */
#define STATES 1500

static char top[64], spool[80];
static unsigned passed, failed;
static size_t begin_at;

static const char text[] = "Subject: a message\r\n\r\nHello\r\n";
static const struct envoi_queue_recipient recipients[RECIPIENTS] = {
	{.address = "a@example.org"},
	{.address = "b@example.org"},
	{.address = "c@example.org"},
};

/* -- what is done -------------------------------------------------------------------- */

static void broken(const char *what)
{
	(void)fprintf(stderr, "power: %s\n", what);
	exit(1);
}

static struct envoi_queue *open_queue(void)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_queue *queue = NULL;
	const struct envoi_queue_options options = {.create = true};
	if (envoi_queue_open(spool, &options, &queue, &err) != 0) {
		broken(err.text);
	}
	return queue;
}

/* They are told apart by their senders: "0", "1", ... */
static void store(struct envoi_queue *queue, unsigned message)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_draft *draft = NULL;
	struct envoi_entry *entry = NULL;
	char sender[20];
	(void)snprintf(sender, sizeof(sender), "%u@example.org", message);
	const struct envoi_queue_envelope envelope = {
		.sender = sender, .recipients = recipients, .count = RECIPIENTS};
	if (envoi_draft_new(queue, &draft, &err) != 0
		|| envoi_draft_address(draft, &envelope, 0, &err) != 0
		|| envoi_draft_put(draft, text, sizeof(text) - 1, &err) != 0
		|| envoi_draft_commit(draft, &entry, &err) != 0) {
		broken(err.text);
	}
	trace_say('S', message, 0);
	envoi_entry_free(entry);
}

static unsigned number_of(const struct envoi_entry *entry)
{
	unsigned n = (unsigned)(envoi_entry_envelope(entry)->sender[0] - '0');
	return n < MESSAGES ? n : (broken("a message of nobody"), 0);
}

static struct envoi_entry *claim(
	struct envoi_queue *queue, enum envoi_queue_place place, const char *id)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_entry *entry = NULL;
	return envoi_queue_claim(queue, place, id, &entry, &err) == ENVOI_QUEUE_GOT
		       ? entry
		       : NULL;
}

static void expect(int result, const struct envoi_error *err)
{
	if (result != 0) {
		broken(err->text);
	}
}

static int deliver(void *context, const char *id, struct envoi_error *err)
{
	const struct envoi_verdict done = {.fate = ENVOI_FATE_DELIVERED, .code = 250};
	struct envoi_entry *entry = claim(context, ENVOI_QUEUE_MAIL, id);
	if (entry == NULL) {
		return 0;
	}
	unsigned message = number_of(entry);
	expect(envoi_entry_reserve(entry, err), err);
	for (size_t i = 0; i < RECIPIENTS; i++) {
		trace_say('D', message, (unsigned)i);
		if (i + 1 < RECIPIENTS) {
			expect(envoi_entry_settle(entry, &i, 1, &done, err), err);
			trace_say('C', message, (unsigned)i);
		} else {
			expect(envoi_entry_finish(entry, &i, 1, &done, err), err);
		}
	}
	expect(envoi_entry_remove(entry, err), err);
	envoi_entry_free(entry);
	return 0;
}

static int refuse(void *context, const char *id, struct envoi_error *err)
{
	const size_t all[RECIPIENTS] = {0, 1, 2};
	const struct envoi_verdict refused = {.fate = ENVOI_FATE_FAILED, .code = 550};
	struct envoi_entry *entry = claim(context, ENVOI_QUEUE_MAIL, id);
	expect(envoi_entry_settle(entry, all, RECIPIENTS, &refused, err), err);
	trace_say('F', number_of(entry), 0);
	expect(envoi_entry_fail(entry, err), err);
	envoi_entry_free(entry);
	return 0;
}

static int revive(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_entry *entry = claim(context, ENVOI_QUEUE_FAILED, id);
	trace_say('f', number_of(entry), 0);
	expect(envoi_entry_revive(entry, 1, err), err);
	trace_say('W', number_of(entry), 0);
	envoi_entry_free(entry);
	return 0;
}

static int drop(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_entry *entry = claim(context, ENVOI_QUEUE_MAIL, id);
	trace_say('x', number_of(entry), 0);
	expect(envoi_entry_remove(entry, err), err);
	trace_say('X', number_of(entry), 0);
	envoi_entry_free(entry);
	return 0;
}

static void scan(struct envoi_queue *queue, enum envoi_queue_place place,
	int (*take)(void *context, const char *id, struct envoi_error *err))
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	expect(envoi_queue_scan(queue, place, take, queue, &err), &err);
}

static void do_store(struct envoi_queue *queue)
{
	(void)queue;
}

static void do_run(struct envoi_queue *queue)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	scan(queue, ENVOI_QUEUE_MAIL, deliver);
	expect(envoi_queue_sync(queue, &err), &err);
	for (unsigned i = 0; i < MESSAGES; i++) {
		trace_say('C', i, RECIPIENTS - 1);
	}
}

static void do_fail(struct envoi_queue *queue)
{
	scan(queue, ENVOI_QUEUE_MAIL, refuse);
	scan(queue, ENVOI_QUEUE_FAILED, revive);
}

static void do_remove(struct envoi_queue *queue)
{
	scan(queue, ENVOI_QUEUE_MAIL, drop);
}

/* -- a state of the disk ------------------------------------------------------------- */

struct file {
	char *octets;
	size_t size;
};

struct name {
	int folder, file;
	bool is_folder;
	char name[TRACE_NAME];
};

struct disk {
	struct file *files;
	struct name names[64];
	size_t count;
};

static void resize(struct file *file, size_t size)
{
	char *octets = realloc(file->octets, size + 1);
	if (octets == NULL) {
		abort();
	}
	if (size > file->size) {
		memset(octets + file->size, 0, size - file->size);
	}
	file->octets = octets;
	file->size = size;
}

/* How much of a step is there. */
enum part {
	PART_NONE,
	PART_ALL,
	PART_HALF,
	PART_ZEROES,
};

static void write_part(struct file *file, const struct op *op, enum part part)
{
	size_t end = (size_t)(op->offset + op->size);
	size_t n = part == PART_ALL ? (size_t)op->size : (size_t)op->size / 2;
	if (part == PART_HALF) {
		end = (size_t)op->offset + n;
	}
	if (end > file->size) {
		resize(file, end);
	}
	if (part != PART_ZEROES) {
		memcpy(file->octets + op->offset, op->data, n);
	}
}

static void remove_name(struct disk *disk, int folder, const char *name)
{
	for (size_t i = 0; i < disk->count; i++) {
		if (disk->names[i].folder == folder
			&& strcmp(disk->names[i].name, name) == 0) {
			disk->names[i] = disk->names[--disk->count];
			return;
		}
	}
}

static void add_name(
	struct disk *disk, int folder, const char *name, int file, bool is_folder)
{
	struct name *entry = &disk->names[disk->count++];
	*entry = (struct name){.folder = folder, .file = file, .is_folder = is_folder};
	memcpy(entry->name, name, TRACE_NAME);
}

static void take_step(struct disk *disk, const struct op *op, enum part part)
{
	struct file *file = op->file >= 0 ? &disk->files[op->file] : NULL;
	size_t end = (size_t)(op->offset + op->size);
	if (part == PART_NONE) {
		return;
	}
	switch (op->kind) {
	case OP_LINK:
	case OP_MKDIR:
		add_name(disk, op->folder, op->name, op->file, op->kind == OP_MKDIR);
		break;
	case OP_RENAME:
		remove_name(disk, op->folder, op->name);
		add_name(disk, op->folder2, op->name2, op->file, false);
		break;
	case OP_UNLINK:
		remove_name(disk, op->folder, op->name);
		break;
	case OP_WRITE:
		write_part(file, op, part);
		break;
	case OP_TRUNCATE:
		resize(file, (size_t)op->size);
		break;
	case OP_ALLOCATE:
		resize(file, end > file->size ? end : file->size);
		break;
	case OP_SYNC:
	case OP_SAID:
		break;
	}
}

static void put_folder(const struct disk *disk, int folder, const char *path)
{
	char below[300];
	for (size_t i = 0; i < disk->count; i++) {
		const struct name *name = &disk->names[i];
		const struct file *file = &disk->files[name->file];
		if (name->folder != folder) {
			continue;
		}
		(void)snprintf(below, sizeof(below), "%s/%s", path, name->name);
		if (name->is_folder) {
			(void)mkdir(below, 0700);
			put_folder(disk, name->file, below);
			continue;
		}
		int fd = open(below, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0
			|| (file->size > 0
				&& write(fd, file->octets, file->size)
					   != (ssize_t)file->size)) {
			broken(below);
		}
		(void)close(fd);
	}
}

/* How many ways a step that was not synced before the end may have gone. */
static unsigned ways_of(const struct op *ops, size_t i, size_t end)
{
	const struct op *op = &ops[i];
	if (op->kind == OP_SYNC || op->kind == OP_SAID) {
		return 1;
	}
	bool of_file = op->kind == OP_WRITE || op->kind == OP_TRUNCATE
		       || op->kind == OP_ALLOCATE;
	for (size_t j = i + 1; j < end; j++) {
		if (ops[j].kind != OP_SYNC) {
			continue;
		}
		if (of_file ? ops[j].file == op->file
			    : ops[j].file == op->folder
					|| (op->kind == OP_RENAME
						&& ops[j].file == op->folder2)) {
			return 1;
		}
	}
	return op->kind == OP_WRITE ? 4 : 2;
}

static void empty_folder(const char *path)
{
	char below[300];
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		(void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (unlink(below) != 0) {
			empty_folder(below);
			(void)rmdir(below);
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
}

/* The choice-th state at the moment before ops[end]. */
static void make_disk(const struct op *ops, size_t end, uint64_t choice)
{
	struct disk disk = {0};
	disk.files = calloc((size_t)trace_files(), sizeof(*disk.files));
	for (size_t i = 0; i < end; i++) {
		unsigned ways = ways_of(ops, i, end);
		enum part part = PART_ALL;
		if (ways > 1) {
			part = (enum part)(choice % ways);
			choice /= ways;
		}
		take_step(&disk, &ops[i], part);
	}
	empty_folder(top);
	put_folder(&disk, 0, top);
	for (int i = 0; i < trace_files(); i++) {
		free(disk.files[i].octets);
	}
	free(disk.files);
}

/* -- and what comes of it ------------------------------------------------------------ */

static struct {
	/** Sent; given up and kept. */
	unsigned sent[MESSAGES][RECIPIENTS], kept[MESSAGES][RECIPIENTS];
} found;

static enum envoi_queue_place look_in;

static int look(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_entry *entry = claim(context, look_in, id);
	(void)err;
	if (entry == NULL) {
		return 0;
	}
	unsigned message = number_of(entry);
	for (size_t i = 0; i < RECIPIENTS; i++) {
		enum envoi_fate fate = envoi_entry_verdicts(entry)[i].fate;
		found.sent[message][i] +=
			fate == ENVOI_FATE_WAITING && look_in == ENVOI_QUEUE_MAIL;
		found.kept[message][i] +=
			fate == ENVOI_FATE_FAILED || look_in == ENVOI_QUEUE_FAILED;
	}
	envoi_entry_free(entry);
	return 0;
}

static int count(void *context, const char *id, struct envoi_error *err)
{
	(void)id;
	(void)err;
	(*(unsigned *)context)++;
	return 0;
}

/* How it was told before the moment. */
struct told {
	bool stored, dropping, dropped, refused, reviving, revived;
	bool sent[RECIPIENTS], written[RECIPIENTS];
};

static void take_said(struct told *told, const struct op *op)
{
	switch (op->said) {
	case 'S':
		told->stored = true;
		break;
	case 'D':
		told->sent[op->recipient] = true;
		break;
	case 'C':
		told->written[op->recipient] = true;
		break;
	case 'F':
		told->refused = true;
		break;
	case 'f':
		told->reviving = true;
		break;
	case 'W':
		told->revived = true;
		break;
	case 'x':
		told->dropping = true;
		break;
	case 'X':
		told->dropped = true;
		break;
	default:
		break;
	}
}

static const char *judge_recipient(const struct told *told, unsigned message, size_t i)
{
	unsigned sent = found.sent[message][i], kept = found.kept[message][i];
	unsigned all = sent + kept + (told->sent[i] ? 1 : 0);
	if (told->dropped ? sent + kept > 0 : sent + kept > 1) {
		return "it is there, and should not";
	}
	if (all == 0 && told->stored && !told->dropping) {
		return "a recipient got nothing";
	}
	if (told->sent[i] && told->written[i] && sent > 0) {
		return "it was written down, and is sent again";
	}
	if (told->refused && !told->reviving && sent > 0) {
		return "it was refused, and is sent again";
	}
	if (told->revived && kept > 0) {
		return "it was to be sent again, and is not";
	}
	return NULL;
}

static const char *judge(const struct op *ops, size_t end, unsigned corrupt)
{
	if (corrupt > 0) {
		return "it is damaged";
	}
	for (unsigned m = 0; m < MESSAGES; m++) {
		struct told told = {0};
		for (size_t i = 0; i < end; i++) {
			if (ops[i].kind == OP_SAID && ops[i].message == m) {
				take_said(&told, &ops[i]);
			}
		}
		for (size_t i = 0; i < RECIPIENTS; i++) {
			const char *fault = judge_recipient(&told, m, i);
			if (fault != NULL) {
				return fault;
			}
			if (!told.stored && found.sent[m][i] != found.sent[m][0]) {
				return "some of the recipients";
			}
		}
	}
	return NULL;
}

static void check_state(
	const char *scenario, const struct op *ops, size_t end, uint64_t choice)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	unsigned corrupt = 0;
	make_disk(ops, end, choice);
	memset(&found, 0, sizeof(found));
	struct envoi_queue *queue = open_queue();
	envoi_queue_sweep(queue);
	for (look_in = ENVOI_QUEUE_MAIL; look_in <= ENVOI_QUEUE_FAILED; look_in++) {
		scan(queue, look_in, look);
	}
	expect(envoi_queue_scan(queue, ENVOI_QUEUE_CORRUPT, count, &corrupt, &err), &err);
	envoi_queue_close(queue);
	const char *fault = judge(ops, end, corrupt);
	if (fault == NULL) {
		passed++;
	} else if (failed++ < 20) {
		printf("%s, power lost before step %zu, state %llu: %s\n", scenario, end,
			(unsigned long long)choice, fault);
	}
}

static void check_moment(const char *scenario, const struct op *ops, size_t end)
{
	uint64_t states = 1;
	for (size_t i = 0; i < end; i++) {
		unsigned ways = ways_of(ops, i, end);
		if (states < UINT64_MAX / 8) {
			states *= ways;
		}
	}
	for (uint64_t i = 0; i < states && i < STATES; i++) {
		uint64_t chance = (uint64_t)rand() << 31 ^ (uint64_t)rand();
		check_state(scenario, ops, end, states <= STATES ? i : chance % states);
	}
}

static const struct scenario {
	const char *name;
	void (*run)(struct envoi_queue *queue);
	bool named;
} scenarios[] = {
	{"store", do_store, false},
	{"store by tmp/", do_store, true},
	{"run", do_run, false},
	{"fail and revive", do_fail, false},
	{"remove", do_remove, false},
};

static void try_scenario(const struct scenario *scenario)
{
	size_t n;
	unsigned before = passed + failed;
	empty_folder(top);
	trace_hide_proc(scenario->named);
	trace_begin(top);
	struct envoi_queue *queue = open_queue();
	begin_at = 0;
	for (unsigned i = 0; i < MESSAGES; i++) {
		store(queue, i);
	}
	const struct op *ops = trace_ops(&n);
	if (scenario->run != do_store) {
		begin_at = n;
		scenario->run(queue);
		ops = trace_ops(&n);
	}
	trace_end();
	envoi_queue_close(queue);
	trace_hide_proc(false);
	for (size_t end = begin_at; end <= n; end++) {
		check_moment(scenario->name, ops, end);
	}
	trace_clear();
	printf("%s: %zu steps, %u states\n", scenario->name, n - begin_at,
		passed + failed - before);
}

int main(void)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(top, sizeof(top), "%s/envoi-power-XXXXXX", base);
	if (mkdtemp(top) == NULL) {
		perror(top);
		return 1;
	}
	(void)snprintf(spool, sizeof(spool), "%s/state/queue", top);
	srand(1);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		try_scenario(&scenarios[i]);
	}
	empty_folder(top);
	(void)rmdir(top);
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
