/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Later fragments have no ports: they are given those of the first one, where that was seen less
 * than FLOW_FRAGMENT_TIMEOUT_S ago. Rare, so the kernel's LRU hash will do.
 */
#ifndef FLOW_FRAGMENT_BPF_H
#define FLOW_FRAGMENT_BPF_H

#include "bpf-common/flow_maps.bpf.h"
#include "bpf-common/flow_sighting.bpf.h"
#include "bpf-common/packet_fragment.h"

FLOW_INLINE void flow_remember_fragment(struct flow_ledger *ledger, const struct packet *packet,
					const struct flow_fragment_id *id)
{
	struct flow_fragment first;

	packet_fragment_first(packet, &first);
	first.jiffies = (__u32)bpf_jiffies64();
	if (bpf_map_update_elem(&flow_fragments, id, &first, BPF_ANY))
		ledger->fragments_forgotten++;
}

static __attribute__((noinline)) int flow_join_fragment(struct flow_ledger *ledger,
							struct packet *packet)
{
	const struct flow_fragment *first;
	struct flow_fragment_id id;

	packet_fragment_id(packet, &id);
	if (packet->fragment == PACKET_FRAGMENT_FIRST) {
		flow_remember_fragment(ledger, packet, &id);
		return 0;
	}
	first = bpf_map_lookup_elem(&flow_fragments, &id);
	if (first && (__u32)bpf_jiffies64() - first->jiffies > FLOW_FRAGMENT_TIMEOUT_S * cfg_hz)
		first = 0;
	ledger->fragments_joined += !!first;
	packet_fragment_later(packet, first);
	return 0;
}

#endif
