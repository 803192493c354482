/*
 * Conversations of a folder, one after the other; see the header.
 */
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "play.h"
#include "play_internal.h"
#include "text.h"

struct folder {
	bool (*hold)(const struct conversation *conversation, size_t *times);
	bool verbose;
	/** Where files are written. */
	char scratch[64];
	size_t held, failed, unfit, times;
	/** Why some were not held, each reason once. */
	const char *reasons[40];
	size_t counts[40], reason_count;
};

static void note_unfit(struct folder *folder, const char *path, const char *why)
{
	folder->unfit++;
	if (folder->verbose) {
		(void)printf("%s: not held: %s\n", path, why);
	}
	for (size_t i = 0; i < folder->reason_count; i++) {
		if (strcmp(folder->reasons[i], why) == 0) {
			folder->counts[i]++;
			return;
		}
	}
	if (folder->reason_count < sizeof(folder->counts) / sizeof(folder->counts[0])) {
		folder->counts[folder->reason_count] = 1;
		folder->reasons[folder->reason_count++] = why;
	}
}

static void remove_files(const struct conversation *c)
{
	for (size_t i = 0; i < c->blob_count; i++) {
		(void)unlink(c->blobs[i].name);
	}
}

static void hold_file(struct folder *folder, const char *path)
{
	struct conversation c;
	struct order order;
	char error[300] = "";
	if (conversation_read(path, &c, error, sizeof(error)) != 0) {
		(void)printf("%s\n", error);
		folder->failed++;
		conversation_finish(&c);
		return;
	}
	const char *why = c.unfit;
	if (why == NULL) {
		why = order_make(&order, &c);
		order_finish(&order);
	}
	if (why != NULL) {
		note_unfit(folder, path, why);
	} else {
		play_write_files(&c);
		if (folder->hold(&c, &folder->times)) {
			folder->held++;
		} else {
			folder->failed++;
		}
		remove_files(&c);
	}
	conversation_finish(&c);
}

static bool is_conversation(const char *name)
{
	static const char ending[] = ".dialogue";
	size_t n = strlen(name);
	return n > sizeof(ending) - 1
	       && strcmp(name + n - sizeof(ending) + 1, ending) == 0;
}

static void hold_folder(struct folder *folder, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		struct envoi_buffer child;
		text_init(&child);
		text_printf(&child, "%s/%s", path, names[i]->d_name);
		if (is_conversation(names[i]->d_name)) {
			hold_file(folder, envoi_buffer_string(&child));
		}
		envoi_buffer_finish(&child);
		free(names[i]);
	}
	if (n >= 0) {
		free(names);
	}
}

static void hold_path(struct folder *folder, const char *path)
{
	struct stat st;
	char home[4096];
	if (stat(path, &st) != 0) {
		perror(path);
		folder->failed++;
		return;
	}
	if (getcwd(home, sizeof(home)) == NULL || chdir(folder->scratch) != 0) {
		perror(folder->scratch);
		exit(2);
	}
	struct envoi_buffer absolute;
	text_init(&absolute);
	text_printf(&absolute, "%s%s%s", path[0] == '/' ? "" : home,
		path[0] == '/' ? "" : "/", path);
	const char *real = envoi_buffer_string(&absolute);
	if (S_ISDIR(st.st_mode)) {
		hold_folder(folder, real);
	} else {
		hold_file(folder, real);
	}
	envoi_buffer_finish(&absolute);
	if (chdir(home) != 0) {
		perror(home);
		exit(2);
	}
}

int folder_main(int argc, char **argv,
	bool (*hold)(const struct conversation *conversation, size_t *times))
{
	struct folder folder = {.hold = hold};
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(folder.scratch, sizeof(folder.scratch), "%s/conversations-XXXXXX",
		tmp != NULL && strlen(tmp) < 30 ? tmp : "/tmp");
	if (mkdtemp(folder.scratch) == NULL) {
		perror(folder.scratch);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0) {
			folder.verbose = true;
		} else {
			hold_path(&folder, argv[i]);
		}
	}
	if (rmdir(folder.scratch) != 0) {
		perror(folder.scratch);
	}
	(void)printf("%zu conversations held %zu times, %zu failed, %zu not held\n",
		folder.held, folder.times, folder.failed, folder.unfit);
	for (size_t i = 0; i < folder.reason_count; i++) {
		(void)printf(
			"  not held: %zu: %s\n", folder.counts[i], folder.reasons[i]);
	}
	(void)fflush(stdout);
	return folder.failed == 0 && folder.held > 0 ? 0 : 1;
}
