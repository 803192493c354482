/*
 * Looking types up; see the header. Of the globs that match the one of the
 * highest weight counts, of these the longest, of these one that regards case,
 * then the first (shared-mime-info 0.21, "Recommended checking order").
 */
#include "message/mime_type.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/span.h"

const struct envoi_mime_files envoi_mime_system = {
	.globs = "/usr/share/mime/globs2",
	.types = "/etc/mime.types",
};

static const struct {
	const char *extension;
	const char *type;
} common[] = {
	{"7z", "application/x-7z-compressed"},
	{"bz2", "application/x-bzip2"},
	{"conf", "text/plain"},
	{"css", "text/css"},
	{"csv", "text/csv"},
	{"diff", "text/x-patch"},
	{"doc", "application/msword"},
	{"docx", "application/"
		 "vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"eml", "message/rfc822"},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"htm", "text/html"},
	{"html", "text/html"},
	{"ics", "text/calendar"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"json", "application/json"},
	{"log", "text/plain"},
	{"md", "text/markdown"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"odp", "application/vnd.oasis.opendocument.presentation"},
	{"ods", "application/vnd.oasis.opendocument.spreadsheet"},
	{"odt", "application/vnd.oasis.opendocument.text"},
	{"ogg", "audio/ogg"},
	{"patch", "text/x-patch"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"ppt", "application/vnd.ms-powerpoint"},
	{"pptx", "application/vnd.openxmlformats-officedocument.presentationml."
		 "presentation"},
	{"ps", "application/postscript"},
	{"rtf", "application/rtf"},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"tiff", "image/tiff"},
	{"txt", "text/plain"},
	{"vcf", "text/vcard"},
	{"webp", "image/webp"},
	{"xls", "application/vnd.ms-excel"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"xml", "application/xml"},
	{"xz", "application/x-xz"},
	{"zip", "application/zip"},
	{"zst", "application/zstd"},
};

/* token: all of ASCII but blanks, controls and these. */
static size_t token(const char *text)
{
	size_t n = 0;
	while (text[n] > ' ' && text[n] < 127
		&& strchr("()<>@,;:\\\"/[]?=", text[n]) == NULL) {
		n++;
	}
	return n;
}

bool envoi_mime_type_is_valid(const char *text)
{
	size_t n = token(text);
	if (n == 0 || n > 127 || text[n] != '/') {
		return false;
	}
	text += n + 1;
	n = token(text);
	return n > 0 && n <= 127 && text[n] == '\0';
}

