/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Somebody else's programs: they drop what goes to UDP port 9, and let the rest pass. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __attribute__((always_inline)) inline int is_discard(const void *data, const void *end)
{
	const struct ethhdr *ethernet = data;
	const struct iphdr *ip = (const void *)(ethernet + 1);
	const struct udphdr *udp = (const void *)(ip + 1);

	return (const void *)(udp + 1) <= end && ethernet->h_proto == bpf_htons(ETH_P_IP) &&
	       ip->protocol == 17 && udp->dest == bpf_htons(9);
}

SEC("tc")
int tc_discard(struct __sk_buff *skb)
{
	return is_discard((const void *)(long)skb->data, (const void *)(long)skb->data_end)
		       ? TC_ACT_SHOT
		       : TC_ACT_OK;
}

SEC("xdp")
int xdp_discard(struct xdp_md *context)
{
	return is_discard((const void *)(long)context->data, (const void *)(long)context->data_end)
		       ? XDP_DROP
		       : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
