/*
 * Listing a Maildir, and finding a message again; see the header.
 *
 *   name   = unique [ ":" info ]       ; info: "2," and flags
 *   unique = time "." rest             ; by custom
 *
 * A reader of mail moves files from new/ to cur/ and changes the info at any
 * time. So a folder is listed new/ first: a file that moves while it is
 * listed is seen twice, and not never; the second one is dropped.
 */
#include "message/maildir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/stat.h>

#include "message/source.h"

struct envoi_maildir_list {
	char **paths;
	size_t count;
	size_t next;
};

static const char *const parts[] = {"new", "cur"};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static char *join(const char *folder, const char *part, const char *name)
{
	size_t n = strlen(folder);
	size_t size = n + strlen(part) + strlen(name) + 3;
	char *path = malloc(size);
	if (path != NULL) {
		const char *slash = n > 0 && folder[n - 1] == '/' ? "" : "/";
		(void)snprintf(path, size, "%s%s%s%s%s", folder, slash, part,
			*name != '\0' ? "/" : "", name);
	}
	return path;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

bool envoi_maildir_is(const char *path)
{
	for (size_t i = 0; i < PARTS; i++) {
		struct stat st;
		char *part = join(path, parts[i], "");
		bool is = part != NULL && stat(part, &st) == 0 && S_ISDIR(st.st_mode);
		free(part);
		if (!is) {
			return false;
		}
	}
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes a number off both and compares them. */
static int compare_numbers(const char **a, const char **b)
{
	while (**a == '0') {
		(*a)++;
	}
	while (**b == '0') {
		(*b)++;
	}
	size_t na = strspn(*a, "0123456789");
	size_t nb = strspn(*b, "0123456789");
	if (na != nb) {
		return na < nb ? -1 : 1;
	}
	int result = strncmp(*a, *b, na);
	*a += na;
	*b += nb;
	return result;
}

static bool is_end(char c)
{
	return c == '\0' || c == ':';
}

/* Unique names, by numbers where both have one, else octet by octet; names
 * with a time come first. */
static int compare_names(const char *a, const char *b)
{
	if (is_digit(*a) != is_digit(*b)) {
		return is_digit(*a) ? -1 : 1;
	}
	while (!is_end(*a) && !is_end(*b)) {
		int result;
		if (is_digit(*a) && is_digit(*b)) {
			result = compare_numbers(&a, &b);
		} else {
			result = (unsigned char)*a - (unsigned char)*b;
			a++;
			b++;
		}
		if (result != 0) {
			return result;
		}
	}
	return !is_end(*a) - !is_end(*b);
}

static int compare_paths(const void *a, const void *b)
{
	const char *first = *(const char *const *)a;
	const char *second = *(const char *const *)b;
	int result = compare_names(name_of(first), name_of(second));
	if (result == 0) {
		result = strcmp(name_of(first), name_of(second));
	}
	return result != 0 ? result : strcmp(first, second);
}

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

static int add(struct envoi_maildir_list *maildir, char *path, struct envoi_error *err)
{
	size_t n = maildir->count;
	/* Grown at powers of two. */
	if (path != NULL && (n & (n - 1)) == 0) {
		char **grown =
			realloc(maildir->paths, (n == 0 ? 1 : n * 2) * sizeof(*grown));
		if (grown == NULL) {
			free(path);
			return no_memory(err);
		}
		maildir->paths = grown;
	}
	if (path == NULL) {
		return no_memory(err);
	}
	maildir->paths[maildir->count++] = path;
	return 0;
}

static int list(struct envoi_maildir_list *maildir, const char *folder, const char *part,
	struct envoi_error *err)
{
	char *path = join(folder, part, "");
	if (path == NULL) {
		return no_memory(err);
	}
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int result = 0;
	while (dir != NULL && result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			result = add(maildir, join(folder, part, entry->d_name), err);
		}
	}
	if (result == 0 && errno != 0) {
		int sys = errno;
		result = envoi_error_sys(err, envoi_source_open_status(sys), sys,
			"cannot read the folder '%.200s'", path);
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	free(path);
	return result;
}

static size_t unique_length(const char *name)
{
	return strcspn(name, ":");
}

static bool is_same(const char *a, const char *b)
{
	size_t n = unique_length(a);
	return n == unique_length(b) && strncmp(a, b, n) == 0;
}

/* One of each unique name, the later one: that is where it went. */
static void drop_doubles(struct envoi_maildir_list *maildir)
{
	size_t kept = 0;
	for (size_t i = 0; i < maildir->count; i++) {
		char *path = maildir->paths[i];
		if (kept > 0
			&& is_same(name_of(maildir->paths[kept - 1]), name_of(path))) {
			free(maildir->paths[--kept]);
		}
		maildir->paths[kept++] = path;
	}
	maildir->count = kept;
}

int envoi_maildir_list_open(const char *path, struct envoi_maildir_list **ret_maildir,
	struct envoi_error *err)
{
	struct envoi_maildir_list *maildir = calloc(1, sizeof(*maildir));
	if (maildir == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < PARTS; i++) {
		if (list(maildir, path, parts[i], err) != 0) {
			envoi_maildir_list_free(maildir);
			return -1;
		}
	}
	if (maildir->count > 0) {
		qsort(maildir->paths, maildir->count, sizeof(char *), compare_paths);
		drop_doubles(maildir);
	}
	*ret_maildir = maildir;
	return 0;
}

const char *envoi_maildir_list_next(struct envoi_maildir_list *maildir)
{
	return maildir->next < maildir->count ? maildir->paths[maildir->next++] : NULL;
}

void envoi_maildir_list_free(struct envoi_maildir_list *maildir)
{
	if (maildir != NULL) {
		for (size_t i = 0; i < maildir->count; i++) {
			free(maildir->paths[i]);
		}
		free(maildir->paths);
		free(maildir);
	}
}

static char *find_in(const char *folder, const char *part, const char *name)
{
	char *path = join(folder, part, "");
	DIR *dir = path != NULL ? opendir(path) : NULL;
	char *found = NULL;
	const struct dirent *entry;
	while (dir != NULL && found == NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && is_same(entry->d_name, name)) {
			found = join(folder, part, entry->d_name);
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	free(path);
	return found;
}

char *envoi_maildir_find(const char *path)
{
	/* FOLDER/cur/NAME */
	const char *name = name_of(path);
	size_t n = (size_t)(name - path);
	char *folder = strdup(path);
	if (folder == NULL || n < sizeof("cur/")) {
		free(folder);
		return NULL;
	}
	folder[n - (sizeof("cur/") - 1)] = '\0';
	char *found = NULL;
	/* Moves go from new/ to cur/ only. */
	for (size_t i = 0; i < PARTS && found == NULL; i++) {
		found = find_in(folder, parts[i], name);
	}
	free(folder);
	return found;
}
