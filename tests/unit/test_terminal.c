/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flowcli/terminal.h"

static void test_escape(void **state)
{
	static const char *const table[][2] = {
		{ "", "" },
		{ "eth0", "eth0" },
		{ "\033[31mred", "^[[31mred" },
		{ "a\rb\nc\td", "a\\rb\\nc\\td" },
		{ "\001\037\177", "^A^_^?" },
		{ "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x90\x9d",
		  "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x90\x9d" },
		{ "\xc2\x9b"
		  "31m",
		  "\\u009b31m" }, /* CSI as a C1 control */
		{ "\xe2\x80\xae"
		  "abc",
		  "\\u202e"
		  "abc" }, /* right-to-left override */
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc3", "\\xc3" },				/* cut short */
		{ "\xc0\xaf", "\\xc0\\xaf" },			/* overlong */
		{ "\xe0\x80\x9b", "\\xe0\\x80\\x9b" },		/* overlong control */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond Unicode */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char out[128];
		size_t length = terminal_escape(table[i][0], out, sizeof(out));
		assert_string_equal(out, table[i][1]);
		assert_int_equal(length, strlen(table[i][1]));
	}
}

static void test_escape_cuts_between_pieces(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(terminal_escape("abc\xff"
					 "d",
					 out, 5),
			 3);
	assert_string_equal(out, "abc");
	assert_int_equal(terminal_escape("abc", out, 1), 0);
	assert_string_equal(out, "");
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(terminal_width(""), 0);
	assert_int_equal(terminal_width("gr\xc3\xbcn"), 4);
}

static void test_paint(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(terminal_paint("x", PAINT_CYAN, true, out, sizeof(out)), 10);
	assert_string_equal(out, "\033[36mx\033[0m");
	terminal_paint("x", PAINT_CYAN, false, out, sizeof(out));
	assert_string_equal(out, "x");
	terminal_paint("x", PAINT_NONE, true, out, sizeof(out));
	assert_string_equal(out, "x");
	assert_int_equal(terminal_paint("0123456789", PAINT_NONE, false, out, 4), 3);
	assert_string_equal(out, "012");
}

static void test_color(void **state)
{
	(void)state;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_true(terminal_wants_color("always", -1));
	assert_false(terminal_wants_color("never", -1));
	assert_false(terminal_wants_color("auto", -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape), cmocka_unit_test(test_escape_cuts_between_pieces),
		cmocka_unit_test(test_width),  cmocka_unit_test(test_paint),
		cmocka_unit_test(test_color),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
