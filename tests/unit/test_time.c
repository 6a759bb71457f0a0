/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/time.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))
#define SECOND	    1000000000ull
#define NOW	    (1714979289ull * SECOND + 123456789) /* 2024-05-06T07:08:09.123456789Z */

static const struct time_zone berlin_summer = { TIME_ZONE_FIXED, 7200 };
static const struct time_zone newfoundland = { TIME_ZONE_FIXED, -12600 };

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "3s", NOW - 3 * SECOND },
		{ "4m", NOW - 240 * SECOND },
		{ "1h43m", NOW - 6180 * SECOND },
		{ "1.5h", NOW - 5400 * SECOND },
		{ "250ms", NOW - 250000000 },
		{ "2d", NOW - 172800 * SECOND },
		{ "0", NOW },
		{ "2024-05-06", 1714953600ull * SECOND },
		{ "2024-05-06T07+00:00", 1714978800ull * SECOND },
		{ "2024-05-06T07-07:00", 1715004000ull * SECOND },
		{ "2024-05-06T07:08+02:00", 1714972080ull * SECOND },
		{ "2024-05-06T07:08:09Z", 1714979289ull * SECOND },
		{ "2024-05-06 07:08:09", 1714979289ull * SECOND },
		{ "2024-05-06T07:08:09.123Z", 1714979289ull * SECOND + 123000000 },
		{ "2024-05-06T07:08:09.123456Z", 1714979289ull * SECOND + 123456000 },
		{ "2024-05-06T07:08:09.123456789Z", NOW },
		{ "2024-05-06T09:08:09.123456789+02:00", NOW },
		{ "Mon, 06 May 2024 03:38:09 -0330", 1714979289ull * SECOND },
		{ "@1714979289.123456789", NOW },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2024-02-29", 1709164800ull * SECOND },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[200] = "";
		uint64_t ns = 1;
		assert_int_equal(time_parse(rows[i].text, NOW, NULL, &ns, why, sizeof(why)), 0);
		assert_int_equal(ns, rows[i].ns);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const rows[] = {
		"",
		"s",
		"3",
		"3x",
		"3s4",
		"-3s",
		"2024-02-30",
		"2023-02-29",
		"2024-13-01",
		"2024-00-01",
		"2024-05-06T24:00:00Z",
		"2024-05-06T07:60:00Z",
		"2024-05-06T07:08:60Z",
		"2024-05-06T07:08:09.Z",
		"2024-05-06T07:08:09.1234567890Z",
		"2024-05-06T07:08:09+99:00",
		"2024-05-06T07:08:09Zx",
		"2024-5-6",
		"1969-12-31T23:59:59Z",
		"Mon, 06 Foo 2024 03:38:09 -0330",
		"Mon, 06 May 2024 03:38:09",
		"@",
		"@99999999999999999999",
		"99999999999h",
		"1000000h",
		"1970-01-01T00:00:00+01:00",
		"yesterday",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[300] = "";
		uint64_t ns = 1;
		assert_int_equal(time_parse(rows[i], NOW, NULL, &ns, why, sizeof(why)), -EINVAL);
		assert_int_equal(ns, 1);
		assert_non_null(strstr(why, rows[i]));
	}
}

static void test_parse_in_zone(void **state)
{
	struct time_zone local = { .kind = TIME_ZONE_LOCAL };
	char why[200];
	uint64_t ns;

	(void)state;
	assert_int_equal(time_parse("2024-05-06T09:08:09", NOW, &berlin_summer, &ns, why, 200), 0);
	assert_int_equal(ns, 1714979289ull * SECOND);
	assert_int_equal(time_parse("2024-05-06T09:08:09Z", NOW, &berlin_summer, &ns, why, 200), 0);
	assert_int_equal(ns, 1714986489ull * SECOND);
	setenv("TZ", "XYZ-2", 1);
	tzset();
	assert_int_equal(time_parse("2024-05-06T09:08:09", NOW, &local, &ns, why, 200), 0);
	assert_int_equal(ns, 1714979289ull * SECOND);
}

