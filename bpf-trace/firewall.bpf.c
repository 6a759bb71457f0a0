/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which chain of which firewall looks at a packet: noted on entry, so that a drop inside it, or
 * right behind it, can be told with names. Only where the kernel lets its functions be traced; an
 * object of its own, because that is known when it is loaded.
 */
#include "bpf-trace/trace_event.bpf.h"

TRACE_INLINE int firewall_note(const void *packet, const void *chain, __u32 kind, __u32 hook)
{
	__u32 zero = 0;
	struct trace_firewall *firewall = bpf_map_lookup_elem(&trace_firewalls, &zero);

	if (!firewall)
		return 0;
	firewall->packet = (__u64)packet;
	firewall->chain = (__u64)chain;
	firewall->kind = kind;
	firewall->hook = hook;
	return 0;
}

/* Arguments: what is known of the packet, the base chain. */
SEC("fentry/nft_do_chain")
int trace_nft_chain(__u64 *ctx)
{
	const struct nft_pktinfo *info = (const struct nft_pktinfo *)ctx[0];

	return firewall_note(BPF_CORE_READ(info, skb), (const void *)ctx[1],
			     TRACE_FIREWALL_NFTABLES, BPF_CORE_READ(info, state, hook));
}

/* Arguments: table, packet, state; both functions alike since 5.16. */
SEC("fentry/ipt_do_table")
int trace_ipt_table(__u64 *ctx)
{
	return firewall_note((const void *)ctx[1], (const void *)ctx[0], TRACE_FIREWALL_IPTABLES,
			     BPF_CORE_READ((const struct nf_hook_state *)ctx[2], hook));
}

SEC("fentry/ip6t_do_table")
int trace_ip6t_table(__u64 *ctx)
{
	return firewall_note((const void *)ctx[1], (const void *)ctx[0], TRACE_FIREWALL_IPTABLES,
			     BPF_CORE_READ((const struct nf_hook_state *)ctx[2], hook));
}
