/*
 * Runs a fuzz target over files: each argument is a file, or a folder whose
 * files are taken. Ends with 1 when there was none; a failure is an abort of
 * the target, or a sanitizer's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return -1;
	}
	uint8_t *data = NULL;
	size_t n = 0;
	size_t got;
	do {
		/* As big as the content at the end, for sanitizers to see. */
		uint8_t *more = realloc(data, n + 4096);
		if (more == NULL) {
			abort();
		}
		data = more;
		got = fread(data + n, 1, 4096, file);
		n += got;
	} while (got > 0);
	(void)fclose(file);
	uint8_t *exact = malloc(n > 0 ? n : 1);
	if (exact == NULL) {
		abort();
	}
	memcpy(exact, data, n);
	free(data);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

static int replay(const char *path, size_t *count)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		(*count)++;
		return replay_file(path);
	}
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	int result = n < 0 ? -1 : 0;
	for (int i = 0; i < n; i++) {
		char child[4096];
		(void)snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && result == 0) {
			/* Named first: an abort tells no more. */
			(void)printf("%s\n", child);
			(void)fflush(stdout);
			(*count)++;
			result = replay_file(child);
		}
		free(names[i]);
	}
	if (n >= 0) {
		free(names);
	}
	return result;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i], &count) != 0) {
			return 1;
		}
	}
	(void)printf("%zu inputs\n", count);
	return count > 0 ? 0 : 1;
}
