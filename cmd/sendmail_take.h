/*
 * What the two files that read a sendmail command line share: sendmail_flags.c
 * has the words, sendmail_take.c what each letter means.
 */
#ifndef CMD_SENDMAIL_TAKE_H
#define CMD_SENDMAIL_TAKE_H

#include "sendmail_flags.h"

struct sendmail_reader {
	struct sendmail_flags *flags;
	sendmail_note *note;
	void *context;
	/** -bd was said. */
	bool daemon;
	/** -q was said. */
	bool run;
	bool mode_said;
};

/** Acts on a flag; value is "" where it has none. */
typedef int sendmail_take(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err);

sendmail_take sendmail_take_b;
sendmail_take sendmail_take_I;
sendmail_take sendmail_take_q;
sendmail_take sendmail_take_f;
sendmail_take sendmail_take_F;
sendmail_take sendmail_take_C;
sendmail_take sendmail_take_X;
sendmail_take sendmail_take_B;
sendmail_take sendmail_take_L;
sendmail_take sendmail_take_N;
sendmail_take sendmail_take_R;
sendmail_take sendmail_take_V;
sendmail_take sendmail_take_e;
sendmail_take sendmail_take_o;
sendmail_take sendmail_take_O;
sendmail_take sendmail_take_i;
sendmail_take sendmail_take_t;
sendmail_take sendmail_take_v;
sendmail_take sendmail_take_n;
sendmail_take sendmail_take_d;
sendmail_take sendmail_take_conflict;
sendmail_take sendmail_take_Q;

#endif
