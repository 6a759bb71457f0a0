/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/table_growth.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"

#define GROWTH_STAY_NS \
	(8 * CLOCK_S)	  /* entries that stay for less, on average, have not enough room */
#define GROWTH_NOTICED 64 /* of a CPU's entries, one in so many: fewer are chance */

struct table_growth {
	uint32_t *mask;
	struct flow_cpus cpus;
	uint32_t sets, sets_used;
	uint64_t looked_ns;
	uint64_t replaced[]; /* of each CPU, when it was looked at last */
};

static void growth_use(struct table_growth *growth, uint32_t sets)
{
	growth->sets_used = sets;
	__atomic_store_n(growth->mask, sets - 1, __ATOMIC_RELAXED);
}

int table_growth_open(struct table_growth **out, uint32_t *mask, const struct flow_cpus *cpus)
{
	struct table_growth *growth =
		calloc(1, sizeof(*growth) + cpus->count * sizeof(*growth->replaced));

	if (!growth)
		return -ENOMEM;
	growth->mask = mask;
	growth->cpus = *cpus;
	growth->sets = flow_cpus_sets(cpus);
	growth->looked_ns = clock_monotonic_ns();
	growth_use(growth, growth->sets < TABLE_GROWTH_SETS ? growth->sets : TABLE_GROWTH_SETS);
	*out = growth;
	return 0;
}

void table_growth_close(struct table_growth *growth)
{
	free(growth);
}

uint32_t table_growth_sets(const struct table_growth *growth)
{
	return growth->sets_used;
}

/* Entries replaced since the last look, on the CPU that replaced most. */
static uint64_t growth_replaced(struct table_growth *growth)
{
	uint64_t most = 0;

	for (uint32_t cpu = 0; cpu < growth->cpus.count; cpu++) {
		const volatile struct flow_ledger *ledger =
			&flow_cpus_one(&growth->cpus, cpu)->ledger;
		uint64_t replaced = ledger->evictions + ledger->evictions_clean;
		uint64_t since = replaced - growth->replaced[cpu];

		growth->replaced[cpu] = replaced;
		most = since > most ? since : most;
	}
	return most;
}

bool table_growth_look(struct table_growth *growth, uint64_t monotonic_ns)
{
	uint64_t replaced = growth_replaced(growth), elapsed_ns = monotonic_ns - growth->looked_ns;
	uint32_t sets = growth->sets_used;

	growth->looked_ns = monotonic_ns;
	while (sets < growth->sets && replaced >= (uint64_t)sets * FLOW_WAYS / GROWTH_NOTICED &&
	       replaced * GROWTH_STAY_NS >= (uint64_t)sets * FLOW_WAYS * elapsed_ns)
		sets *= 2;
	if (sets == growth->sets_used)
		return false;
	growth_use(growth, sets);
	return true;
}
