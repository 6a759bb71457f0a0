/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The proleptic Gregorian calendar, for time.c and time_text.c. */
#ifndef PROTO_TIME_CIVIL_H
#define PROTO_TIME_CIVIL_H

#include <stdint.h>

#define NS_PER_S ((uint64_t)1000000000)

struct time_civil {
	int64_t year;
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second;
};

/* Days since 1970-01-01. */
int64_t time_civil_days(int64_t year, unsigned month, unsigned day);
void time_civil_from_seconds(int64_t seconds, struct time_civil *civil);
unsigned time_civil_month_days(int64_t year, unsigned month);

extern const char time_civil_months[12][4];
extern const char time_civil_weekdays[7][4]; /* Thu first: the day of the epoch */

#endif
