/*
 * Each system call of each thing the queue does, and what if it fails or the
 * process dies there. Then somebody comes with a sound machine, and delivers
 * what is there; the log of that tells whether everything was kept, and nothing
 * sent twice:
 *
 * - what was said to be stored is delivered, to each recipient, once;
 * - what was said not to be stored is never delivered;
 * - twice only where the process was killed, or could not write, behind the
 *   delivery and before that was on disk;
 * - what counts as stored, or is removed, is on disk.
 *
 * Prints a line for each fault, and last the counts.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <envoi/queue.h>

#include "shim.h"

#define RECIPIENTS 3

static char folder[64];
static int report[2];
static unsigned passed, failed;

static const char text[] = "Subject: a message\r\n\r\nHello\r\n";
static const struct envoi_queue_recipient recipients[RECIPIENTS] = {
	{.address = "a@example.org"},
	{.address = "b@example.org"},
	{.address = "c@example.org"},
};

/* What a child says: S stored, N not stored, 0.. delivered to that recipient, L a
 * delivery that could not be written down, R removed, X not removed, F failed/. */
static void say(char c)
{
	if (write(report[1], &c, 1) != 1) {
		abort();
	}
}

static struct envoi_queue *open_queue(struct envoi_error *err)
{
	struct envoi_queue *queue = NULL;
	const struct envoi_queue_options options = {.create = true};
	(void)envoi_queue_open(folder, &options, &queue, err);
	return queue;
}

static void path_of(char path[200], const struct envoi_entry *entry)
{
	(void)snprintf(path, 200, "%s/mail/%s", folder, envoi_entry_id(entry));
}

/* -- what is done ------------------------------------------------------------------ */

static int store_message(struct envoi_queue *queue, struct envoi_error *err)
{
	struct envoi_draft *draft = NULL;
	struct envoi_entry *entry = NULL;
	const struct envoi_queue_envelope envelope = {.sender = "me@example.org",
		.recipients = recipients,
		.count = RECIPIENTS};
	if (envoi_draft_new(queue, &draft, err) != 0) {
		return -1;
	}
	if (envoi_draft_address(draft, &envelope, sizeof(text) - 1, err) != 0
		|| envoi_draft_put(draft, text, sizeof(text) - 1, err) != 0) {
		envoi_draft_free(draft);
		return -1;
	}
	if (envoi_draft_commit(draft, &entry, err) != 0) {
		return -1;
	}
	char path[200];
	path_of(path, entry);
	if (!shim_is_durable(path)) {
		say('!');
	}
	envoi_entry_free(entry);
	return 0;
}

static void do_submit(struct envoi_queue *queue)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	say(store_message(queue, &err) == 0 ? 'S' : 'N');
}

/* The last one takes the message with it. */
static int settle(struct envoi_entry *entry, size_t i, struct envoi_error *err)
{
	const struct envoi_verdict done = {.fate = ENVOI_FATE_DELIVERED, .code = 250};
	return i + 1 < RECIPIENTS ? envoi_entry_settle(entry, &i, 1, &done, err)
				  : envoi_entry_finish(entry, &i, 1, &done, err);
}

static int deliver_entry(
	struct envoi_queue *queue, struct envoi_entry *entry, struct envoi_error *err)
{
	for (size_t i = 0; i < RECIPIENTS; i++) {
		if (envoi_entry_verdicts(entry)[i].fate != ENVOI_FATE_WAITING) {
			continue;
		}
		if (envoi_entry_reserve(entry, err) != 0) {
			return -1;
		}
		say((char)('0' + i));
		if (settle(entry, i, err) != 0) {
			say('L');
			return -1;
		}
	}
	char path[200];
	path_of(path, entry);
	if (access(path, F_OK) == 0 && !shim_is_synced(path)) {
		say('!');
	}
	if (envoi_entry_remove(entry, err) != 0 || envoi_queue_sync(queue, err) != 0) {
		return -1;
	}
	/* It has no name, and that is on disk; where the unlink failed first, the
	 * record is. */
	if (!shim_is_durable(path) && !shim_fired()) {
		say('!');
	}
	return 0;
}

static int deliver_one(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_queue *queue = context;
	struct envoi_entry *entry = NULL;
	if (envoi_queue_claim(queue, ENVOI_QUEUE_MAIL, id, &entry, err)
		== ENVOI_QUEUE_GOT) {
		(void)deliver_entry(queue, entry, err);
		envoi_entry_free(entry);
	}
	return 0;
}

static void do_run(struct envoi_queue *queue)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	envoi_queue_sweep(queue);
	(void)envoi_queue_scan(queue, ENVOI_QUEUE_MAIL, deliver_one, queue, &err);
}

