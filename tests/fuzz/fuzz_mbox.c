/*
 * Any octets as a message or an mbox on stdin: what goes on the wire has the
 * size the scan said, no bare CR or LF, and every dot at a line start is
 * stuffed; and an mbox gives no more octets than it has. The first octet
 * chooses: bit 0 mbox, the others the room of a read.
 */
#include <string.h>

#include <unistd.h>

#include <envoi/message.h>

#include "base/tmpfile.h"
#include "fuzz.h"

/* What follows the wire octet by octet. */
struct wire {
	uint64_t octets;
	uint64_t stuffed;
	bool after_cr;
	bool line_start;
	bool after_dot;
};

static void check_octet(struct wire *wire, char c)
{
	MUST((c == '\n') == wire->after_cr);
	MUST(!wire->after_dot || c == '.');
	wire->after_dot = wire->line_start && c == '.';
	wire->stuffed += wire->after_dot;
	wire->octets++;
	wire->line_start = c == '\n';
	wire->after_cr = c == '\r';
}

static void check_form(const struct envoi_form *form, size_t room)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	struct wire wire = {.line_start = true};
	uint64_t octets = 0;
	bool eight_bit = false;
	MUST(envoi_body_open(form, !form->binary, &body, &err) == 0);
	char *out = malloc(room);
	MUST(out != NULL);
	for (bool last = false; !last;) {
		size_t n;
		MUST(envoi_body_read(body, out, room, &n, &last, &err) == 0);
		MUST(n <= room && (n > 0 || last));
		octets += n;
		for (size_t i = 0; i < n; i++) {
			eight_bit = eight_bit || (unsigned char)out[i] > 127;
			if (!form->binary) {
				check_octet(&wire, out[i]);
			}
		}
	}
	MUST(wire.line_start);
	MUST(octets - wire.stuffed == form->size);
	MUST(!eight_bit || form->eight_bit || form->binary);
	free(out);
	envoi_body_close(body);
}

/* In a form for each kind of server it has its size, and nothing that server
 * does not take. */
static void check_message(struct envoi_message *message, size_t room)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	MUST(envoi_message_scan(message, &err) == 0);
	const struct envoi_message_facts *facts = envoi_message_facts(message);
	MUST(strlen(facts->message_id) <= 998);
	MUST(facts->longest <= facts->size);
	MUST(envoi_message_as_it_is(message)->size == facts->size);
	check_form(envoi_message_as_it_is(message), room);
	for (unsigned i = 0; i < 32; i++) {
		struct envoi_carrier carrier = {
			.eight_bit = (i & 1) != 0,
			.binary = (i & 2) != 0,
			.utf8 = (i & 4) != 0,
			.long_lines = (i & 8) != 0 ? ENVOI_LONG_LINES_PASS
						   : ENVOI_LONG_LINES_ENCODE,
			.raw = (i & 16) != 0,
		};
		const struct envoi_form *form, *again;
		if (envoi_message_choose(message, &carrier, &form, &err) != 0) {
			MUST(err.status == ENVOI_STATUS_DATA);
			continue;
		}
		MUST(envoi_message_choose(message, &carrier, &again, &err) == 0);
		MUST(again == form);
		MUST(carrier.eight_bit || carrier.utf8 || carrier.binary
			|| !form->eight_bit);
		MUST(carrier.binary || !form->binary);
		MUST(carrier.utf8 || !form->utf8);
		check_form(form, room);
	}
}

static void put_on_stdin(const uint8_t *data, size_t size)
{
	int fd = envoi_tmpfile_open("/tmp");
	MUST(fd >= 0);
	MUST(size == 0 || write(fd, data, size) == (ssize_t)size);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	MUST(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	if (fd != STDIN_FILENO) {
		(void)close(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	bool mbox = (data[0] & 1) != 0;
	size_t room = 4 + (size_t)(data[0] >> 1);
	put_on_stdin(data + 1, size - 1);
	MUST(envoi_input_open("-", mbox ? ENVOI_MBOX_RD : ENVOI_MBOX_NONE, &input, &err)
		== 0);
	for (size_t count = 0;; count++) {
		struct envoi_message *message = NULL;
		if (envoi_input_next(input, &message, &err) != 0) {
			MUST(mbox && count == 0 && err.status == ENVOI_STATUS_DATA);
			break;
		}
		if (message == NULL) {
			MUST(mbox || count == 1);
			break;
		}
		MUST(count < size);
		check_message(message, room);
		envoi_message_free(message);
	}
	envoi_input_free(input);
	return 0;
}
