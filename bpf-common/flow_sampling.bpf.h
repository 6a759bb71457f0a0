/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sampling: 1 in N packets, or all packets of 1 in N conversations. What opens, closes or breaks a
 * connection is always counted, and so is the first packet of an entry: those are "certain", and
 * counted apart (struct flow_extra), so that a reader can scale the rest.
 */
#ifndef FLOW_SAMPLING_BPF_H
#define FLOW_SAMPLING_BPF_H

#include "bpf-common/flow_maps.bpf.h"
#include "bpf-common/flow_sighting.bpf.h"

/* 1 in N of all 32-bit numbers. */
FLOW_INLINE int flow_is_chosen(__u32 number, __u32 sampling)
{
	return ((__u64)number * sampling) >> 32 == 0;
}

/* The same for both directions. */
FLOW_INLINE __u32 flow_conversation_hash(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = words[1] + words[2] + words[3] + words[4] + key->protocol;

	if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6)
		sum += key->icmp_id * 0x9e3779b97f4a7c15ull;
	else
		sum += ((__u64)key->src_port + key->dst_port) * 0x9e3779b97f4a7c15ull;
	sum = (sum ^ cfg_hash_seed[5]) * 0xd6e8feb86659fd93ull;
	return (__u32)((sum ^ sum >> 29) * 0xbf58476d1ce4e5b9ull >> 32);
}

/* A step of a full-period generator (Knuth, MMIX); a CPU's packets are chosen by its own. */
FLOW_INLINE __u32 flow_next_choice(struct flow_ledger *ledger)
{
	ledger->sampling_state =
		ledger->sampling_state * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)(ledger->sampling_state >> 32);
}

FLOW_INLINE int flow_is_certain(const struct sighting *sighting)
{
	return sighting->packet.flags & (FLOW_TCP_SYN | FLOW_TCP_FIN | FLOW_TCP_RST);
}

static __attribute__((noinline)) int flow_sample(struct flow_ledger *ledger,
						 struct sighting *sighting)
{
	__u32 number = sighting->flow_sampling ? flow_conversation_hash(&sighting->packet.key)
					       : flow_next_choice(ledger);

	sighting->packet.flags |= FLOW_FLAG_SAMPLED;
	sighting->left_out =
		!flow_is_certain(sighting) && !flow_is_chosen(number, sighting->sampling);
	return 0;
}

#endif
