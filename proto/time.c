/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "proto/time_civil.h"

#define TIME_LAYOUT_NAME(name, text, example)	 text,
#define TIME_LAYOUT_EXAMPLE(name, text, example) example,
static const char *const layout_names[] = { TIME_LAYOUTS(TIME_LAYOUT_NAME) };
static const char *const layout_examples[] = { TIME_LAYOUTS(TIME_LAYOUT_EXAMPLE) };

int time_layout_find(const char *name)
{
	for (int i = 0; i < TIME_LAYOUT_COUNT; i++)
		if (strcasecmp(name, layout_names[i]) == 0)
			return i;
	return -EINVAL;
}

const char *time_layout_name(enum time_layout layout)
{
	return layout_names[layout];
}

const char *time_layout_example(enum time_layout layout)
{
	return layout_examples[layout];
}

static char *write_digits(char *out, uint64_t value, int width)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		out[i] = (char)('0' + value % 10);
	return out + width;
}

static char *write_text(char *out, const char *text)
{
	size_t length = strlen(text);
	memcpy(out, text, length);
	return out + length;
}

static char *write_date(char *out, const struct time_civil *civil)
{
	out = write_digits(out, (uint64_t)civil->year, 4);
	*out++ = '-';
	out = write_digits(out, civil->month, 2);
	*out++ = '-';
	return write_digits(out, civil->day, 2);
}

static char *write_clock(char *out, const struct time_civil *civil)
{
	out = write_digits(out, civil->hour, 2);
	*out++ = ':';
	out = write_digits(out, civil->minute, 2);
	*out++ = ':';
	return write_digits(out, civil->second, 2);
}

static char *write_fraction(char *out, uint32_t ns, int digits)
{
	static const uint32_t divisor[] = { [3] = 1000000, [6] = 1000, [9] = 1 };

	if (!digits)
		return out;
	*out++ = '.';
	return write_digits(out, ns / divisor[digits], digits);
}

#define SECOND_TEXT  19 /* 2006-01-02T15:04:05 */
#define SECONDS_KEPT 16 /* a power of two */

/* Many records are of few seconds: their texts are kept. */
static char *write_second(char *out, uint64_t second)
{
	static _Thread_local struct {
		uint64_t next; /* the second after the one in `text`; 0: none */
		char text[SECOND_TEXT];
	} kept[SECONDS_KEPT];
	struct time_civil civil;
	size_t slot = second % SECONDS_KEPT;
	char *text = kept[slot].text;

	if (kept[slot].next != second + 1) {
		time_civil_from_seconds((int64_t)second, &civil);
		text = write_date(text, &civil);
		*text++ = 'T';
		write_clock(text, &civil);
		kept[slot].next = second + 1;
	}
	memcpy(out, kept[slot].text, SECOND_TEXT);
	return out + SECOND_TEXT;
}

char *time_write_json(char *out, uint64_t ns)
{
	uint32_t fraction = (uint32_t)(ns % NS_PER_S);
	int digits = fraction == 0 ? 0 : fraction % 1000000 == 0 ? 3 : fraction % 1000 == 0 ? 6 : 9;

	out = write_second(out, ns / NS_PER_S);
	out = write_fraction(out, fraction, digits);
	*out++ = 'Z';
	return out;
}

char *time_write_micro(char *out, uint64_t ns)
{
	out = write_second(out, ns / NS_PER_S);
	out = write_fraction(out, (uint32_t)(ns % NS_PER_S), 6);
	*out++ = 'Z';
	return out;
}

