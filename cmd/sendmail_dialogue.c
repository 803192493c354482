/*
 * -bs: mail by an SMTP dialogue on stdin and stdout.
 */
#include "sendmail.h"

enum envoi_status sendmail_dialogue(struct sendmail *sendmail)
{
	(void)sendmail;
	return ENVOI_STATUS_USAGE;
}
