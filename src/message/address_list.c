/*
 * Lists of addresses (RFC 5322 3.4, 4.4).
 *
 *   list    = [element] *(("," / ";") [element])
 *   element = address / group
 *   group   = phrase ":" list [";"]        ; not in a group
 *
 * An element is passed over three times at most: to find its "<", to read it,
 * and, a bad one, to find where it ends. No bad one is read beyond the comma
 * from which the reading then goes on, but for a route, which no other begins
 * within. So the time is linear.
 */
#include <envoi/address.h>

#include "message/address_internal.h"

struct list {
	const char *text;
	const char *p;
	const char *end;
	bool group;
	envoi_list_take *take;
	void *context;
	struct envoi_error *err;
};

static void begin(struct envoi_address_parser *parser, const struct list *list)
{
	parser->p = list->p;
	parser->end = list->end;
	parser->list = true;
	parser->bare = false;
	parser->why = NULL;
	parser->no_memory = parser->angle = false;
	parser->local_len = parser->domain_len = 0;
}

/* Without the blanks at its end. */
static const char *trim(const char *start, const char *end)
{
	while (end > start
		&& (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'
			|| end[-1] == '\n')) {
		end--;
	}
	return end;
}

/* Goes over what may stand between elements: blanks, separators, and comments
 * that no element follows. False: no element is left. */
static bool find_element(struct list *list)
{
	struct envoi_address_parser parser;
	begin(&parser, list);
	for (;;) {
		while (envoi_address_at_blank(&parser)) {
			parser.p++;
		}
		list->p = parser.p;
		bool good = envoi_address_skip_comments(&parser, true);
		if (good && parser.p == parser.end) {
			return false;
		}
		if (!good || (*parser.p != ',' && *parser.p != ';')) {
			return true;
		}
		list->group = list->group && *parser.p != ';';
		parser.p++;
	}
}

/* The name of a group and its ":" are passed. An "@" in front of ":" is no
 * name, but a port behind a host, or a route. */
static bool skip_group_name(struct list *list)
{
	struct envoi_address_parser parser;
	begin(&parser, list);
	while (parser.p < parser.end && !list->group) {
		switch (*parser.p) {
		case ':':
			list->p = parser.p + 1;
			list->group = true;
			return true;
		case ',':
		case ';':
		case '<':
		case '@':
			return false;
		default:
			if (!envoi_address_skip_token(&parser)) {
				return false;
			}
		}
	}
	return false;
}

/* Where a bad element ends. */
static const char *find_end(const struct list *list)
{
	struct envoi_address_parser parser;
	begin(&parser, list);
	while (parser.p < parser.end && *parser.p != ',' && *parser.p != ';') {
		(void)envoi_address_skip_token(&parser);
	}
	return parser.p;
}

/* Reads the element at list->p, and gives it away. */
static int take_element(struct list *list)
{
	char mailbox[ENVOI_MAILBOX_ROOM];
	struct envoi_error why = ENVOI_ERROR_NONE;
	struct envoi_address_parser parser;
	const char *start = list->p;
	begin(&parser, list);
	bool good = envoi_address_read(&parser);
	list->p = good ? parser.p : find_end(list);
	const char *end = trim(start, list->p);
	if (good && envoi_address_has_control(start, (size_t)(end - start), true)) {
		good = envoi_address_fail(&parser, "a control character");
	}
	good = good && envoi_address_form(&parser, mailbox);
	if (good && mailbox[0] == '\0') {
		good = envoi_address_fail(&parser, "empty");
	}
	if (parser.no_memory) {
		return envoi_error_set(list->err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	struct envoi_list_item item = {
		.start = (size_t)(start - list->text),
		.end = (size_t)(end - list->text),
	};
	if (good) {
		item.mailbox = mailbox;
		item.bare = parser.domain_len == 0;
		item.name_start = item.start;
		item.name_end = (size_t)(trim(start, parser.name_end) - list->text);
		item.spec_start = (size_t)(parser.spec_start - list->text);
		item.spec_end = (size_t)(parser.spec_end - list->text);
	} else {
		item.why = &why;
		(void)envoi_address_refuse(
			&why, start, (size_t)(end - start), parser.why);
	}
	return list->take(list->context, &item, list->err) != 0 ? -1 : 0;
}

int envoi_address_list_parse(const char *text, size_t n, envoi_list_take *take,
	void *context, struct envoi_error *err)
{
	struct list list = {
		.text = text,
		.p = text,
		.end = text + n,
		.take = take,
		.context = context,
		.err = err,
	};
	while (find_element(&list)) {
		if (!skip_group_name(&list) && take_element(&list) != 0) {
			return -1;
		}
	}
	return 0;
}
