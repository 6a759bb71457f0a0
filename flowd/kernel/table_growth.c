/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/table_growth.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"

#define GROWTH_STAY_NS \
	(8 * CLOCK_S)	  /* entries that stay for less, on average, have not enough room */
#define GROWTH_NOTICED 64 /* of a CPU's entries, one in so many: fewer are chance */

struct table_growth {
	uint32_t *resting;
	const struct flow_ledger_slot *ledgers;
	uint32_t cpus, sets, sets_used;
	uint64_t looked_ns;
	uint64_t replaced[]; /* of each CPU, when it was looked at last */
};

static void growth_use(struct table_growth *growth, uint32_t sets)
{
	growth->sets_used = sets;
	__atomic_store_n(growth->resting, (growth->sets - 1) & ~(sets - 1), __ATOMIC_RELAXED);
}

int table_growth_open(struct table_growth **out, uint32_t *resting,
		      const struct flow_ledger_slot *ledgers, uint32_t cpus, uint32_t sets)
{
	struct table_growth *growth = calloc(1, sizeof(*growth) + cpus * sizeof(*growth->replaced));

	if (!growth)
		return -ENOMEM;
	growth->resting = resting;
	growth->ledgers = ledgers;
	growth->cpus = cpus;
	growth->sets = sets;
	growth->looked_ns = clock_monotonic_ns();
	growth_use(growth, sets < TABLE_GROWTH_SETS ? sets : TABLE_GROWTH_SETS);
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

	for (uint32_t cpu = 0; cpu < growth->cpus; cpu++) {
		const volatile struct flow_ledger *ledger = &growth->ledgers[cpu].ledger;
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
