/*
 * Dates; see the header. The locale has no say in the names.
 */
#include "message/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

int envoi_date_offset(int64_t now, long *ret_offset)
{
	time_t t = (time_t)now;
	struct tm local, utc;
	if (localtime_r(&t, &local) == NULL || gmtime_r(&t, &utc) == NULL) {
		return 1;
	}
	/* They are a day apart at most, perhaps over the turn of the year. */
	long days = local.tm_year != utc.tm_year ? local.tm_year - utc.tm_year
						 : local.tm_yday - utc.tm_yday;
	long offset = days * DAY + (local.tm_hour - utc.tm_hour) * HOUR
		      + (local.tm_min - utc.tm_min) * MINUTE
		      + (local.tm_sec - utc.tm_sec);
	if (offset % MINUTE != 0 || labs(offset) >= DAY) {
		return 1;
	}
	*ret_offset = offset;
	return 0;
}

void envoi_date_format(
	char out[static ENVOI_DATE_SIZE], int64_t now, long offset, bool known)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = (time_t)(now + (known ? offset : 0));
	struct tm tm = {.tm_mday = 1, .tm_year = 70, .tm_wday = 4};
	(void)gmtime_r(&t, &tm);
	long minutes = known ? labs(offset) / MINUTE : 0;
	(void)snprintf(out, ENVOI_DATE_SIZE,
		"%s, %d %s %04lld %02d:%02d:%02d %c%02ld%02ld", days[tm.tm_wday],
		tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900LL, tm.tm_hour, tm.tm_min,
		tm.tm_sec, known && offset >= 0 ? '+' : '-', minutes / 60, minutes % 60);
}
