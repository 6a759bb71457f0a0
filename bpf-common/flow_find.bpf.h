/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a key to its entry: the hash, which names a set of this CPU's table and a tag, the set's
 * head, and the ways whose tags are alike.
 */
#ifndef FLOW_FIND_BPF_H
#define FLOW_FIND_BPF_H

#include "bpf-common/flow_cpu.bpf.h"
#include "bpf-common/flow_tags.h"

/* The last four bytes of an address: all that a mapped IPv4 address says. */
FLOW_INLINE __u32 flow_key_ipv4(const __u8 *address)
{
	return *(const __u32 *)(address + 12);
}

/* One term of NH: 32-bit sums with a number of the seed each, 64-bit product. */
FLOW_INLINE __u64 flow_hash_pair(__u32 left, __u32 right, __u32 term)
{
	const volatile __u32 *seed = (const volatile __u32 *)cfg_hash_seed;

	return (__u64)(left + seed[2 * term]) * (right + seed[2 * term + 1]);
}

FLOW_INLINE __u64 flow_hash_word(__u64 word, __u32 term)
{
	return flow_hash_pair((__u32)word, (__u32)(word >> 32), term);
}

/*
 * NH (RFC 4418, 5.2.2): for a random seed two keys collide with probability 2^-32, whoever chose
 * them; the multiply-shift at the end spreads that over the sets. Of mapped IPv4 addresses only the
 * last four bytes say anything.
 */
FLOW_INLINE __u32 flow_hash(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = flow_hash_word(words[0], 0);

	if (key->scope & FLOW_SCOPE_IPV6)
		sum += flow_hash_word(words[1], 1) + flow_hash_word(words[2], 2) +
		       flow_hash_word(words[3], 3) + flow_hash_word(words[4], 4);
	else
		sum += flow_hash_pair(flow_key_ipv4(key->src), flow_key_ipv4(key->dst), 1);
	sum ^= sum >> 32; /* else keys in sequence leave whole sets empty under some seeds */
	return (__u32)((sum * (cfg_hash_seed[5] | 1)) >> 32);
}

/* The first word has the scope in it: where that says IPv4 on both sides, the rest of the addresses
 * is the same. */
FLOW_INLINE int flow_key_equal(const struct flow_key *left, const struct flow_key *right)
{
	const __u64 *a = (const __u64 *)left, *b = (const __u64 *)right;

	if (a[0] != b[0])
		return 0;
	if (right->scope & FLOW_SCOPE_IPV6)
		return a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
	return flow_key_ipv4(left->src) == flow_key_ipv4(right->src) &&
	       flow_key_ipv4(left->dst) == flow_key_ipv4(right->dst);
}

/* Of this CPU's `sets`. */
FLOW_INLINE __u32 flow_set(__u32 hash, __u32 sets)
{
	return hash & *(const volatile __u32 *)&flow_sets_mask & (sets - 1);
}

/* The way that the entry takes if it can. */
FLOW_INLINE __u32 flow_wanted_way(__u32 hash)
{
	return hash / (1u << 29);
}

/*
 * Begins to load its line; nothing waits for it. Behind a test of the head: the processor guesses
 * the outcome and so need not wait for the head to get here, and where nothing is ever found it
 * learns to stay away.
 */
FLOW_INLINE void flow_prefetch(const struct flow_hot_set *hots, __u32 hash)
{
	(void)*(const volatile __u64 *)&hots->way[flow_wanted_way(hash)].key;
}

/* The way that has the key; FLOW_WAYS where none has it. */
FLOW_INLINE __u32 flow_find(const struct flow_hot_set *hots, const struct flow_key *key, __u32 hash,
			    __u64 head)
{
	__u64 matches = flow_tags_equal(head, flow_tag(hash));

	if (unlikely(!matches))
		return FLOW_WAYS;
	flow_prefetch(hots, hash);
	for (__u32 i = 0; i < FLOW_WAYS && matches; i++) {
		__u32 way = flow_tags_first(matches);
		const struct flow_hot *hot = &hots->way[way];

		PACKET_OPAQUE(hot); /* one address, not one for each of its words */
		if (likely(flow_key_equal(&hot->key, key)))
			return way;
		matches &= matches - 1;
	}
	return FLOW_WAYS;
}

/*
 * The sets that take what one of them has no room for: those whose heads lie beside its own. Ways
 * are never given back, so a full set stays full, and an entry that is not in its own set is found
 * in the first of the others that is not full, or before it.
 */
#define FLOW_NEIGHBOURS 4
FLOW_ABI_ASSERT(FLOW_SETS_MIN % FLOW_NEIGHBOURS == 0);

/* Where an entry is, or is to be: `way` FLOW_WAYS where the set has none with the key. */
struct flow_place {
	__u32 set, way;
};

/* Where the key is; else the first set with room; else its own. */
FLOW_INLINE struct flow_place flow_look(struct flow_cpu *cpu, __u32 sets,
					const struct flow_key *key, __u32 hash)
{
	struct flow_place place;

	for (__u32 i = 0; i < FLOW_NEIGHBOURS; i++) {
		__u64 head;

		place.set = (flow_set(hash, sets) ^ i) & (sets - 1); /* for Linux 6.1's verifier */
		head = *flow_head(cpu, place.set);
		place.way = flow_find(flow_hots(cpu, sets, place.set), key, hash, head);
		if (likely(place.way < FLOW_WAYS) || flow_tags_unused(head))
			return place;
	}
	place.set = flow_set(hash, sets);
	return place;
}

/* Tells user space that the set changed, after the counters: user space clears it before it reads.
 * The word is whole in `head`, for only this CPU writes more than the bit. */
FLOW_INLINE void flow_touch_head(__u64 *at, __u64 head)
{
	*(volatile __u64 *)at = head | FLOW_HEAD_TOUCHED;
}

#endif
