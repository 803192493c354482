/*
 * Chooses the form of a message for a server; see <envoi/message.h>. Forms are
 * made once for each carrier and kept with the message. One that goes as it is
 * has the message's own pieces, and costs no reading.
 */
#include "message/form.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "message/encode.h"
#include "message/mend.h"

/* What is being chosen. */
struct choice {
	struct envoi_message *message;
	const struct envoi_carrier *carrier;
	struct form *form;
	struct envoi_form_head head;
	struct envoi_form_parts parts;
	/** The parts were looked at. */
	bool walked;
};

static void free_form(struct form *form)
{
	if (form != NULL) {
		envoi_pieces_finish(&form->pieces);
		free(form);
	}
}

void envoi_forms_free(struct envoi_message *message)
{
	while (message->forms != NULL) {
		struct form *next = message->forms->next;
		free_form(message->forms);
		message->forms = next;
	}
}

const struct envoi_pieces *envoi_form_pieces(const struct envoi_form *face)
{
	/* The face is the form's first member. */
	const struct form *form = (const struct form *)(const void *)face;
	return form->pieces.count > 0 ? &form->pieces : &face->message->pieces;
}

/* -- what is said ------------------------------------------------------------- */

static struct envoi_error *next_warning(struct form *form)
{
	size_t i = 0;
	while (i + 1 < ENVOI_FORM_WARNINGS && form->face.warnings[i].text[0] != '\0') {
		i++;
	}
	return &form->face.warnings[i];
}

/* Those that cannot be encoded or folded at blanks, too. */
static bool breaks_lines(const struct choice *choice)
{
	const struct envoi_carrier *carrier = choice->carrier;
	return carrier->mend && carrier->long_lines == ENVOI_LONG_LINES_ENCODE;
}

static void warn_long_line(struct choice *choice, uint64_t line, uint64_t octets)
{
	(void)envoi_error_set(next_warning(choice->form), ENVOI_STATUS_OK,
		"%s: line %ju has %ju octets, more than %d: %s",
		envoi_message_name(choice->message), (uintmax_t)line, (uintmax_t)octets,
		ENVOI_LINE_MAX, breaks_lines(choice) ? "broken" : "sent as it is");
}

static int refuse_utf8(
	const struct choice *choice, const char *field, struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s: the field %s is not ASCII, and the server does not offer SMTPUTF8",
		envoi_message_name(choice->message), field);
}

/* What no carrier of this kind takes, without a further look. */
static int check_facts(const struct choice *choice, struct envoi_error *err)
{
	const struct envoi_message_facts *facts = &choice->message->facts;
	const char *name = envoi_message_name(choice->message);
	if (facts->nul_line > 0 && !choice->carrier->binary && !choice->carrier->mend) {
		return envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: line %ju holds a NUL, which mail cannot carry", name,
			(uintmax_t)facts->nul_line);
	}
	if (facts->longest > ENVOI_LINE_MAX
		&& choice->carrier->long_lines == ENVOI_LONG_LINES_REFUSE) {
		return envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: line %ju has %ju octets, more than %d", name,
			(uintmax_t)facts->longest_line, (uintmax_t)facts->longest,
			ENVOI_LINE_MAX);
	}
	return 0;
}

/* -- the header --------------------------------------------------------------- */

/* Octets of a text as on the wire. */
static uint64_t wire_size(struct envoi_span text)
{
	struct envoi_encoder encoder;
	char scratch[1024];
	size_t used;
	envoi_encoder_init(&encoder, false);
	while (text.len > 0) {
		(void)envoi_encoder_feed(
			&encoder, text.data, text.len, scratch, sizeof(scratch), &used);
		text.data += used;
		text.len -= used;
	}
	(void)envoi_encoder_finish(&encoder, scratch);
	return encoder.octets;
}

static int judge_head(struct choice *choice, const struct envoi_head_result *result,
	struct envoi_error *err)
{
	if (result->needs_utf8[0] != '\0') {
		if (!choice->carrier->utf8) {
			return refuse_utf8(choice, result->needs_utf8, err);
		}
		choice->form->face.utf8 = true;
	}
	if (result->not_utf8[0] != '\0') {
		(void)envoi_error_set(next_warning(choice->form), ENVOI_STATUS_OK,
			"%s: the field %s is neither ASCII nor UTF-8: sent as it is",
			envoi_message_name(choice->message), result->not_utf8);
	}
	return 0;
}

