/*
 * The queue as a whole, by the flags of sendmail: envoi queue does the work.
 */
#include "sendmail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "commands.h"

enum envoi_status sendmail_list(struct sendmail *sendmail)
{
	char command[] = "queue", list[] = "list";
	char *argv[] = {command, list, NULL};
	(void)sendmail;
	return (enum envoi_status)cmd_queue(2, argv);
}

enum envoi_status sendmail_loop(struct sendmail *sendmail)
{
	char command[] = "queue", word[] = "run", watch[] = "--watch",
	     quiet[] = "--quiet";
	char *argv[] = {command, word, watch, quiet, NULL};
	(void)sendmail;
	return (enum envoi_status)cmd_queue(4, argv);
}

static enum envoi_status fail(
	const struct sendmail *sendmail, const struct envoi_error *err)
{
	sendmail_syslog(sendmail, true, err->text);
	ui_error(err);
	return err->status;
}

/* All queues in which the user may have mail; context has the present one. */
static int scan(struct envoi_queue **present,
	int (*take)(void *context, const char *id, struct envoi_error *err),
	void *context, struct envoi_error *err)
{
	struct envoi_queue *queues[SPOOL_MOST];
	size_t count = 0;
	int result = spool_open_all(false, queues, &count, err);
	for (size_t i = 0; i < count; i++) {
		*present = queues[i];
		result = result == 0 ? envoi_queue_scan(
				 queues[i], ENVOI_QUEUE_MAIL, take, context, err)
				     : result;
		envoi_queue_close(queues[i]);
	}
	return result;
}

/* -- what is selected ------------------------------------------------------------ */

struct chosen {
	struct sendmail *sendmail;
	struct envoi_queue *queue;
	/** Words of "queue run": those of the command, then ids. */
	char **words;
	size_t count;
};

/* Sendmail's meaning: the text is somewhere in it, letter case aside. */
static bool has_text(const char *in, const char *text)
{
	size_t n = strlen(text);
	for (; *in != '\0'; in++) {
		if (strncasecmp(in, text, n) == 0) {
			return true;
		}
	}
	return n == 0;
}

static bool is_in(const struct envoi_entry *entry, const struct sendmail_selection *part)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	if (part->what == 'I') {
		return has_text(envoi_entry_id(entry), part->text);
	}
	if (part->what == 'S') {
		return has_text(envelope->sender, part->text);
	}
	for (size_t i = 0; i < envelope->count; i++) {
		if (envoi_entry_verdicts(entry)[i].fate == ENVOI_FATE_WAITING
			&& has_text(envelope->recipients[i].address, part->text)) {
			return true;
		}
	}
	return false;
}

/* All of the selections. What is held was not meant. */
static bool is_selected(
	const struct sendmail_flags *flags, const struct envoi_entry *entry)
{
	for (size_t i = 0; i < flags->selection_count; i++) {
		const struct sendmail_selection *part = &flags->selections[i];
		if (is_in(entry, part) == part->without) {
			return false;
		}
	}
	return !envoi_entry_trials(entry)->held;
}

static int add_word(struct chosen *chosen, const char *word, struct envoi_error *err)
{
	char **grown = realloc(chosen->words, (chosen->count + 2) * sizeof(*grown));
	char *copy = strdup(word);
	if (grown != NULL) {
		chosen->words = grown;
	}
	if (grown == NULL || copy == NULL) {
		free(copy);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	chosen->words[chosen->count++] = copy;
	chosen->words[chosen->count] = NULL;
	return 0;
}

static int choose(void *context, const char *id, struct envoi_error *err)
{
	struct chosen *chosen = context;
	struct envoi_entry *entry = NULL;
	struct envoi_error fault = ENVOI_ERROR_NONE;
	int result = 0;
	if (envoi_queue_look(chosen->queue, ENVOI_QUEUE_MAIL, id, &entry, &fault)
			== ENVOI_QUEUE_GOT
		&& is_selected(&chosen->sendmail->flags, entry)) {
		result = add_word(chosen, id, err);
	}
	envoi_entry_free(entry);
	return result;
}

static int choose_all(struct chosen *chosen, struct envoi_error *err)
{
	static const char *const words[] = {"queue", "run", "--now", "--quiet"};
	int result = 0;
	for (size_t i = 0; i < 4 && result == 0; i++) {
		result = add_word(chosen, words[i], err);
	}
	if (result == 0) {
		result = scan(&chosen->queue, choose, chosen, err);
	}
	return result;
}

static void finish(struct chosen *chosen)
{
	for (size_t i = 0; i < chosen->count; i++) {
		free(chosen->words[i]);
	}
	free(chosen->words);
}

/* "exit 0 if the run completed", whatever it came to. */
static enum envoi_status completed(int status)
{
	return status == ENVOI_STATUS_IO || status == ENVOI_STATUS_SYSTEM
			       || status == ENVOI_STATUS_CONFIG
			       || status == ENVOI_STATUS_CANTCREATE
		       ? (enum envoi_status)status
		       : ENVOI_STATUS_OK;
}

enum envoi_status sendmail_run(struct sendmail *sendmail)
{
	struct chosen chosen = {.sendmail = sendmail};
	struct envoi_error err = ENVOI_ERROR_NONE;
	char command[] = "queue", word[] = "run", now[] = "--now", quiet[] = "--quiet";
	char *all[] = {command, word, now, quiet, NULL};
	enum envoi_status status = ENVOI_STATUS_OK;
	if (sendmail->flags.selection_count == 0) {
		return completed(cmd_queue(4, all));
	}
	if (choose_all(&chosen, &err) != 0) {
		status = fail(sendmail, &err);
	} else if (chosen.count > 4) {
		status = completed(cmd_queue((int)chosen.count, chosen.words));
	}
	finish(&chosen);
	return status;
}

/* -- how many -------------------------------------------------------------------- */

static int count_one(void *context, const char *id, struct envoi_error *err)
{
	(void)id;
	(void)err;
	++*(size_t *)context;
	return 0;
}

enum envoi_status sendmail_count(struct sendmail *sendmail)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_queue *queue = NULL;
	size_t count = 0;
	if (scan(&queue, count_one, &count, &err) != 0) {
		return fail(sendmail, &err);
	}
	printf("%zu\n", count);
	return ENVOI_STATUS_OK;
}
