/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is this CPU's own (struct flow_cpu): ledger, table and the room for the packet at hand.
 * Nobody else writes there, and on one CPU the hooks never interleave; but on PREEMPT_RT a task can
 * be preempted in here by another that gets here on the same CPU, so there they lock it.
 */
#ifndef FLOW_CPU_BPF_H
#define FLOW_CPU_BPF_H

#include "bpf-common/flow_maps.bpf.h"
#include "bpf-common/flow_sighting.bpf.h"

/* The packet at hand where it takes the long way, and what the parser finds beside its flow. Not on
 * the stack, of which the programs have 512 bytes. */
struct flow_scratch {
	struct sighting sighting;
	struct flow_extra extra;
};
FLOW_ABI_ASSERT(sizeof(struct flow_scratch) <= sizeof(((struct flow_cpu *)0)->scratch));

FLOW_INLINE struct flow_cpu *flow_this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&flow_cpus, &cpu);
}

FLOW_INLINE struct flow_ledger *flow_this_ledger(void)
{
	struct flow_cpu *cpu = flow_this_cpu();

	return cpu ? &cpu->ledger : 0;
}

FLOW_INLINE struct flow_scratch *flow_scratch(struct flow_cpu *cpu)
{
	return (struct flow_scratch *)cpu->scratch;
}

/* What a step of the parser finds beside the packet, until flow_account() has entered it. */
FLOW_INLINE struct flow_extra *flow_scratch_extra(void)
{
	struct flow_cpu *cpu = flow_this_cpu();

	return cpu ? &flow_scratch(cpu)->extra : 0;
}

/* `set`: of this CPU's. */
FLOW_INLINE __u64 *flow_head(struct flow_cpu *cpu, __u32 set)
{
	return (__u64 *)((__u8 *)cpu + FLOW_CPU_HEADS) + set;
}

/* Of `sets`. */
FLOW_INLINE struct flow_hot_set *flow_hots(struct flow_cpu *cpu, __u32 sets, __u32 set)
{
	return (struct flow_hot_set *)((__u8 *)cpu + FLOW_CPU_HOTS(sets)) + set;
}

/* Its number among all, for the arrays that have all CPUs' sets. */
FLOW_INLINE __u32 flow_set_of_all(__u32 set)
{
	return bpf_get_smp_processor_id() * cfg_sets_per_cpu + set;
}

/* 0: it is in use, and the packet is refused. */
FLOW_INLINE int flow_lock(void)
{
	struct flow_ledger *ledger;

	if (!cfg_guard)
		return 1;
	ledger = flow_this_ledger();
	return ledger && !__sync_lock_test_and_set(&ledger->busy, 1);
}

/* Packets that this point would have counted. */
FLOW_INLINE void flow_refuse(__u32 packets)
{
	struct flow_ledger *ledger = flow_this_ledger();

	if (ledger)
		__sync_fetch_and_add(&ledger->reentered_packets, packets);
}

FLOW_INLINE void flow_unlock(void)
{
	struct flow_ledger *ledger = cfg_guard ? flow_this_ledger() : 0;

	if (ledger)
		*(volatile __u64 *)&ledger->busy = 0;
}

#endif
