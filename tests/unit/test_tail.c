/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowcli/tail.h"
#include "tests/unit/sample_record.h"

struct seen {
	uint64_t count, first, last;
	const char *name;
};

static void visit(void *context, const struct flow_record *record)
{
	struct seen *seen = context;

	if (!seen->count++)
		seen->first = record->position;
	else
		assert_int_equal(record->position, seen->last + 1);
	seen->last = record->position;
	seen->name = record->points[0].interface;
}

static struct seen fill(struct tail *tail, uint64_t records)
{
	struct seen seen = { 0 };

	for (uint64_t i = 1; i <= records; i++) {
		char name[16] = "veth7"; /* does not outlive the call */
		struct flow_record record = sample_record();
		record.position = i;
		record.points[0].interface = name;
		assert_int_equal(tail_add(tail, &record), 0);
		memset(name, 'x', sizeof(name) - 1);
	}
	tail_each(tail, visit, &seen);
	return seen;
}

static void test_keeps_the_last(void **state)
{
	static const struct {
		uint64_t limit, records, first, count;
	} table[] = { { 1, 1, 1, 1 },	       { 1, 5, 5, 1 },
		      { 3, 2, 1, 2 },	       { 3, 3, 1, 3 },
		      { 3, 4, 2, 3 },	       { 3, 300, 298, 3 },
		      { 5000, 4000, 1, 4000 }, { 5000, 12345, 7346, 5000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct tail *tail;
		assert_int_equal(tail_open(&tail, table[i].limit), 0);
		struct seen seen = fill(tail, table[i].records);
		assert_int_equal(seen.count, table[i].count);
		assert_int_equal(seen.first, table[i].first);
		assert_int_equal(seen.last, table[i].records);
		assert_string_equal(seen.name, "veth7");
		tail_close(tail);
	}
}

static void test_empty(void **state)
{
	struct tail *tail;

	(void)state;
	assert_int_equal(tail_open(&tail, UINT64_MAX), 0);
	assert_int_equal(fill(tail, 0).count, 0);
	tail_close(tail);
	tail_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_the_last),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
