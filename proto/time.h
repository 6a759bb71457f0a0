/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Times as people write and read them: Hubble's layouts, relative times, RFC 3339. All instants are
 * CLOCK_REALTIME nanoseconds since 1970. Pure except that a local zone asks the C library's zone
 * data (call tzset() once before threads start).
 */
#ifndef PROTO_TIME_H
#define PROTO_TIME_H

#include <stddef.h>
#include <stdint.h>

/* layout, X(NAME, name, example): names as in Hubble's --time-format, then our own */
#define TIME_LAYOUTS(X)                                                       \
	X(STAMP_MILLI, "StampMilli", "Jan  2 15:04:05.000")                   \
	X(DAY, "YearMonthDay", "2006-01-02")                                  \
	X(HOUR, "YearMonthDayHour", "2006-01-02T15-07:00")                    \
	X(MINUTE, "YearMonthDayHourMinute", "2006-01-02T15:04-07:00")         \
	X(RFC3339, "RFC3339", "2006-01-02T15:04:05Z07:00")                    \
	X(RFC3339_MILLI, "RFC3339Milli", "2006-01-02T15:04:05.999Z07:00")     \
	X(RFC3339_MICRO, "RFC3339Micro", "2006-01-02T15:04:05.999999Z07:00")  \
	X(RFC3339_NANO, "RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00") \
	X(RFC1123Z, "RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700")            \
	X(UNIX, "Unix", "1136214245")                                         \
	X(UNIX_MILLI, "UnixMilli", "1136214245000")                           \
	X(UNIX_NANO, "UnixNano", "1136214245000000000")
#define TIME_LAYOUT_ENUM(name, text, example) TIME_##name,
enum time_layout { TIME_LAYOUTS(TIME_LAYOUT_ENUM) TIME_LAYOUT_COUNT };

enum time_zone_kind { TIME_ZONE_UTC, TIME_ZONE_LOCAL, TIME_ZONE_FIXED };
struct time_zone {
	enum time_zone_kind kind;
	int32_t offset_s; /* east of UTC; TIME_ZONE_FIXED */
};

#define TIME_TEXT_MAX 48 /* bytes that hold any formatted time */

/* "UTC", "local", "+02:00", "-0530". 0 or -EINVAL. */
int time_zone_parse(const char *text, struct time_zone *out);
/* By name, case-insensitive: an enum time_layout, or -EINVAL. */
int time_layout_find(const char *name);
const char *time_layout_name(enum time_layout layout);
const char *time_layout_example(enum time_layout layout);

/*
 * Relative ("3s", "1h43m": that long before now_ns), "@1700000000.5", or a layout above except
 * StampMilli and the Unix ones; where the text names no zone, `zone` is meant (NULL = UTC). 0, or
 * -EINVAL with a sentence in `why` that names the text and what is expected.
 */
int time_parse(const char *text, uint64_t now_ns, const struct time_zone *zone, uint64_t *out_ns,
	       char *why, size_t why_size);
/* "1h43m", "1.5s", "300ms", "2d". 0 or -EINVAL. */
int time_parse_duration(const char *text, uint64_t *out_ns);

/* Return the length snprintf would. RFC 3339 fractions are shown as the layout's example says, with
 * all digits (RFC3339Nano: always nine). */
int time_format(uint64_t ns, enum time_layout layout, const struct time_zone *zone, char *text,
		size_t size);
int time_format_duration(uint64_t ns, char *text, size_t size);

/* RFC 3339 in UTC with 0, 3, 6 or 9 digits, as JSON wants it; at most 31 bytes, no NUL; returns the
 * end. */
char *time_write_json(char *out, uint64_t ns);
/* The same with always six digits, as RFC 5424 allows at most. */
char *time_write_micro(char *out, uint64_t ns);

#endif