static int32_t zone_offset(const struct time_zone *zone, int64_t seconds)
{
	if (!zone || zone->kind == TIME_ZONE_UTC)
		return 0;
	if (zone->kind == TIME_ZONE_FIXED)
		return zone->offset_s;
	time_t moment = (time_t)seconds;
	struct tm tm;
	return localtime_r(&moment, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* "+02:00", with `colon` false "+0200"; `zulu`: UTC is Z. */
static char *write_offset(char *out, int32_t offset, bool colon, bool zulu)
{
	unsigned minutes = (unsigned)(offset < 0 ? -offset : offset) / 60;

	if (offset == 0 && zulu) {
		*out++ = 'Z';
		return out;
	}
	*out++ = offset < 0 ? '-' : '+';
	out = write_digits(out, minutes / 60, 2);
	if (colon)
		*out++ = ':';
	return write_digits(out, minutes % 60, 2);
}

static char *write_stamp(char *out, const struct time_civil *civil, uint32_t ns)
{
	out = write_text(out, time_civil_months[civil->month - 1]);
	*out++ = ' ';
	*out++ = civil->day < 10 ? ' ' : (char)('0' + civil->day / 10);
	*out++ = (char)('0' + civil->day % 10);
	*out++ = ' ';
	out = write_clock(out, civil);
	return write_fraction(out, ns, 3);
}

static char *write_rfc3339(char *out, const struct time_civil *civil, uint32_t ns, int digits,
			   int32_t offset)
{
	out = write_date(out, civil);
	*out++ = 'T';
	out = write_clock(out, civil);
	out = write_fraction(out, ns, digits);
	return write_offset(out, offset, true, true);
}

static char *write_rfc1123z(char *out, const struct time_civil *civil, int32_t offset)
{
	int64_t days = time_civil_days(civil->year, civil->month, civil->day);

	out = write_text(out, time_civil_weekdays[(days % 7 + 7) % 7]);
	out = write_text(out, ", ");
	out = write_digits(out, civil->day, 2);
	*out++ = ' ';
	out = write_text(out, time_civil_months[civil->month - 1]);
	*out++ = ' ';
	out = write_digits(out, (uint64_t)civil->year, 4);
	*out++ = ' ';
	out = write_clock(out, civil);
	*out++ = ' ';
	return write_offset(out, offset, false, false);
}

/* YearMonthDayHour and YearMonthDayHourMinute */
static char *write_coarse(char *out, const struct time_civil *civil, bool minute, int32_t offset)
{
	out = write_date(out, civil);
	*out++ = 'T';
	out = write_digits(out, civil->hour, 2);
	if (minute) {
		*out++ = ':';
		out = write_digits(out, civil->minute, 2);
	}
	return write_offset(out, offset, true, false);
}

static char *write_layout(char *out, uint64_t ns, enum time_layout layout, int32_t offset)
{
	struct time_civil civil;
	uint32_t fraction = (uint32_t)(ns % NS_PER_S);

	time_civil_from_seconds((int64_t)(ns / NS_PER_S) + offset, &civil);
	switch (layout) {
	case TIME_STAMP_MILLI:
		return write_stamp(out, &civil, fraction);
	case TIME_DAY:
		return write_date(out, &civil);
	case TIME_HOUR:
	case TIME_MINUTE:
		return write_coarse(out, &civil, layout == TIME_MINUTE, offset);
	case TIME_RFC3339:
		return write_rfc3339(out, &civil, fraction, 0, offset);
	case TIME_RFC3339_MILLI:
		return write_rfc3339(out, &civil, fraction, 3, offset);
	case TIME_RFC3339_MICRO:
		return write_rfc3339(out, &civil, fraction, 6, offset);
	case TIME_RFC3339_NANO:
		return write_rfc3339(out, &civil, fraction, 9, offset);
	case TIME_RFC1123Z:
		return write_rfc1123z(out, &civil, offset);
	case TIME_UNIX:
		return out + sprintf(out, "%" PRIu64, ns / NS_PER_S);
	case TIME_UNIX_MILLI:
		return out + sprintf(out, "%" PRIu64, ns / 1000000);
	case TIME_UNIX_NANO:
		return out + sprintf(out, "%" PRIu64, ns);
	case TIME_LAYOUT_COUNT:
		break;
	}
	return out;
}

int time_format(uint64_t ns, enum time_layout layout, const struct time_zone *zone, char *text,
		size_t size)
{
	char line[TIME_TEXT_MAX];
	int32_t offset = zone_offset(zone, (int64_t)(ns / NS_PER_S));
	size_t length = (size_t)(write_layout(line, ns, layout, offset) - line);

	if (size) {
		size_t fits = length < size ? length : size - 1;
		memcpy(text, line, fits);
		text[fits] = '\0';
	}
	return (int)length;
}

/* The largest unit that leaves three digits before the point, at most three after it. */
int time_format_duration(uint64_t ns, char *text, size_t size)
{
	uint64_t seconds = ns / NS_PER_S;

	if (ns < 1000)
		return snprintf(text, size, "%" PRIu64 "ns", ns);
	if (ns < 1000000)
		return snprintf(text, size, "%.4gus", (double)ns / 1e3);
	if (ns < NS_PER_S)
		return snprintf(text, size, "%.4gms", (double)ns / 1e6);
	if (seconds < 60)
		return snprintf(text, size, "%" PRIu64 ".%03us", seconds,
				(unsigned)(ns % NS_PER_S / 1000000));
	if (seconds < 3600)
		return snprintf(text, size, "%" PRIu64 "m%02us", seconds / 60,
				(unsigned)(seconds % 60));
	return snprintf(text, size, "%" PRIu64 "h%02um%02us", seconds / 3600,
			(unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}
