/*
 * The command that is run for a message that was given up; see
 * <envoi/runner.h>. What it gets is said in its environment: none of it passes
 * a shell.
 */
#include "submit/runner_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "config/command.h"

/* What it gets at most: a recipient or two thousand. */
#define ROOM 131072
#define RECIPIENTS 65536

/* Of our own environment. */
static const char *const kept[] = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ",
	"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY",
	"XAUTHORITY"};
#define KEPT (sizeof(kept) / sizeof(kept[0]))
#define FACTS 6

struct environment {
	/** The texts, each with its NUL, and where they begin. */
	struct envoi_buffer text;
	size_t starts[KEPT + FACTS];
	size_t count;
	const char *words[KEPT + FACTS + 1];
	bool failed;
};

static void add(struct environment *env, const char *name, const char *value)
{
	env->starts[env->count++] = env->text.len;
	env->failed |= envoi_buffer_printf(&env->text, "%s=%s", name, value) != 0
		       || envoi_buffer_append(&env->text, "", 1) != 0;
}

static void add_kept(struct environment *env)
{
	for (size_t i = 0; i < KEPT; i++) {
		const char *value = getenv(kept[i]);
		if (value != NULL && strlen(value) < 4096) {
			add(env, kept[i], value);
		}
	}
}

static void add_facts(struct environment *env, const struct envoi_runner *runner,
	const struct envoi_entry *entry)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_verdict *verdicts = envoi_entry_verdicts(entry);
	const struct envoi_verdict *reason = NULL;
	char why[1200] = "";
	add(env, "ENVOI_SPOOL", envoi_queue_path(runner->queue));
	add(env, "ENVOI_ID", envoi_entry_id(entry));
	add(env, "ENVOI_SENDER", envelope->sender);
	add(env, "ENVOI_MESSAGE_ID",
		envelope->message_id != NULL ? envelope->message_id : "");
	size_t begin = env->text.len;
	add(env, "ENVOI_RECIPIENTS", "");
	for (size_t i = 0; i < envelope->count; i++) {
		if (verdicts[i].fate != ENVOI_FATE_FAILED) {
			continue;
		}
		if (env->text.len - begin < RECIPIENTS) {
			/* In place of the NUL of what stands there. */
			env->text.len--;
			env->failed |= envoi_buffer_printf(&env->text, "%s%s",
					       reason != NULL ? " " : "",
					       envelope->recipients[i].address)
					       != 0
				       || envoi_buffer_append(&env->text, "", 1) != 0;
		}
		reason = reason != NULL ? reason : &verdicts[i];
	}
	if (reason != NULL && reason->code != 0) {
		(void)snprintf(why, sizeof(why), "%d %s", reason->code, reason->text);
	} else if (reason != NULL) {
		(void)snprintf(why, sizeof(why), "%s", reason->text);
	}
	add(env, "ENVOI_REASON", why);
}

void envoi_runner_notify(const struct group *group, const struct envoi_entry *entry)
{
	struct environment env = {0};
	struct envoi_secret output = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (group->notices.command == NULL) {
		return;
	}
	envoi_buffer_init(&env.text, ROOM);
	add_kept(&env);
	add_facts(&env, group->runner, entry);
	for (size_t i = 0; i < env.count && !env.failed; i++) {
		env.words[i] = env.text.data + env.text.start + env.starts[i];
	}
	const struct envoi_command command = {
		.argv = group->notices.command,
		.environment = env.words,
		.stop_fd = group->stop_fd,
	};
	int result = env.failed
			     ? envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory")
			     : envoi_command_run(&command, &output, &err);
	if (result != 0) {
		envoi_runner_warn(group->runner, &err);
	}
	envoi_secret_finish(&output);
	envoi_buffer_finish(&env.text);
}
