/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The array `flow_cpus` in our memory (struct flow_cpu): where each CPU's ledger and table lie. */
#ifndef KERNEL_FLOW_CPUS_H
#define KERNEL_FLOW_CPUS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"

struct flow_cpus {
	uint8_t *address;
	uint32_t count;
	uint32_t sets_bits; /* a CPU has 2^sets_bits sets */
};

static inline uint32_t flow_cpus_sets(const struct flow_cpus *cpus)
{
	return 1u << cpus->sets_bits;
}

/* number < count */
static inline struct flow_cpu *flow_cpus_one(const struct flow_cpus *cpus, size_t number)
{
	return (struct flow_cpu *)(cpus->address + number * FLOW_CPU_BYTES(flow_cpus_sets(cpus)));
}

/* `set` among those of all CPUs. */
static inline uint64_t *flow_cpus_head(const struct flow_cpus *cpus, size_t set)
{
	uint8_t *cpu = (uint8_t *)flow_cpus_one(cpus, set >> cpus->sets_bits);

	return (uint64_t *)(cpu + FLOW_CPU_HEADS) + (set & (flow_cpus_sets(cpus) - 1));
}

static inline struct flow_hot_set *flow_cpus_hots(const struct flow_cpus *cpus, size_t set)
{
	uint8_t *cpu = (uint8_t *)flow_cpus_one(cpus, set >> cpus->sets_bits);

	return (struct flow_hot_set *)(cpu + FLOW_CPU_HOTS(flow_cpus_sets(cpus))) +
	       (set & (flow_cpus_sets(cpus) - 1));
}

#endif
