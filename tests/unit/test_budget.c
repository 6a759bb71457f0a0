// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The budget: steps up while it is exceeded, back when there is room, no further than it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "flowd/budget.h"

#define LOOK_NS UINT64_C(5000000000)

static uint64_t now_ns, cpu_ns;

/* So many looks at this load, in thousandths of a CPU; the factor afterwards. */
static uint32_t spend(struct budget *budget, int looks, uint64_t thousandths)
{
	uint32_t factor = 0;

	while (looks--) {
		now_ns += LOOK_NS;
		cpu_ns += LOOK_NS / 1000 * thousandths;
		factor = budget_look(budget, now_ns, cpu_ns);
	}
	return factor;
}

static void test_steps(void **state)
{
	struct budget budget = { .percent = 2 };

	(void)state;
	assert_int_equal(spend(&budget, 10, 19), 1); /* within */
	assert_int_equal(spend(&budget, 1, 30), 1);  /* a moment is none */
	assert_int_equal(spend(&budget, 1, 19), 1);
	assert_int_equal(spend(&budget, 2, 30), 2);
	assert_int_equal(spend(&budget, 2, 30), 4);
	assert_int_equal(spend(&budget, 100, 10), 4); /* neither over nor far below */
	assert_int_equal(spend(&budget, 5, 1), 4);
	assert_int_equal(spend(&budget, 1, 1), 2);
	assert_int_equal(spend(&budget, 6, 1), 1);
	assert_int_equal(spend(&budget, 60, 1), 1);
	assert_int_equal(spend(&budget, 100, 999), BUDGET_FACTOR_MAX);
}

static void test_no_bound(void **state)
{
	struct budget budget = { .percent = 0 };

	(void)state;
	assert_int_equal(spend(&budget, 100, 999), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_steps),
					    cmocka_unit_test(test_no_bound) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
