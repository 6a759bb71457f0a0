/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of the kernel's table in use: as large as entries need to stay for a while, on the CPU
 * that needs most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/kernel/table_growth.h"

#define SETS_BITS 12
#define SETS	  (1u << SETS_BITS)
#define STEP	  (CLOCK_S / 2)
#define START	  (TABLE_GROWTH_SETS * FLOW_WAYS) /* entries */

static uint8_t memory[2 * FLOW_CPU_BYTES(SETS)];
static const struct flow_cpus cpus = { memory, 2, SETS_BITS };
static struct table_growth *growth;
static uint32_t mask;
static uint64_t now;

static int begin(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	now = clock_monotonic_ns();
	return table_growth_open(&growth, &mask, &cpus);
}

static int end(void **state)
{
	(void)state;
	table_growth_close(growth);
	return 0;
}

static struct flow_ledger *ledger(size_t cpu)
{
	return &flow_cpus_one(&cpus, cpu)->ledger;
}

static bool look(uint64_t after_ns)
{
	now += after_ns;
	return table_growth_look(growth, now);
}

static void test_begins_with_a_part(void **state)
{
	(void)state;
	assert_int_equal(table_growth_sets(growth), TABLE_GROWTH_SETS);
	assert_int_equal(mask, TABLE_GROWTH_SETS - 1);
	for (int i = 0; i < 10; i++)
		assert_false(look(STEP));
}

/* The other CPU alone replaces. */
static void test_doubles_when_entries_do_not_stay(void **state)
{
	(void)state;
	ledger(1)->evictions = START / 32;
	ledger(1)->evictions_clean = START / 32;
	assert_true(look(STEP)); /* they would stay for 8 s: too short, just so */
	assert_int_equal(table_growth_sets(growth), 2 * TABLE_GROWTH_SETS);
	assert_int_equal(mask, 2 * TABLE_GROWTH_SETS - 1);
	assert_false(look(STEP)); /* since then nothing was replaced */
	ledger(1)->evictions_clean += START / 16;
	assert_false(look(STEP)); /* in twice the room that is seldom */
}

static void test_chance_is_not_noticed(void **state)
{
	(void)state;
	ledger(0)->evictions = START / 64 - 1;
	assert_false(look(1)); /* within a nanosecond */
	ledger(0)->evictions += START / 64;
	assert_true(look(1));
}

static void test_a_flood_gets_all_at_once(void **state)
{
	(void)state;
	ledger(0)->evictions = 50000;
	assert_true(look(10 * CLOCK_MS));
	assert_int_equal(table_growth_sets(growth), SETS);
	assert_int_equal(mask, SETS - 1);
	ledger(0)->evictions += 1000000;
	assert_false(look(10 * CLOCK_MS));
}

static void test_a_small_table_is_used_whole(void **state)
{
	const struct flow_cpus few = { memory, 2, 5 };
	struct table_growth *small;

	(void)state;
	assert_int_equal(table_growth_open(&small, &mask, &few), 0);
	assert_int_equal(table_growth_sets(small), 32);
	assert_int_equal(mask, 31);
	table_growth_close(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begins_with_a_part, begin, end),
		cmocka_unit_test_setup_teardown(test_doubles_when_entries_do_not_stay, begin, end),
		cmocka_unit_test_setup_teardown(test_chance_is_not_noticed, begin, end),
		cmocka_unit_test_setup_teardown(test_a_flood_gets_all_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_a_small_table_is_used_whole, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
