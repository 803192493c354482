/*
 * What may be shown to people as it is; see span.h.
 */
#include "base/span.h"

#include <unictype.h>
#include <unistr.h>

#include "base/buffer.h"

size_t envoi_span_visible(struct envoi_span span)
{
	ucs4_t character;
	if (span.len == 0) {
		return 0;
	}
	unsigned char first = (unsigned char)span.data[0];
	if (first < 0x80) {
		return first >= 0x20 && first < 0x7f ? 1 : 0;
	}
	int n = u8_mbtoucr(&character, (const uint8_t *)span.data, span.len);
	/* Nothing that moves the cursor, turns the direction of the text or cannot be
	 * seen. */
	if (n <= 0
		|| uc_is_general_category_withtable(
			character, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z)) {
		return 0;
	}
	return (size_t)n;
}

int envoi_span_show(struct envoi_buffer *out, struct envoi_span span)
{
	while (span.len > 0) {
		size_t n = envoi_span_visible(span);
		bool whole = n > 1;
		n = n > 0 ? n : 1;
		struct envoi_span part = {span.data, n};
		if (whole ? envoi_buffer_append(out, part.data, part.len) != 0
			  : envoi_span_escape(out, part) != 0) {
			return -1;
		}
		span.data += n;
		span.len -= n;
	}
	return 0;
}
