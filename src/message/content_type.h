/*
 * Content-Type and Content-Transfer-Encoding (RFC 2045 5, 6; RFC 2231): what
 * is needed of them to find the parts of a message. Pure. Values may be folded
 * and hold comments; what makes no sense is the default, text/plain, as RFC
 * 2045 5.2 has it.
 */
#ifndef ENVOI_MESSAGE_CONTENT_TYPE_H
#define ENVOI_MESSAGE_CONTENT_TYPE_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"

struct envoi_content_type {
	/** Lower case; "" both when the value says nothing that has a meaning. */
	char type[32];
	char subtype[64];
	/** "" when there is none. */
	char charset[64];
	/** Any octets. "" when there is none, or it is over the limit. */
	char boundary[ENVOI_LIMIT_BOUNDARY + 1];
};

void envoi_content_type_parse(struct envoi_span value, struct envoi_content_type *ret);

enum envoi_encoding {
	/** No such field. */
	ENVOI_ENCODING_NONE,
	ENVOI_ENCODING_7BIT,
	ENVOI_ENCODING_8BIT,
	ENVOI_ENCODING_BINARY,
	ENVOI_ENCODING_QP,
	ENVOI_ENCODING_BASE64,
	/** Something else, which is not to be touched. */
	ENVOI_ENCODING_OTHER,
};

enum envoi_encoding envoi_encoding_parse(struct envoi_span value);

#endif