static int remove_one(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_entry *entry = NULL;
	if (envoi_queue_claim(context, ENVOI_QUEUE_MAIL, id, &entry, err)
		== ENVOI_QUEUE_GOT) {
		say(envoi_entry_remove(entry, err) == 0 ? 'R' : 'X');
		envoi_entry_free(entry);
	}
	return 0;
}

static void do_remove(struct envoi_queue *queue)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	(void)envoi_queue_scan(queue, ENVOI_QUEUE_MAIL, remove_one, queue, &err);
}

/* To failed/ and back. */
static int fail_one(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_entry *entry = NULL;
	const size_t all[RECIPIENTS] = {0, 1, 2};
	const struct envoi_verdict refused = {.fate = ENVOI_FATE_FAILED, .code = 550};
	if (envoi_queue_claim(context, ENVOI_QUEUE_MAIL, id, &entry, err)
		== ENVOI_QUEUE_GOT) {
		if (envoi_entry_settle(entry, all, RECIPIENTS, &refused, err) == 0
			&& envoi_entry_fail(entry, err) == 0) {
			say('F');
		}
		envoi_entry_free(entry);
	}
	return 0;
}

static int revive_one(void *context, const char *id, struct envoi_error *err)
{
	struct envoi_entry *entry = NULL;
	if (envoi_queue_claim(context, ENVOI_QUEUE_FAILED, id, &entry, err)
		== ENVOI_QUEUE_GOT) {
		(void)envoi_entry_revive(entry, 1, err);
		envoi_entry_free(entry);
	}
	return 0;
}

static void do_fail(struct envoi_queue *queue)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	(void)envoi_queue_scan(queue, ENVOI_QUEUE_MAIL, fail_one, queue, &err);
	(void)envoi_queue_scan(queue, ENVOI_QUEUE_FAILED, revive_one, queue, &err);
}

/* What was refused or not: all to be delivered again. */
static void do_recover(struct envoi_queue *queue)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	(void)envoi_queue_scan(queue, ENVOI_QUEUE_MAIL, fail_one, queue, &err);
	(void)envoi_queue_scan(queue, ENVOI_QUEUE_FAILED, revive_one, queue, &err);
	do_run(queue);
}

static const struct scenario {
	const char *name;
	void (*run)(struct envoi_queue *queue);
	void (*recover)(struct envoi_queue *queue);
	unsigned messages;
	bool named;
} scenarios[] = {
	{"submit", do_submit, do_run, 0, false},
	{"submit by tmp/", do_submit, do_run, 0, true},
	{"run", do_run, do_run, 2, false},
	{"remove", do_remove, do_run, 1, false},
	{"fail and revive", do_fail, do_recover, 1, false},
};

/* -- children ---------------------------------------------------------------------- */

/* With the fault; was it met? */
static bool act(void (*run)(struct envoi_queue *queue), enum fault fault, long n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	shim_on(fault, n);
	struct envoi_queue *queue = open_queue(&err);
	if (queue != NULL) {
		run(queue);
	} else {
		say('N');
	}
	envoi_queue_close(queue);
	(void)shim_off();
	return shim_fired();
}

static void listen_to(char *said, size_t room)
{
	size_t used = strlen(said);
	ssize_t got;
	(void)close(report[1]);
	while ((got = read(report[0], said + used, room - used - 1)) > 0) {
		used += (size_t)got;
	}
	said[used] = '\0';
	(void)close(report[0]);
}

enum ended {
	ENDED,
	ENDED_WITH_FAULT,
	KILLED,
	BROKE_DOWN,
};

/* Runs it; what it said is appended to said. What may be killed is a child. */
static enum ended play(void (*run)(struct envoi_queue *queue), enum fault fault, long n,
	char *said, size_t room)
{
	bool met = false;
	int status = 0;
	if (pipe(report) != 0) {
		abort();
	}
	if (fault == FAULT_KILL_BEFORE || fault == FAULT_KILL_AFTER) {
		(void)fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			_exit(act(run, fault, n) ? 1 : 0);
		}
		(void)waitpid(pid, &status, 0);
		met = WIFEXITED(status) && WEXITSTATUS(status) == 1;
	} else {
		met = act(run, fault, n);
	}
	listen_to(said, room);
	if (WIFSIGNALED(status)) {
		return KILLED;
	}
	return WEXITSTATUS(status) > 1 ? BROKE_DOWN : met ? ENDED_WITH_FAULT : ENDED;
}

/* Counts the names in a folder of the spool, or removes it. */
static size_t each_name(const char *place, bool delete)
{
	char path[400];
	size_t n = 0;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, place);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			n++;
			if (delete) {
				(void)unlinkat(dirfd(dir), entry->d_name, 0);
			}
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	if (delete) {
		(void)rmdir(path);
	}
	return n;
}

