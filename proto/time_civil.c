/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/time_civil.h"

#define SECONDS_PER_DAY 86400

const char time_civil_months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
const char time_civil_weekdays[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };

/* Years counted from March, in eras of 400 years, so that the leap day is the last of its year. */
int64_t time_civil_days(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + (int64_t)day_of_era - 719468;
}

static void from_days(int64_t days, struct time_civil *civil)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned day_of_era = (unsigned)(days - era * 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day_of_year + 2) / 153;

	civil->day = day_of_year - (153 * month + 2) / 5 + 1;
	civil->month = month < 10 ? month + 3 : month - 9;
	civil->year = (int64_t)year_of_era + era * 400 + (civil->month <= 2);
}

static int64_t floor_days(int64_t seconds)
{
	return (seconds >= 0 ? seconds : seconds - (SECONDS_PER_DAY - 1)) / SECONDS_PER_DAY;
}

void time_civil_from_seconds(int64_t seconds, struct time_civil *civil)
{
	int64_t days = floor_days(seconds);
	unsigned rest = (unsigned)(seconds - days * SECONDS_PER_DAY);

	from_days(days, civil);
	civil->hour = rest / 3600;
	civil->minute = rest / 60 % 60;
	civil->second = rest % 60;
}

unsigned time_civil_month_days(int64_t year, unsigned month)
{
	return (unsigned)(time_civil_days(month == 12 ? year + 1 : year, month % 12 + 1, 1) -
			  time_civil_days(year, month, 1));
}
