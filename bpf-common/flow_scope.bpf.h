/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is this packet looked at at all? Where user space has set a scope, only at devices that lead into
 * it, and where the packet's socket is in one of its cgroups; decided before a byte is parsed. What
 * is outside is counted and left alone.
 */
#ifndef FLOW_SCOPE_BPF_H
#define FLOW_SCOPE_BPF_H

#include "bpf-common/flow_account.bpf.h"

FLOW_INLINE int flow_scope_has_device(struct flow_device device)
{
	return device.role & FLOW_DEVICE_IN_SCOPE;
}

/* tc: the packet's socket is in a cgroup of the scope, or below one. 0 without a socket. */
__weak int flow_scope_has_socket(struct __sk_buff *skb, __u32 state)
{
	struct flow_filter_cgroup cgroup = { .bank = FLOW_FILTER_SCOPE_BANK };

	for (int level = 0; level < FLOW_FILTER_LEVELS; level++) {
		if (!(state & FLOW_FILTER_SCOPE_LEVEL(level)))
			continue;
		cgroup.id = bpf_skb_ancestor_cgroup_id(skb, level);
		if (cgroup.id && bpf_map_lookup_elem(&filter_cgroups, &cgroup))
			return 1;
	}
	return 0;
}

/* As the ledger is kept elsewhere: where a task can be preempted in here, by an atomic operation.
 */
FLOW_INLINE void flow_scope_turn_away(__u32 packets, __u32 bytes)
{
	struct flow_ledger *ledger = flow_this_ledger();

	if (!ledger)
		return;
	if (cfg_guard) {
		__sync_fetch_and_add(&ledger->out_of_scope_packets, packets);
		__sync_fetch_and_add(&ledger->out_of_scope_bytes, bytes);
	} else {
		ledger->out_of_scope_packets += packets;
		ledger->out_of_scope_bytes += bytes;
	}
}

#endif