static const char *const places[] = {"mail", "tmp", "failed", "corrupt"};

static void clean(void)
{
	for (size_t i = 0; i < 4; i++) {
		(void)each_name(places[i], true);
	}
}

static size_t count_of(const char *said, char c)
{
	size_t n = 0;
	for (; *said != '\0'; said++) {
		n += *said == c;
	}
	return n;
}

/* The messages of the scenario were stored before, a faulty child said said. */
static const char *judge(const struct scenario *scenario, bool killed, const char *said)
{
	size_t stored = scenario->messages + count_of(said, 'S');
	size_t lost = count_of(said, 'L');
	size_t removed = count_of(said, 'R'), maybe_removed = count_of(said, 'X');
	if (count_of(said, '!') > 0) {
		return "not on disk when it has to be";
	}
	if (scenario->run == do_remove && killed) {
		maybe_removed++;
	}
	size_t most = stored - removed;
	size_t least = most > maybe_removed ? most - maybe_removed : 0;
	if (scenario->run == do_submit && killed && stored == 0) {
		most = 1;
	}
	for (char c = '0'; c < '0' + RECIPIENTS; c++) {
		size_t n = count_of(said, c);
		if (n < least) {
			return "a recipient got nothing";
		}
		if (n > most + lost + (killed && scenario->run == do_run)) {
			return "a recipient got too many";
		}
	}
	for (size_t i = 0; i < 4; i++) {
		if (each_name(places[i], false) > 0) {
			return "something is left over";
		}
	}
	return NULL;
}

static void prepare(const struct scenario *scenario)
{
	char said[100] = "";
	clean();
	for (unsigned i = 0; i < scenario->messages; i++) {
		(void)play(do_submit, FAULT_NONE, 0, said, sizeof(said));
	}
	if (count_of(said, 'S') != scenario->messages) {
		abort();
	}
}

/* False: there is no n-th call. */
static bool try_fault(const struct scenario *scenario, enum fault fault, long n)
{
	char said[200] = "";
	prepare(scenario);
	enum ended ended = play(scenario->run, fault, n, said, sizeof(said));
	if (ended == ENDED) {
		return false;
	}
	size_t before = strlen(said);
	(void)play(scenario->recover, FAULT_NONE, 0, said, sizeof(said));
	const char *fault_found = ended == BROKE_DOWN
					  ? "the program broke down"
					  : judge(scenario, ended == KILLED, said);
	if (fault_found != NULL) {
		printf("%s, call %ld %s: %s (%.*s, then %s)\n", scenario->name, n,
			fault_names[fault], fault_found, (int)before, said,
			said + before);
		failed++;
	} else {
		passed++;
	}
	return true;
}

/* -- several at once --------------------------------------------------------------- */

static void check(const char *what, bool good)
{
	if (good) {
		passed++;
	} else {
		printf("FAILED: %s\n", what);
		failed++;
	}
}

/* Runners that all begin now, some of which are killed at a call by chance. */
static void try_runners(
	unsigned runners, unsigned messages, bool kill_some, unsigned seed)
{
	char said[4000] = "";
	unsigned killed = 0;
	clean();
	for (unsigned i = 0; i < messages; i++) {
		(void)play(do_submit, FAULT_NONE, 0, said, sizeof(said));
	}
	said[0] = '\0';
	int start[2];
	if (pipe(report) != 0 || pipe(start) != 0) {
		abort();
	}
	(void)fflush(NULL);
	srand(seed);
	for (unsigned i = 0; i < runners; i++) {
		long at = kill_some ? 30 + rand() % 300 : 0;
		if (fork() == 0) {
			struct envoi_error err = ENVOI_ERROR_NONE;
			char c;
			(void)close(start[1]);
			if (read(start[0], &c, 1) != 0) {
				abort();
			}
			shim_slow(true);
			shim_on(kill_some ? FAULT_KILL_AFTER : FAULT_NONE, at);
			struct envoi_queue *queue = open_queue(&err);
			do_run(queue);
			envoi_queue_close(queue);
			_exit(0);
		}
	}
	/* All at once. */
	(void)close(start[0]);
	(void)close(start[1]);
	listen_to(said, sizeof(said));
	for (unsigned i = 0; i < runners; i++) {
		int status = 0;
		(void)wait(&status);
		killed += WIFSIGNALED(status) ? 1 : 0;
	}
	(void)play(do_run, FAULT_NONE, 0, said, sizeof(said));
	size_t sum = 0;
	for (char c = '0'; c < '0' + RECIPIENTS; c++) {
		sum += count_of(said, c);
		check("every message is delivered", count_of(said, c) >= messages);
	}
	/* One at most for each that was killed. */
	check("no message is delivered twice", sum <= messages * RECIPIENTS + killed);
	check("nothing is left over", each_name("mail", false) == 0);
}