/* The pieces: the new header, the empty line, and those of the body. */
static int put_pieces(
	struct choice *choice, struct envoi_buffer *head, struct envoi_error *err)
{
	const struct envoi_message *message = choice->message;
	struct envoi_pieces *pieces = &choice->form->pieces;
	if (message->header.empty_line && envoi_buffer_puts(head, "\n") != 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	choice->form->face.size += wire_size(envoi_buffer_span(head));
	choice->form->face.size -= wire_size(choice->head.whole);
	char *text = envoi_span_dup(envoi_buffer_span(head));
	if (text == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (envoi_pieces_take_text(pieces, text, head->len, err) != 0) {
		return -1;
	}
	if (!choice->walked) {
		return envoi_pieces_add_copy(
			pieces, message->header.body, message->end, err);
	}
	return envoi_pieces_move(pieces, &choice->parts.pieces, err);
}

/* The lines of fields that no blank breaks. */
static int break_lines(struct envoi_buffer *fields)
{
	struct envoi_span in = envoi_buffer_span(fields);
	struct envoi_buffer out;
	struct envoi_mend mend;
	char some[2 * ENVOI_MEND_ROOM];
	int failed = 0;
	envoi_buffer_init(&out, 16 * ENVOI_LIMIT_HEADER);
	envoi_mend_init(&mend, ENVOI_MEND_TEXT, false, false);
	while (failed == 0 && in.len > 0) {
		size_t used;
		size_t n = envoi_mend_feed(
			&mend, in.data, in.len, some, sizeof(some), &used);
		failed = envoi_buffer_append(&out, some, n);
		in.data += used;
		in.len -= used;
	}
	failed |= envoi_buffer_append(&out, some, envoi_mend_finish(&mend, some));
	envoi_buffer_finish(fields);
	*fields = out;
	return failed;
}

static int edit_head(
	struct choice *choice, struct envoi_head_result *result, struct envoi_error *err)
{
	const struct envoi_carrier *carrier = choice->carrier;
	struct envoi_head_edit edit = {
		.words = !carrier->raw,
		.keep = carrier->eight_bit,
		.fold = !carrier->raw && carrier->long_lines == ENVOI_LONG_LINES_ENCODE,
		.encoding = choice->parts.encoding,
		.version = choice->parts.version,
		.charset = choice->parts.charset,
	};
	struct envoi_buffer out;
	struct envoi_span old = choice->head.fields;
	envoi_buffer_init(&out, 16 * ENVOI_LIMIT_HEADER);
	int done = envoi_form_head_edit(old, &edit, &out, result);
	if (done == 0 && result->long_octets > 0 && breaks_lines(choice)) {
		done = break_lines(&out);
	}
	if (done != 0) {
		done = envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else {
		done = judge_head(choice, result, err);
	}
	bool same = envoi_span_equal(old, envoi_buffer_span(&out));
	if (done == 0 && !(same && !choice->walked)) {
		done = put_pieces(choice, &out, err);
	}
	envoi_buffer_finish(&out);
	return done;
}

/* -- choosing ----------------------------------------------------------------- */

static const char *encoding_name(const struct choice *choice)
{
	const struct envoi_form *face = &choice->form->face;
	const struct envoi_form_parts *parts = &choice->parts;
	if (!parts->any) {
		return face->binary ? "binary" : face->eight_bit ? "8bit" : "7bit";
	}
	if (face->eight_bit || face->binary || (parts->any_qp && parts->any_base64)) {
		return "mixed";
	}
	return parts->any_qp ? "quoted-printable" : "base64";
}

/* Must the parts be known? */
static bool needs_walk(const struct choice *choice)
{
	const struct envoi_message_facts *facts = &choice->message->facts;
	const struct envoi_carrier *carrier = choice->carrier;
	bool binary = facts->nul_line > 0 || choice->head.binary;
	if (carrier->raw) {
		return binary && carrier->binary;
	}
	return binary || (facts->eight_bit && !carrier->eight_bit)
	       || (facts->longest > ENVOI_LINE_MAX
		       && carrier->long_lines == ENVOI_LONG_LINES_ENCODE);
}

static int choose_raw(struct choice *choice, struct envoi_error *err)
{
	const char *name = envoi_message_name(choice->message);
	if (choice->carrier->raw && choice->message->facts.eight_bit
		&& !choice->carrier->eight_bit) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: has 8-bit content, and the server does not offer 8BITMIME",
			name);
		envoi_error_hint(err, "without --raw it is encoded");
		return -1;
	}
	return 0;
}

/* The number of a line of the header, which may have been repaired: that of
 * the same field as it was read. One that is new has none of its own. */
static uint64_t source_line(
	const struct choice *choice, const struct envoi_head_result *result)
{
	const struct envoi_header *header = &choice->message->header;
	for (size_t i = 0; i < header->count; i++) {
		if (envoi_span_equal(header->fields[i].raw, result->long_field)) {
			return header->fields[i].line + result->long_line;
		}
	}
	return choice->message->facts.longest_line;
}

/* The longest line of all, where they go as they are. */
static void warn_longest(struct choice *choice)
{
	const struct envoi_message_facts *facts = &choice->message->facts;
	if (facts->longest > ENVOI_LINE_MAX
		&& choice->carrier->long_lines == ENVOI_LONG_LINES_PASS) {
		warn_long_line(choice, facts->longest_line, facts->longest);
	}
}

static int choose_parts(struct choice *choice, struct envoi_error *err)
{
	struct form *form = choice->form;
	struct envoi_head_result result;
	if (choose_raw(choice, err) != 0) {
		return -1;
	}
	choice->head = envoi_form_head_of(choice->message);
	choice->walked = needs_walk(choice);
	if (choice->walked
		&& envoi_form_parts_choose(choice->message, &choice->head,
			   choice->carrier, &choice->parts, err)
			   != 0) {
		return -1;
	}
	if (edit_head(choice, &result, err) != 0) {
		return -1;
	}
	bool pass = choice->carrier->long_lines == ENVOI_LONG_LINES_PASS;
	if (result.long_octets > 0 && (choice->walked || !pass)) {
		warn_long_line(choice, source_line(choice, &result), result.long_octets);
	}
	if (!choice->walked) {
		warn_longest(choice);
		form->face.eight_bit =
			choice->message->body.eight_bit || result.eight_bit;
		form->face.encoding = encoding_name(choice);
		return 0;
	}
	if (choice->parts.nul_line > 0) {
		(void)envoi_error_set(next_warning(form), ENVOI_STATUS_OK,
			"%s: line %ju holds a NUL, which is left out",
			envoi_message_name(choice->message),
			(uintmax_t)choice->parts.nul_line);
	}
	if (choice->parts.long_line > 0) {
		warn_long_line(
			choice, choice->parts.long_line, choice->parts.long_octets);
	}
	form->face.eight_bit = choice->parts.eight_bit || result.eight_bit;
	form->face.binary = choice->parts.binary && choice->carrier->binary;
	form->face.encoding = encoding_name(choice);
	return envoi_body_measure(choice->message, &form->pieces, &form->face.size, err);
}

static int choose(struct choice *choice, struct envoi_error *err)
{
	const struct envoi_message_facts *facts = &choice->message->facts;
	bool is_long = facts->longest > ENVOI_LINE_MAX;
	choice->form->carrier = *choice->carrier;
	choice->form->face = choice->message->as_it_is.face;
	if (check_facts(choice, err) != 0) {
		return -1;
	}
	is_long = is_long && choice->carrier->long_lines != ENVOI_LONG_LINES_PASS;
	if (!facts->eight_bit && facts->nul_line == 0 && !is_long) {
		warn_longest(choice);
		return 0;
	}
	int result = choose_parts(choice, err);
	envoi_pieces_finish(&choice->parts.pieces);
	return result;
}

static bool same_carrier(const struct envoi_carrier *a, const struct envoi_carrier *b)
{
	return a->eight_bit == b->eight_bit && a->binary == b->binary
	       && a->utf8 == b->utf8 && a->long_lines == b->long_lines && a->raw == b->raw
	       && a->mend == b->mend;
}

int envoi_message_choose(struct envoi_message *message,
	const struct envoi_carrier *carrier, const struct envoi_form **ret_form,
	struct envoi_error *err)
{
	const struct envoi_message_facts *facts = &message->facts;
	struct envoi_carrier wanted = *carrier;
	if (wanted.long_lines == ENVOI_LONG_LINES_DEFAULT) {
		wanted.long_lines = ENVOI_LONG_LINES_ENCODE;
	}
	if (wanted.raw && wanted.long_lines == ENVOI_LONG_LINES_ENCODE) {
		wanted.long_lines = ENVOI_LONG_LINES_PASS;
	}
	wanted.mend = wanted.mend && !wanted.raw;
	if (!message->scanned) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "a message is sent before it is scanned");
	}
	if (!facts->eight_bit && facts->nul_line == 0
		&& facts->longest <= ENVOI_LINE_MAX) {
		*ret_form = &message->as_it_is.face;
		return 0;
	}
	for (struct form *form = message->forms; form != NULL; form = form->next) {
		if (same_carrier(&form->carrier, &wanted)) {
			*ret_form = &form->face;
			return 0;
		}
	}
	struct choice choice = {.message = message, .carrier = &wanted};
	choice.form = calloc(1, sizeof(*choice.form));
	if (choice.form == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (choose(&choice, err) != 0) {
		free_form(choice.form);
		return -1;
	}
	choice.form->next = message->forms;
	message->forms = choice.form;
	*ret_form = &choice.form->face;
	return 0;
}