static char fold_octet(char c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether c is in the set behind a "[". *ret_end is behind its "]"; NULL: it
 * has none. */
static bool set_has(const char *set, char c, bool fold, const char **ret_end)
{
	bool negated = *set == '!' || *set == '^';
	bool found = false;
	const char *p = set + negated;
	const char *first = p;
	while (*p != '\0' && (*p != ']' || p == first)) {
		unsigned char low = (unsigned char)fold_octet(*p, fold);
		unsigned char high = low;
		if (p[1] == '-' && p[2] != ']' && p[2] != '\0') {
			high = (unsigned char)fold_octet(p[2], fold);
			p += 2;
		}
		found = found || ((unsigned char)c >= low && (unsigned char)c <= high);
		p++;
	}
	*ret_end = *p == ']' ? p + 1 : NULL;
	return found != negated;
}

/* Matches one octet of name. Behind its part of the glob, or NULL. */
static const char *match_one(const char *glob, char c, bool fold)
{
	c = fold_octet(c, fold);
	if (*glob == '?') {
		return glob + 1;
	}
	if (*glob == '[') {
		const char *end;
		return set_has(glob + 1, c, fold, &end) ? end : NULL;
	}
	return *glob != '\0' && fold_octet(*glob, fold) == c ? glob + 1 : NULL;
}

bool envoi_mime_glob_matches(const char *glob, const char *name, bool fold)
{
	/* Where to try again: the last star, which takes one octet more. */
	const char *star = NULL;
	const char *taken = NULL;
	while (*name != '\0') {
		const char *next = NULL;
		if (*glob == '*') {
			star = ++glob;
			taken = name;
			continue;
		}
		next = match_one(glob, *name, fold);
		if (next != NULL) {
			glob = next;
			name++;
		} else if (star != NULL) {
			glob = star;
			name = ++taken;
		} else {
			return false;
		}
	}
	while (*glob == '*') {
		glob++;
	}
	return *glob == '\0';
}

/* The best match so far. */
struct best {
	const char *name;
	uint64_t weight;
	size_t length;
	bool cased;
	char *type;
};

static void offer(
	struct best *best, uint64_t weight, size_t length, bool cased, const char *type)
{
	bool better = best->length == 0 || weight > best->weight;
	if (!better && weight == best->weight) {
		better = length > best->length
			 || (length == best->length && cased && !best->cased);
	}
	if (better && envoi_mime_type_is_valid(type)) {
		best->weight = weight;
		best->length = length;
		best->cased = cased;
		(void)snprintf(best->type, ENVOI_MIME_TYPE_SIZE, "%s", type);
	}
}

/* WEIGHT:TYPE:GLOB[:FLAG[,FLAG]...] */
static void read_glob(struct best *best, char *line)
{
	uint64_t weight;
	char *type = strchr(line, ':');
	char *glob = type != NULL ? strchr(type + 1, ':') : NULL;
	if (*line == '#' || glob == NULL) {
		return;
	}
	*type++ = *glob++ = '\0';
	char *flags = strchr(glob, ':');
	if (flags != NULL) {
		*flags++ = '\0';
	}
	bool cased = flags != NULL
		     && envoi_span_equal((struct envoi_span){flags, strcspn(flags, ",:")},
			     envoi_span_of("cs"));
	if (*glob != '\0' && envoi_span_number(envoi_span_of(line), 1000, &weight) == 0
		&& envoi_mime_glob_matches(glob, best->name, !cased)) {
		offer(best, weight, strlen(glob), cased, type);
	}
}

/* Offers the type when the name ends in "." and the extension. */
static void try_extension(
	struct best *best, struct envoi_span extension, const char *type)
{
	size_t n = strlen(best->name);
	if (extension.len > 0 && n > extension.len
		&& best->name[n - extension.len - 1] == '.'
		&& envoi_span_equal_nocase(extension, best->name + n - extension.len)) {
		offer(best, 0, extension.len, false, type);
	}
}

/* TYPE EXTENSION... */
static void read_type(struct best *best, char *line)
{
	line[strcspn(line, "#")] = '\0';
	struct envoi_span rest = envoi_span_of(line);
	struct envoi_span type = envoi_span_word(&rest);
	struct envoi_span extension;
	char copy[ENVOI_MIME_TYPE_SIZE];
	if (type.len >= sizeof(copy)) {
		return;
	}
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)type.len, type.data);
	while ((extension = envoi_span_word(&rest)).len > 0) {
		try_extension(best, extension, copy);
	}
}

static void read_lines(
	const char *path, struct best *best, void (*take)(struct best *, char *))
{
	char line[4096];
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (file == NULL && fd >= 0) {
		(void)close(fd);
	}
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		take(best, line);
	}
	if (file != NULL) {
		(void)fclose(file);
	}
}

void envoi_mime_type_find(const struct envoi_mime_files *files, const char *name,
	char type[static ENVOI_MIME_TYPE_SIZE])
{
	const char *slash = strrchr(name, '/');
	struct best best = {.name = slash != NULL ? slash + 1 : name, .type = type};
	read_lines(files->globs, &best, read_glob);
	if (best.length == 0) {
		read_lines(files->types, &best, read_type);
	}
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]) && best.length == 0;
		i++) {
		try_extension(&best, envoi_span_of(common[i].extension), common[i].type);
	}
	if (best.length == 0) {
		(void)snprintf(type, ENVOI_MIME_TYPE_SIZE, "%s", ENVOI_MIME_TYPE_UNKNOWN);
	}
}