/* -- damaged files ----------------------------------------------------------------- */

static struct envoi_queue *damage_queue;
static char damage_id[ENVOI_QUEUE_ID_SIZE];

static int keep_id(void *context, const char *id, struct envoi_error *err)
{
	(void)context;
	(void)err;
	(void)snprintf(damage_id, sizeof(damage_id), "%s", id);
	return 0;
}

/* Puts these octets in place of the message, and claims it. */
static int claim_octets(const char *octets, size_t n, struct envoi_entry **ret_entry)
{
	char path[200], corrupt[200];
	struct envoi_error err;
	(void)snprintf(path, sizeof(path), "%s/mail/%s", folder, damage_id);
	(void)snprintf(corrupt, sizeof(corrupt), "%s/corrupt/%s", folder, damage_id);
	(void)unlink(corrupt);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0 || write(fd, octets, n) != (ssize_t)n) {
		abort();
	}
	(void)close(fd);
	*ret_entry = NULL;
	int result = envoi_queue_claim(
		damage_queue, ENVOI_QUEUE_MAIL, damage_id, ret_entry, &err);
	check("what is damaged is in corrupt/", result == ENVOI_QUEUE_BAD
							? access(corrupt, F_OK) == 0
							: access(path, F_OK) == 0);
	return result;
}

/* A message of which one recipient has it. */
static size_t make_half(char *octets, size_t room, size_t *ret_whole)
{
	char path[200], said[100] = "";
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_entry *entry = NULL;
	struct stat st;
	const size_t first = 0;
	const struct envoi_verdict done = {.fate = ENVOI_FATE_DELIVERED, .text = "Ok"};
	clean();
	(void)play(do_submit, FAULT_NONE, 0, said, sizeof(said));
	damage_queue = open_queue(&err);
	(void)envoi_queue_scan(damage_queue, ENVOI_QUEUE_MAIL, keep_id, NULL, &err);
	(void)snprintf(path, sizeof(path), "%s/mail/%s", folder, damage_id);
	if (envoi_queue_claim(damage_queue, ENVOI_QUEUE_MAIL, damage_id, &entry, &err)
			!= ENVOI_QUEUE_GOT
		|| stat(path, &st) != 0
		|| envoi_entry_settle(entry, &first, 1, &done, &err) != 0) {
		abort();
	}
	*ret_whole = (size_t)st.st_size;
	envoi_entry_free(entry);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, octets, room);
	(void)close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void try_damage(void)
{
	static char octets[2000];
	size_t whole;
	size_t n = make_half(octets, sizeof(octets), &whole);
	struct envoi_entry *entry;
	for (size_t cut = 0; cut <= n; cut++) {
		int result = claim_octets(octets, cut, &entry);
		check("a message that was cut is not sent",
			(result == ENVOI_QUEUE_GOT) == (cut >= whole));
		if (result == ENVOI_QUEUE_GOT) {
			check("a record counts when it is whole",
				envoi_entry_count(entry, ENVOI_FATE_DELIVERED)
					== (cut == n ? 1 : 0));
		}
		envoi_entry_free(entry);
	}
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			octets[i] = (char)(octets[i] ^ 1 << bit);
			check("what was changed is noticed",
				claim_octets(octets, n, &entry) != ENVOI_QUEUE_GOT);
			envoi_entry_free(entry);
			octets[i] = (char)(octets[i] ^ 1 << bit);
		}
	}
	envoi_queue_close(damage_queue);
	clean();
}

int main(int argc, char **argv)
{
	/* The price of a sync is not what is looked at here. */
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	base = argc > 1 ? argv[1] : base;
	bool is_long = getenv("ENVOI_LONG") != NULL;
	(void)snprintf(folder, sizeof(folder), "%s/envoi-fault-XXXXXX", base);
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		return 1;
	}
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		long calls = 0;
		shim_hide_proc(scenarios[i].named);
		for (enum fault fault = FAULT_KILL_BEFORE; fault < FAULT_COUNT; fault++) {
			long n = 1;
			while (try_fault(&scenarios[i], fault, n)) {
				n++;
			}
			calls = n - 1;
		}
		printf("%s: %ld system calls\n", scenarios[i].name, calls);
	}
	shim_hide_proc(false);
	for (unsigned i = 0; i < (is_long ? 200 : 4); i++) {
		try_runners(2 + i % 7, is_long ? 100 : 20, i % 2 == 1, i);
	}
	printf("several runners done\n");
	try_damage();
	printf("damaged files done\n");
	clean();
	(void)rmdir(folder);
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
