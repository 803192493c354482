/*
 * The %-patterns of msmtp: who and where we are. Looked up when one is met,
 * never before: %C asks the resolver.
 */
#include "config/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "config/path.h"

enum {
	SUBSTITUTED_MAX = 65536,
	NAME_MAX_OCTETS = 255,
};

static int add(struct envoi_buffer *out, const char *text, const char *pattern,
	struct envoi_error *err)
{
	size_t n = strlen(text);
	if (n == 0 || n > NAME_MAX_OCTETS || strpbrk(text, " \t\r\n") != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s stands for \"%.60s\", which is no name", pattern, text);
	}
	return envoi_buffer_append(out, text, n) == 0 ? 0 : envoi_config_no_memory(err);
}

static int add_user(struct envoi_buffer *out, struct envoi_error *err)
{
	const char *user = getenv("USER");
	if (user == NULL || user[0] == '\0') {
		user = getenv("LOGNAME");
	}
	if (user == NULL || user[0] == '\0') {
		const struct passwd *entry = getpwuid(getuid());
		user = entry != NULL ? entry->pw_name : "";
	}
	return add(out, user, "%U", err);
}

static int host_name(char *name, size_t size, struct envoi_error *err)
{
	const char *variable = getenv("HOSTNAME");
	if (variable != NULL && variable[0] != '\0' && strlen(variable) < size) {
		memcpy(name, variable, strlen(variable) + 1);
		return 0;
	}
	if (gethostname(name, size) != 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, errno, "%%H: the host's name");
	}
	name[size - 1] = '\0';
	return 0;
}

static int add_canonical(
	struct envoi_buffer *out, const char *name, struct envoi_error *err)
{
	struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int code = getaddrinfo(name, NULL, &hints, &list);
	if (code != 0) {
		return envoi_error_set(err,
			code == EAI_AGAIN ? ENVOI_STATUS_TEMPORARY : ENVOI_STATUS_CONFIG,
			"%%C: the canonical name of %s: %s", name, gai_strerror(code));
	}
	int result = add(
		out, list->ai_canonname != NULL ? list->ai_canonname : name, "%C", err);
	freeaddrinfo(list);
	return result;
}

static int add_mailname(struct envoi_buffer *out, struct envoi_error *err)
{
	static const char path[] = "/etc/mailname";
	struct envoi_secret content = {0};
	int fd = envoi_path_open(path, 0, err);
	if (fd < 0
		|| envoi_path_read(fd, path, ENVOI_LIMIT_CONFIG_LINE, &content, err)
			   != 0) {
		return -1;
	}
	/* Its first line. */
	content.data[strcspn(content.data, "\r\n")] = '\0';
	int result = add(out, content.data, "%M", err);
	envoi_secret_finish(&content);
	return result;
}

/* 0; 1: no pattern. */
static int add_pattern(struct envoi_buffer *out, char letter, struct envoi_error *err)
{
	char name[NAME_MAX_OCTETS + 1];
	switch (letter) {
	case 'U':
		return add_user(out, err);
	case 'H':
	case 'C':
		if (host_name(name, sizeof(name), err) != 0) {
			return -1;
		}
		return letter == 'H' ? add(out, name, "%H", err)
				     : add_canonical(out, name, err);
	case 'M':
		return add_mailname(out, err);
	default:
		return 1;
	}
}

char *envoi_substitute(const char *text, struct envoi_error *err)
{
	struct envoi_buffer out;
	int result = 0;
	char *copy = NULL;
	envoi_buffer_init(&out, SUBSTITUTED_MAX * 2);
	for (; *text != '\0' && result >= 0; text++) {
		result = *text == '%' ? add_pattern(&out, text[1], err) : 1;
		if (result == 0) {
			text++;
		} else if (result > 0 && envoi_buffer_append(&out, text, 1) != 0) {
			result = envoi_config_no_memory(err);
		}
	}
	const char *string = result >= 0 ? envoi_buffer_string(&out) : NULL;
	if (string != NULL) {
		copy = strdup(string);
	}
	if (result >= 0 && copy == NULL) {
		(void)envoi_config_no_memory(err);
	}
	envoi_buffer_finish(&out);
	return copy;
}
