/*
 * The form in which messages of a job go to a server: what it takes of their
 * octets (RFC 6152, 3030, 1870), and what is said of that.
 */
#include "submit/job_internal.h"

struct envoi_carrier envoi_request_carrier(
	const struct envoi_request *request, uint32_t usable)
{
	const uint32_t binary = ENVOI_EXT_BINARYMIME | ENVOI_EXT_CHUNKING;
	return (struct envoi_carrier){
		/* SMTPUTF8 comes with 8BITMIME, said or not (RFC 6531 3.1). */
		.eight_bit = (usable & (ENVOI_EXT_8BITMIME | ENVOI_EXT_SMTPUTF8)) != 0,
		.binary = (usable & binary) == binary,
		.utf8 = (usable & ENVOI_EXT_SMTPUTF8) != 0,
		.long_lines = request->long_lines,
		.raw = request->raw,
		.mend = request->mend,
	};
}

enum envoi_body_type envoi_job_body_type(const struct envoi_form *form)
{
	return form->binary	 ? ENVOI_BODY_BINARYMIME
	       : form->eight_bit ? ENVOI_BODY_8BITMIME
				 : ENVOI_BODY_7BIT;
}

static void settle(struct envoi_job *job, struct item *item, enum envoi_outcome outcome,
	enum envoi_phase phase, const struct envoi_error *err)
{
	envoi_job_warn(job, err);
	envoi_job_settle_waiting(job, item, outcome, phase, err, NULL);
}

int envoi_job_check_form(
	const struct envoi_job *job, struct item *item, struct envoi_error *err)
{
	const struct envoi_request *request = job->request;
	struct envoi_carrier best = envoi_request_carrier(request, ~request->without);
	return envoi_message_choose(item->message, &best, &item->form, err);
}

static void warn_once(struct envoi_job *job, struct item *item)
{
	for (size_t i = 0; i < ENVOI_FORM_WARNINGS && !item->warned; i++) {
		if (item->form->warnings[i].text[0] != '\0') {
			envoi_job_warn(job, &item->form->warnings[i]);
		}
	}
	item->warned = true;
}

bool envoi_job_choose_form(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, const struct envoi_capabilities *server,
	uint32_t usable)
{
	struct envoi_carrier carrier = envoi_request_carrier(job->request, usable);
	struct envoi_error err;
	if (envoi_message_choose(item->message, &carrier, &item->form, &err) != 0) {
		if (err.status == ENVOI_STATUS_DATA) {
			envoi_job_unfit(job, item, stay, ENVOI_PHASE_MAIL, &err);
		} else {
			settle(job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err);
		}
		return false;
	}
	uint64_t size = item->form->size;
	if ((usable & ENVOI_EXT_SIZE) != 0 && server->size > 0 && size > server->size) {
		(void)envoi_error_set(&err, ENVOI_STATUS_REFUSED,
			"%s: %ju octets are over the server's limit of %ju", item->name,
			(uintmax_t)size, (uintmax_t)server->size);
		settle(job, item, ENVOI_OUTCOME_REJECTED, ENVOI_PHASE_MAIL, &err);
		return false;
	}
	warn_once(job, item);
	return true;
}
