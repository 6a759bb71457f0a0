/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowcli/option.h"
#include "proto/selection.h"

#define ARGUMENTS_MAX 8

static struct {
	bool follow, quiet;
	uint64_t last;
	const char *since, *output;
} given;

static const char *const formats[] = { "compact", "json", NULL };
static const struct option_row rows[] = {
	{ .name = "follow", .letter = 'f', .kind = OPTION_SWITCH, .variable = &given.follow },
	{ .name = "quiet", .letter = 'q', .kind = OPTION_SWITCH, .variable = &given.quiet },
	{ .name = "last",
	  .letter = 'n',
	  .kind = OPTION_COUNT,
	  .argument = "N",
	  .variable = &given.last },
	{ .name = "since", .kind = OPTION_TEXT, .argument = "TIME", .variable = &given.since },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_CHOICE,
	  .argument = "FORMAT",
	  .variable = &given.output,
	  .choices = formats },
	{ .name = "ip",
	  .kind = OPTION_FILTER,
	  .argument = "ADDRESS",
	  .fields = { "source.ip", "destination.ip" } },
	{ .name = "ipv4",
	  .letter = '4',
	  .kind = OPTION_FILTER,
	  .fields = { "ip.version" },
	  .constant = "v4" },
	{ .name = "where", .kind = OPTION_WHERE, .argument = "FIELD=VALUE" },
	{ .name = "not", .kind = OPTION_NOT },
	{ .name = "help", .letter = 'h', .kind = OPTION_HELP },
	{ 0 }
};
static const struct option_group group = { "Options", rows };
static const struct option_group *const groups[] = { &group, NULL };

/* Splits at blanks: a row of a table is one string. */
static int parse(const char *line, struct option_parser *parser, char *why, size_t why_size)
{
	static char text[256];
	char *arguments[ARGUMENTS_MAX];
	int count = 0;

	memset(&given, 0, sizeof(given));
	snprintf(text, sizeof(text), "%s", line);
	for (char *at = strtok(text, " "); at && count < ARGUMENTS_MAX; at = strtok(NULL, " "))
		arguments[count++] = at;
	parser->groups = groups;
	return option_parse(parser, count, arguments, why, why_size);
}

static void test_forms(void **state)
{
	static const struct {
		const char *line;
		bool follow, quiet;
		uint64_t last;
		const char *since, *output;
		int operands;
	} table[] = {
		{ "", false, false, 0, NULL, NULL, 0 },
		{ "--follow", true, false, 0, NULL, NULL, 0 },
		{ "-fq", true, true, 0, NULL, NULL, 0 },
		{ "--last 7", false, false, 7, NULL, NULL, 0 },
		{ "--last=7", false, false, 7, NULL, NULL, 0 },
		{ "-n7", false, false, 7, NULL, NULL, 0 },
		{ "-fn 7", true, false, 7, NULL, NULL, 0 },
		{ "--last 18446744073709551615", false, false, UINT64_MAX, NULL, NULL, 0 },
		{ "--last 1 --last 2", false, false, 2, NULL, NULL, 0 },
		{ "--since -5m", false, false, 0, "-5m", NULL, 0 },
		{ "-ojson a b", false, false, 0, NULL, "json", 2 },
		{ "a -f", true, false, 0, NULL, NULL, 1 },
		{ "-- -f --last", false, false, 0, NULL, NULL, 2 },
		{ "-", false, false, 0, NULL, NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct option_parser parser = { 0 };
		char why[256];
		assert_int_equal(parse(table[i].line, &parser, why, sizeof(why)), 0);
		assert_int_equal(given.follow, table[i].follow);
		assert_int_equal(given.quiet, table[i].quiet);
		assert_int_equal(given.last, table[i].last);
		assert_int_equal(parser.operand_count, table[i].operands);
		assert_true(!given.since == !table[i].since);
		if (given.since)
			assert_string_equal(given.since, table[i].since);
		assert_true(!given.output == !table[i].output);
		if (given.output)
			assert_string_equal(given.output, table[i].output);
	}
}

static void test_misuse(void **state)
{
	static const char *const table[][2] = {
		{ "--lasting 1", "unknown option --lasting" },
		{ "--las 1", "unknown option --las" },
		{ "-fx", "unknown option -x" },
		{ "--last", "--last needs a value: --last N" },
		{ "--follow=1", "--follow takes no value" },
		{ "--last 0", "--last: '0' is not a number from 1 on" },
		{ "--last -1", "--last: '-1' is not a number from 1 on" },
		{ "--last 18446744073709551616",
		  "--last: '18446744073709551616' is not a number from 1 on" },
		{ "--last 1x", "--last: '1x' is not a number from 1 on" },
		{ "-o xml", "--output: 'xml' is none of compact, json" },
		{ "--not", "--not at the end: it must stand before the filter that it negates" },
		{ "--not -f", "--not must stand before a filter, --follow is none" },
		{ "--where ip", "--where: 'ip' is not FIELD=VALUE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct selection selection = { 0 };
		struct option_parser parser = { .selection = &selection };
		char why[256] = "";
		assert_int_equal(parse(table[i][0], &parser, why, sizeof(why)), -EINVAL);
		assert_string_equal(why, table[i][1]);
		selection_fini(&selection);
	}
}

static void test_filters(void **state)
{
	static const char *const table[][2] = {
		{ "", "true" },
		{ "--ip 10.0.0.1", "(source.ip=10.0.0.1 or destination.ip=10.0.0.1)" },
		{ "-4 --where bytes=5", "(ip.version=IPv4 and bytes=5)" },
		{ "--where bytes=5 --where bytes=6", "(bytes=5 or bytes=6)" },
		{ "-4 --where ip.version=v6", "(ip.version=IPv4 or ip.version=IPv6)" },
		{ "--not -4", "not ip.version=IPv4" },
		{ "--not -4 --not --where bytes=5", "(not ip.version=IPv4 and not bytes=5)" },
		{ "--not -4 --where bytes=5", "(bytes=5 and not ip.version=IPv4)" },
		{ "--not --ip ::1", "not (source.ip=::1 or destination.ip=::1)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct selection selection = { 0 };
		struct option_parser parser = { .selection = &selection };
		struct filter *filter;
		char text[512];
		assert_int_equal(parse(table[i][0], &parser, text, sizeof(text)), 0);
		assert_int_equal(selection_take(&selection, &filter), 0);
		filter_format(filter, text, sizeof(text));
		assert_string_equal(text, table[i][1]);
		filter_free(filter);
	}
}

static void test_help_ends_the_reading(void **state)
{
	struct option_parser parser = { 0 };
	char why[64];

	(void)state;
	assert_int_equal(parse("-h --bogus", &parser, why, sizeof(why)), 0);
	assert_true(parser.help);
}

static void test_operand_ends_the_reading(void **state)
{
	struct option_parser parser = { .stop_at_operand = true };
	char why[64];

	(void)state;
	assert_int_equal(parse("-f status --bogus", &parser, why, sizeof(why)), 0);
	assert_int_equal(parser.next, 2);
	assert_true(given.follow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_help_ends_the_reading),
		cmocka_unit_test(test_operand_ends_the_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
