/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading times: the half of time.h that takes text. */
#include "proto/time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "proto/time_civil.h"

#define YEAR_MAX 2261 /* the last whole year whose nanoseconds fit a signed 64-bit number */

/* A reader of one text; `failed` sticks, so that a sequence of steps is checked once. */
struct cursor {
	const char *at;
	bool failed;
};

static unsigned take_digits(struct cursor *cursor, int width)
{
	unsigned value = 0;

	for (int i = 0; i < width; i++) {
		if (cursor->failed || !isdigit((unsigned char)*cursor->at)) {
			cursor->failed = true;
			return 0;
		}
		value = value * 10 + (unsigned)(*cursor->at++ - '0');
	}
	return value;
}

static bool take_char(struct cursor *cursor, char c)
{
	if (cursor->failed || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static void expect_char(struct cursor *cursor, char c)
{
	if (!take_char(cursor, c))
		cursor->failed = true;
}

/* Index of a three-letter name that starts here; the case must fit. */
static unsigned take_name(struct cursor *cursor, const char (*names)[4], unsigned count)
{
	for (unsigned i = 0; !cursor->failed && i < count; i++) {
		if (strncmp(cursor->at, names[i], 3) == 0) {
			cursor->at += 3;
			return i;
		}
	}
	cursor->failed = true;
	return 0;
}

/* ".123456789": one to nine digits, as nanoseconds; nothing is 0. */
static uint32_t take_fraction(struct cursor *cursor)
{
	uint32_t ns = 0, scale = NS_PER_S / 10;

	if (!take_char(cursor, '.'))
		return 0;
	if (!isdigit((unsigned char)*cursor->at))
		cursor->failed = true;
	while (isdigit((unsigned char)*cursor->at)) {
		if (!scale)
			cursor->failed = true;
		ns += (uint32_t)(*cursor->at++ - '0') * scale;
		scale /= 10;
	}
	return ns;
}

/* "Z", "+02:00", "+0200"; false when there is no zone here. */
static bool take_zone(struct cursor *cursor, struct time_zone *zone)
{
	*zone = (struct time_zone){ .kind = TIME_ZONE_FIXED };
	if (take_char(cursor, 'Z') || take_char(cursor, 'z'))
		return true;
	bool east = take_char(cursor, '+');
	if (!east && !take_char(cursor, '-'))
		return false;
	unsigned hours = take_digits(cursor, 2);
	take_char(cursor, ':');
	unsigned minutes = take_digits(cursor, 2);
	if (hours > 14 || minutes > 59)
		cursor->failed = true;
	int32_t offset = (int32_t)(hours * 3600 + minutes * 60);
	zone->offset_s = east ? offset : -offset;
	return true;
}

int time_zone_parse(const char *text, struct time_zone *out)
{
	struct cursor cursor = { .at = text };
	struct time_zone zone;

	if (strcasecmp(text, "utc") == 0) {
		*out = (struct time_zone){ .kind = TIME_ZONE_UTC };
		return 0;
	}
	if (strcasecmp(text, "local") == 0) {
		*out = (struct time_zone){ .kind = TIME_ZONE_LOCAL };
		return 0;
	}
	if (!take_zone(&cursor, &zone) || cursor.failed || *cursor.at)
		return -EINVAL;
	*out = zone;
	return 0;
}

static bool civil_is_valid(const struct time_civil *civil)
{
	return civil->year >= 1970 && civil->year <= YEAR_MAX && civil->month >= 1 &&
	       civil->month <= 12 && civil->day >= 1 &&
	       civil->day <= time_civil_month_days(civil->year, civil->month) && civil->hour < 24 &&
	       civil->minute < 60 && civil->second < 60;
}

static int64_t local_seconds(const struct time_civil *civil)
{
	struct tm tm = { .tm_year = (int)civil->year - 1900,
			 .tm_mon = (int)civil->month - 1,
			 .tm_mday = (int)civil->day,
			 .tm_hour = (int)civil->hour,
			 .tm_min = (int)civil->minute,
			 .tm_sec = (int)civil->second,
			 .tm_isdst = -1 };
	return mktime(&tm);
}

static int civil_to_ns(const struct time_civil *civil, uint32_t fraction,
		       const struct time_zone *zone, uint64_t *out_ns)
{
	int64_t seconds;

	if (!civil_is_valid(civil))
		return -EINVAL;
	if (zone && zone->kind == TIME_ZONE_LOCAL) {
		seconds = local_seconds(civil);
	} else {
		seconds = time_civil_days(civil->year, civil->month, civil->day) * 86400 +
			  civil->hour * 3600 + civil->minute * 60 + civil->second;
		if (zone && zone->kind == TIME_ZONE_FIXED)
			seconds -= zone->offset_s;
	}
	if (seconds < 0)
		return -EINVAL;
	*out_ns = (uint64_t)seconds * NS_PER_S + fraction;
	return 0;
}

static int finish(struct cursor *cursor, const struct time_civil *civil, uint32_t fraction,
		  const struct time_zone *zone, uint64_t *out_ns)
{
	struct time_zone written;
	bool has_zone = take_zone(cursor, &written);

	if (cursor->failed || *cursor->at)
		return -EINVAL;
	return civil_to_ns(civil, fraction, has_zone ? &written : zone, out_ns);
}

/* 2006-01-02[T15[:04[:05[.999]]]][zone] */
static int parse_iso(const char *text, const struct time_zone *zone, uint64_t *out_ns)
{
	struct cursor cursor = { .at = text };
	struct time_civil civil = { 0 };
	uint32_t fraction = 0;

	civil.year = take_digits(&cursor, 4);
	expect_char(&cursor, '-');
	civil.month = take_digits(&cursor, 2);
	expect_char(&cursor, '-');
	civil.day = take_digits(&cursor, 2);
	if (cursor.failed || *cursor.at == '\0')
		return finish(&cursor, &civil, 0, zone, out_ns);
	if (!take_char(&cursor, ' '))
		expect_char(&cursor, 'T');
	civil.hour = take_digits(&cursor, 2);
	if (take_char(&cursor, ':')) {
		civil.minute = take_digits(&cursor, 2);
		if (take_char(&cursor, ':')) {
			civil.second = take_digits(&cursor, 2);
			fraction = take_fraction(&cursor);
		}
	}
	return finish(&cursor, &civil, fraction, zone, out_ns);
}

/* Mon, 02 Jan 2006 15:04:05 -0700 */
static int parse_rfc1123z(const char *text, uint64_t *out_ns)
{
	struct cursor cursor = { .at = text };
	struct time_civil civil = { 0 };
	struct time_zone zone;

	take_name(&cursor, time_civil_weekdays, 7);
	expect_char(&cursor, ',');
	expect_char(&cursor, ' ');
	civil.day = take_digits(&cursor, 2);
	expect_char(&cursor, ' ');
	civil.month = take_name(&cursor, time_civil_months, 12) + 1;
	expect_char(&cursor, ' ');
	civil.year = take_digits(&cursor, 4);
	expect_char(&cursor, ' ');
	civil.hour = take_digits(&cursor, 2);
	expect_char(&cursor, ':');
	civil.minute = take_digits(&cursor, 2);
	expect_char(&cursor, ':');
	civil.second = take_digits(&cursor, 2);
	expect_char(&cursor, ' ');
	if (!take_zone(&cursor, &zone) || cursor.failed || *cursor.at)
		return -EINVAL;
	return civil_to_ns(&civil, 0, &zone, out_ns);
}

/* @SECONDS[.FRACTION] */
static int parse_unix(const char *text, uint64_t *out_ns)
{
	struct cursor cursor = { .at = text + 1 };
	uint64_t seconds = 0;

	if (!isdigit((unsigned char)*cursor.at))
		return -EINVAL;
	while (isdigit((unsigned char)*cursor.at)) {
		seconds = seconds * 10 + (uint64_t)(*cursor.at++ - '0');
		if (seconds > INT64_MAX / NS_PER_S)
			return -EINVAL;
	}
	uint32_t fraction = take_fraction(&cursor);
	if (cursor.failed || *cursor.at)
		return -EINVAL;
	*out_ns = seconds * NS_PER_S + fraction;
	return 0;
}

static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* U+00B5 and U+03BC, as Go reads them */
	{ "\xce\xbcs", 1000 },
	{ "ms", 1000000 },
	{ "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
	{ "d", 86400 * NS_PER_S },
};

/* Length of the unit's name at `text`, 0 when there is none; "ms" is not "m". */
static size_t take_unit(const char *text, uint64_t *ns)
{
	size_t best = 0;

	for (size_t i = 0; i < sizeof(duration_units) / sizeof(*duration_units); i++) {
		size_t length = strlen(duration_units[i].name);
		if (length > best && strncmp(text, duration_units[i].name, length) == 0) {
			best = length;
			*ns = duration_units[i].ns;
		}
	}
	return best;
}

/* "1.5h": one number and its unit, added to *total. */
static int take_duration_part(const char **text, uint64_t *total)
{
	const char *at = *text;
	uint64_t whole = 0, unit = 0, part = 0, scale = 1;
	bool digits = false;

	for (; isdigit((unsigned char)*at); at++, digits = true)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
			return -EINVAL;
	if (*at == '.') {
		for (at++; isdigit((unsigned char)*at); at++, digits = true) {
			if (scale < NS_PER_S) {
				part = part * 10 + (uint64_t)(*at - '0');
				scale *= 10;
			}
		}
	}
	size_t length = take_unit(at, &unit);
	if (!digits || !length)
		return -EINVAL;
	part = (uint64_t)((double)part / (double)scale * (double)unit + 0.5);
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, part, &whole) ||
	    __builtin_add_overflow(*total, whole, total) || *total > INT64_MAX)
		return -EINVAL;
	*text = at + length;
	return 0;
}

int time_parse_duration(const char *text, uint64_t *out_ns)
{
	uint64_t total = 0;

	if (strcmp(text, "0") == 0) {
		*out_ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text)
		if (take_duration_part(&text, &total))
			return -EINVAL;
	*out_ns = total;
	return 0;
}

int time_parse(const char *text, uint64_t now_ns, const struct time_zone *zone, uint64_t *out_ns,
	       char *why, size_t why_size)
{
	uint64_t before;

	if (time_parse_duration(text, &before) == 0) {
		if (before > now_ns) {
			snprintf(why, why_size, "time \"%s\" ago lies before 1970", text);
			return -EINVAL;
		}
		*out_ns = now_ns - before;
		return 0;
	}
	if ((*text == '@' && parse_unix(text, out_ns) == 0) || parse_iso(text, zone, out_ns) == 0 ||
	    parse_rfc1123z(text, out_ns) == 0)
		return 0;
	snprintf(why, why_size,
		 "bad time \"%s\": expected a time ago (3s, 4m, 1h43m), a date (2006-01-02), "
		 "RFC 3339 (2006-01-02T15:04:05.999Z) or RFC 1123 (%s)",
		 text, time_layout_example(TIME_RFC1123Z));
	return -EINVAL;
}