static void test_format(void **state)
{
	static const struct {
		enum time_layout layout;
		const struct time_zone *zone;
		const char *text;
	} rows[] = {
		{ TIME_STAMP_MILLI, NULL, "May  6 07:08:09.123" },
		{ TIME_DAY, NULL, "2024-05-06" },
		{ TIME_HOUR, NULL, "2024-05-06T07+00:00" },
		{ TIME_MINUTE, &newfoundland, "2024-05-06T03:38-03:30" },
		{ TIME_RFC3339, NULL, "2024-05-06T07:08:09Z" },
		{ TIME_RFC3339, &berlin_summer, "2024-05-06T09:08:09+02:00" },
		{ TIME_RFC3339_MILLI, NULL, "2024-05-06T07:08:09.123Z" },
		{ TIME_RFC3339_MICRO, NULL, "2024-05-06T07:08:09.123456Z" },
		{ TIME_RFC3339_NANO, NULL, "2024-05-06T07:08:09.123456789Z" },
		{ TIME_RFC1123Z, &newfoundland, "Mon, 06 May 2024 03:38:09 -0330" },
		{ TIME_UNIX, NULL, "1714979289" },
		{ TIME_UNIX_MILLI, NULL, "1714979289123" },
		{ TIME_UNIX_NANO, NULL, "1714979289123456789" },
	};
	char text[TIME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int length = time_format(NOW, rows[i].layout, rows[i].zone, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		assert_int_equal(length, strlen(text));
	}
	assert_int_equal(time_format(NOW, TIME_RFC3339, NULL, text, 5), 20);
	assert_string_equal(text, "2024");
}

/* Every layout reads back what it wrote, as far as it wrote. The C library is the judge of dates.
 */
static void test_calendar(void **state)
{
	(void)state;
	for (uint64_t seconds = 0; seconds < 9000000000ull; seconds += 7654321) {
		char ours[TIME_TEXT_MAX], theirs[TIME_TEXT_MAX], why[200];
		time_t moment = (time_t)seconds;
		struct tm tm;
		uint64_t ns;

		strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S +0000",
			 gmtime_r(&moment, &tm));
		time_format(seconds * SECOND, TIME_RFC1123Z, NULL, ours, sizeof(ours));
		assert_string_equal(ours, theirs);
		assert_int_equal(time_parse(ours, NOW, NULL, &ns, why, sizeof(why)), 0);
		assert_int_equal(ns, seconds * SECOND);
		time_format(seconds * SECOND + 5, TIME_RFC3339_NANO, &newfoundland, ours,
			    sizeof(ours));
		if (seconds > 12600) {
			assert_int_equal(time_parse(ours, NOW, NULL, &ns, why, sizeof(why)), 0);
			assert_int_equal(ns, seconds * SECOND + 5);
		}
	}
}

static void test_json_digits(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1714979289ull * SECOND, "2024-05-06T07:08:09Z" },
		{ 1714979289ull * SECOND + 500000000, "2024-05-06T07:08:09.500Z" },
		{ 1714979289ull * SECOND + 1000, "2024-05-06T07:08:09.000001Z" },
		{ NOW, "2024-05-06T07:08:09.123456789Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[40];
		*time_write_json(text, rows[i].ns) = '\0';
		assert_string_equal(text, rows[i].text);
	}
}

static void test_names(void **state)
{
	struct time_zone zone;

	(void)state;
	for (int i = 0; i < TIME_LAYOUT_COUNT; i++)
		assert_int_equal(time_layout_find(time_layout_name((enum time_layout)i)), i);
	assert_int_equal(time_layout_find("rfc3339nano"), TIME_RFC3339_NANO);
	assert_int_equal(time_layout_find("Kitchen"), -EINVAL);
	assert_int_equal(time_zone_parse("UTC", &zone), 0);
	assert_int_equal(zone.kind, TIME_ZONE_UTC);
	assert_int_equal(time_zone_parse("local", &zone), 0);
	assert_int_equal(zone.kind, TIME_ZONE_LOCAL);
	assert_int_equal(time_zone_parse("-03:30", &zone), 0);
	assert_int_equal(zone.offset_s, -12600);
	assert_int_equal(time_zone_parse("+2", &zone), -EINVAL);
	assert_int_equal(time_zone_parse("Mars", &zone), -EINVAL);
}

static void test_durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0ns" },
		{ 999, "999ns" },
		{ 1500, "1.5us" },
		{ 250000000, "250ms" },
		{ 1500000000, "1.500s" },
		{ 61 * SECOND, "1m01s" },
		{ 6180 * SECOND, "1h43m00s" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[TIME_TEXT_MAX];
		uint64_t ns = 0;
		time_format_duration(rows[i].ns, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		assert_int_equal(time_parse_duration(text, &ns), 0);
		assert_int_equal(ns, rows[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	      cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse_in_zone), cmocka_unit_test(test_format),
		cmocka_unit_test(test_calendar),      cmocka_unit_test(test_json_digits),
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_durations),
	};
	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
