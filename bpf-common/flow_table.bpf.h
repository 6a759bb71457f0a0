/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's flow table: a set-associative LRU in arrays, one table a CPU, so that a hit is one
 * hash, one array look-up and plain additions. No lock and no atomic: a CPU writes its own table
 * only, and on one CPU the hooks never interleave (docs/decisions/flow-table.md). User space reads
 * along; what it must not see half-done is bracketed by `generation`. An entry that is replaced
 * travels to user space whole.
 */
#ifndef FLOW_TABLE_BPF_H
#define FLOW_TABLE_BPF_H

#include "bpf-common/flow_maps.bpf.h"
#include "bpf-common/flow_sampling.bpf.h"

/* Orders stores for readers on other CPUs. x86 keeps stores in order; elsewhere a full barrier. */
#ifdef __TARGET_ARCH_x86
#define flow_store_barrier(ledger) asm volatile("" ::: "memory")
#else
#define flow_store_barrier(ledger) ((void)__sync_fetch_and_add(&(ledger)->events, 0))
#endif

/* One term of NH: 32-bit sums, 64-bit product. */
FLOW_INLINE __u64 flow_hash_word(__u64 word, __u64 seed)
{
	__u32 low = (__u32)word + (__u32)seed;
	__u32 high = (__u32)(word >> 32) + (__u32)(seed >> 32);

	return (__u64)low * high;
}

/*
 * NH (RFC 4418, 5.2.2): for a random seed two keys collide with probability 2^-32, whoever chose
 * them; the multiply-shift at the end spreads that over the sets. The upper halves of mapped IPv4
 * addresses say nothing.
 */
FLOW_INLINE __u32 flow_hash(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = flow_hash_word(words[0], cfg_hash_seed[0]) +
		    flow_hash_word(words[2], cfg_hash_seed[2]) +
		    flow_hash_word(words[4], cfg_hash_seed[4]);

	if (key->scope & FLOW_SCOPE_IPV6)
		sum += flow_hash_word(words[1], cfg_hash_seed[1]) +
		       flow_hash_word(words[3], cfg_hash_seed[3]);
	sum ^= sum >> 32; /* else keys in sequence leave whole sets empty under some seeds */
	return (__u32)((sum * (cfg_hash_seed[5] | 1)) >> 32);
}

/* The first word has the scope in it: where that says IPv4 on both sides, the upper halves are the
 * same. */
FLOW_INLINE int flow_key_equal(const struct flow_key *left, const struct flow_key *right)
{
	const __u64 *a = (const __u64 *)left, *b = (const __u64 *)right;

	if (a[0] != b[0] || a[2] != b[2] || a[4] != b[4])
		return 0;
	return !(right->scope & FLOW_SCOPE_IPV6) || (a[1] == b[1] && a[3] == b[3]);
}

/* Tells user space that the set changed, after the counters: user space clears it before it reads.
 */
FLOW_INLINE void flow_touch(__u32 set)
{
	__u32 line = set / FLOW_TOUCHED_SETS;
	struct flow_touched *touched = bpf_map_lookup_elem(&flow_touched, &line);

	if (touched)
		touched->set[set % FLOW_TOUCHED_SETS] = 1;
}

/*
 * User space is woken while more than cfg_ring_wake bytes wait, at each FLOW_WAKE_EVENTS-th event
 * of a CPU: a wake-up costs 6,500 ns and more. (At the event that crosses the mark alone would be
 * cheaper, but two CPUs that cross it together both see it behind them.)
 */
#define FLOW_WAKE_EVENTS 256
FLOW_INLINE __u64 flow_ring_flags(__u64 seq)
{
	if (seq % FLOW_WAKE_EVENTS || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < cfg_ring_wake)
		return BPF_RB_NO_WAKEUP;
	return BPF_RB_FORCE_WAKEUP;
}

/* Takes back from user space what it said of this generation, and opens the books of `next`. */
FLOW_INLINE void flow_take_drained(struct flow_cold *cold, __u16 next, __u64 *drained,
				   __u64 *drained_bytes)
{
	*drained = __sync_lock_test_and_set(&cold->drained, FLOW_DRAINED(next, 0));
	*drained_bytes =
		__sync_lock_test_and_set(&cold->drained_bytes, FLOW_DRAINED_BYTES(next, 0));
}

/* What user space has not taken is lost with the entry; counted to the packet. */
FLOW_INLINE void flow_count_lost(struct flow_ledger *ledger, const struct flow_hot *hot,
				 __u64 drained, __u64 drained_bytes)
{
	if (hot->key.scope & FLOW_SCOPE_CARRIER) {
		ledger->carrier_lost_packets += hot->packets - (__u32)drained;
		return;
	}
	ledger->evict_lost_flows++;
	ledger->evict_lost_packets += hot->packets - (__u32)drained;
	ledger->evict_lost_bytes += (hot->bytes - drained_bytes) & FLOW_DRAINED_BYTES_MASK;
}

FLOW_INLINE void flow_fill_evicted(struct flow_ledger *ledger, struct flow_evicted *evicted,
				   __u32 slot, const struct flow_hot *hot,
				   const struct flow_cold *cold)
{
	evicted->event.type = FLOW_EVENT_FLOW_EVICTED;
	evicted->event.size = sizeof(*evicted);
	evicted->event.cpu = slot / (FLOW_WAYS * cfg_sets_per_cpu);
	evicted->event.time_ns = bpf_ktime_get_ns();
	evicted->event.seq = ++ledger->events;
	evicted->slot = slot;
	evicted->pad = 0;
	evicted->hot = *hot;
	evicted->cold = *cold;
}

/* With its extra part. False: the ring buffer is full. */
FLOW_INLINE int flow_evict_extra(struct flow_ledger *ledger, __u32 slot, const struct flow_hot *hot,
				 const struct flow_cold *cold, __u64 drained, __u64 drained_bytes)
{
	__u32 set = slot / FLOW_WAYS;
	const struct flow_extra_set *extras = bpf_map_lookup_elem(&flow_extras, &set);
	struct flow_evicted_extra *evicted;

	if (!extras)
		return 0;
	evicted = bpf_ringbuf_reserve(&events, sizeof(*evicted), 0);
	if (!evicted)
		return 0;
	flow_fill_evicted(ledger, &evicted->evicted, slot, hot, cold);
	evicted->evicted.event.size = sizeof(*evicted);
	evicted->evicted.cold.drained = drained;
	evicted->evicted.cold.drained_bytes = drained_bytes;
	evicted->extra = extras->way[slot % FLOW_WAYS];
	bpf_ringbuf_submit(evicted, flow_ring_flags(ledger->events));
	return 1;
}

/* Sends the entry to user space, unless that has all its counts already. */
FLOW_INLINE void flow_evict(struct flow_ledger *ledger, __u32 slot, const struct flow_hot *hot,
			    const struct flow_cold *cold, __u64 drained, __u64 drained_bytes)
{
	struct flow_evicted *evicted;

	if (drained == FLOW_DRAINED(hot->generation, hot->packets) &&
	    drained_bytes == FLOW_DRAINED_BYTES(hot->generation, hot->bytes)) {
		ledger->evictions_clean++;
		return;
	}
	ledger->evictions++;
	if (unlikely(hot->flags & FLOW_EXTRA_FLAGS)) {
		if (!flow_evict_extra(ledger, slot, hot, cold, drained, drained_bytes))
			flow_count_lost(ledger, hot, drained, drained_bytes);
		return;
	}
	evicted = bpf_ringbuf_reserve(&events, sizeof(*evicted), 0);
	if (!evicted) {
		flow_count_lost(ledger, hot, drained, drained_bytes);
		return;
	}
	flow_fill_evicted(ledger, evicted, slot, hot, cold);
	evicted->cold.drained = drained;
	evicted->cold.drained_bytes = drained_bytes;
	bpf_ringbuf_submit(evicted, flow_ring_flags(ledger->events));
}

FLOW_INLINE void flow_fill_hot(const struct sighting *sighting, struct flow_hot *hot)
{
	__u32 bytes = sighting_bytes(sighting);

	hot->key = sighting->packet.key;
	hot->packets = sighting->counts ? sighting->segments : 0;
	hot->bytes = sighting->counts ? bytes : 0;
	hot->l2_bytes = sighting->counts ? sighting_l2_bytes(sighting, bytes) : 0;
	hot->last_jiffies = (__u32)bpf_jiffies64();
	hot->flags = sighting->packet.flags | (sighting->counts ? 0 : FLOW_FLAG_OBSERVED);
}

FLOW_INLINE void flow_fill_cold(const struct sighting *sighting, struct flow_cold *cold)
{
	cold->first_ns = bpf_ktime_get_ns();
	cold->points[0] = sighting_point(sighting);
	cold->points[1] = cold->points[2] = cold->points[3] = 0;
	sighting_vlan(sighting, cold->vlan);
	cold->sampling = sighting->packet.flags & FLOW_FLAG_SAMPLED ? sighting->sampling : 1;
	cold->pad = 0;
	__builtin_memcpy(cold->eth_dst, sighting->eth, 12); /* and eth_src, behind it */
}

/* `certain` counts: the packet that makes an entry is one. */
FLOW_INLINE void flow_fill_extra(const struct sighting *sighting, __u32 cpu, __u32 slot)
{
	__u32 set = slot / FLOW_WAYS;
	struct flow_extra_set *extras = bpf_map_lookup_elem(&flow_extras, &set);
	const struct flow_extra *found = bpf_map_lookup_elem(&flow_scratch, &cpu);
	struct flow_extra *extra;

	if (!extras || !found)
		return;
	extra = &extras->way[slot % FLOW_WAYS];
	if (sighting->packet.flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE))
		extra->quoted = found->quoted; /* or the outer header, in the same place */
	extra->certain_packets = sighting->counts ? sighting->segments : 0;
	extra->certain_bytes = sighting->counts ? sighting_bytes(sighting) : 0;
}

/* Makes way slot % FLOW_WAYS of the set the packet's, sending off what was there. */
static __attribute__((noinline)) int flow_replace(struct flow_ledger *ledger,
						  struct sighting *sighting,
						  struct flow_hot_set *hots, __u32 slot)
{
	__u32 set = slot / FLOW_WAYS, way = slot % FLOW_WAYS;
	struct flow_cold_set *colds = bpf_map_lookup_elem(&flow_colds, &set);
	struct flow_hot *hot = &hots->way[way];
	__u16 generation = hot->generation;
	__u16 next = generation == 0xfffe ? 2 : generation + 2; /* 0 is "never used" */
	__u64 drained, drained_bytes;

	if (!colds)
		return 0;
	flow_take_drained(&colds->way[way], next, &drained, &drained_bytes);
	if (generation)
		flow_evict(ledger, slot, hot, &colds->way[way], drained, drained_bytes);
	*(volatile __u16 *)&hot->generation = generation + 1;
	flow_store_barrier(ledger);
	flow_fill_hot(sighting, hot);
	flow_fill_cold(sighting, &colds->way[way]);
	if (unlikely(sighting->packet.flags & FLOW_EXTRA_FLAGS))
		flow_fill_extra(sighting, slot / (FLOW_WAYS * cfg_sets_per_cpu), slot);
	flow_store_barrier(ledger);
	*(volatile __u16 *)&hot->generation = next;
	ledger->inserts++;
	sighting->made = 1;
	return 0;
}

/* The way to give up: the first unused one from `first` on, else the one seen longest ago. */
FLOW_INLINE __u32 flow_victim(const struct flow_hot_set *hots, __u32 first)
{
	__u32 now = (__u32)bpf_jiffies64(), oldest = 0, victim = first;

#pragma unroll
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		const struct flow_hot *hot = &hots->way[first ^ i];
		__u32 age = hot->generation ? now - hot->last_jiffies : ~0u;

		if (age > oldest) {
			oldest = age;
			victim = first ^ i;
		}
	}
	return victim;
}

/*
 * Another point has seen the flow: list it, once. `owner`: the entry was made by an observing
 * point, and the one that counts goes first. 1 when the list changed.
 */
static __attribute__((noinline)) int flow_add_point(__u32 point, __u32 slot, int owner)
{
	__u32 set = slot / FLOW_WAYS;
	struct flow_cold_set *colds = bpf_map_lookup_elem(&flow_colds, &set);
	struct flow_cold *cold;

	if (!colds)
		return 0;
	cold = &colds->way[slot % FLOW_WAYS];
	if (owner) {
		cold->points[3] = cold->points[2];
		cold->points[2] = cold->points[1];
		cold->points[1] = cold->points[0];
		cold->points[0] = point;
		return 1;
	}
	for (int i = 0; i < FLOW_POINTS; i++) {
		if (cold->points[i] == point)
			return 0;
		if (!cold->points[i]) {
			cold->points[i] = point;
			return 1;
		}
	}
	return 0;
}

/* The entry was made at another rate. */
FLOW_INLINE int flow_is_resampled(const struct sighting *sighting, const struct flow_hot *hot,
				  __u32 slot)
{
	__u32 set = slot / FLOW_WAYS;
	const struct flow_cold_set *colds;

	if (!((sighting->packet.flags | hot->flags) & FLOW_FLAG_SAMPLED))
		return 0;
	colds = bpf_map_lookup_elem(&flow_colds, &set);
	return colds && colds->way[slot % FLOW_WAYS].sampling !=
				(sighting->sampling > 1 ? sighting->sampling : 1);
}

FLOW_INLINE void flow_add_certain(__u32 slot, __u32 packets, __u32 bytes)
{
	__u32 set = slot / FLOW_WAYS;
	struct flow_extra_set *extras = bpf_map_lookup_elem(&flow_extras, &set);

	if (!extras)
		return;
	extras->way[slot % FLOW_WAYS].certain_packets += packets;
	extras->way[slot % FLOW_WAYS].certain_bytes += bytes;
}

FLOW_INLINE void flow_leave_out(struct flow_ledger *ledger, const struct sighting *sighting,
				__u32 bytes)
{
	if (sighting->carrier)
		return;
	ledger->sampled_packets += sighting->segments;
	ledger->sampled_bytes += bytes;
}

/* A point on the packet's way sees it in a tunnel; the one that made the entry did not. */
static __attribute__((noinline)) int flow_learn_outer(struct flow_hot *hot, __u32 slot)
{
	__u32 cpu = bpf_get_smp_processor_id(), set = slot / FLOW_WAYS;
	struct flow_extra_set *extras = bpf_map_lookup_elem(&flow_extras, &set);
	const struct flow_extra *found = bpf_map_lookup_elem(&flow_scratch, &cpu);

	if (!extras || !found)
		return 0;
	extras->way[slot % FLOW_WAYS].outer = found->outer;
	asm volatile("" ::: "memory");
	hot->flags |= FLOW_FLAG_TUNNEL;
	return 0;
}

FLOW_INLINE int flow_has_new_outer(const struct sighting *sighting, const struct flow_hot *hot)
{
	return (sighting->packet.flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)) ==
		       FLOW_FLAG_TUNNEL &&
	       !(hot->flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE));
}

/*
 * What is rare on a hit: the packet opens a new connection with an old key, or the entry's points
 * change. 1: the packet is dealt with.
 */
FLOW_INLINE int flow_hit_rare(struct flow_ledger *ledger, struct sighting *sighting,
			      struct flow_hot_set *hots, struct flow_hot *hot, __u32 slot)
{
	if (!sighting->counts) {
		if (flow_has_new_outer(sighting, hot))
			flow_learn_outer(hot, slot);
		if (flow_add_point(sighting_point(sighting), slot, 0))
			flow_touch(slot / FLOW_WAYS);
		return 1;
	}
	if ((sighting->packet.flags & FLOW_TCP_SYN) &&
	    (hot->flags & (FLOW_TCP_FIN | FLOW_TCP_RST))) {
		ledger->restarts++;
		flow_replace(ledger, sighting, hots, slot);
		flow_touch(slot / FLOW_WAYS);
		return 1;
	}
	if (flow_is_resampled(sighting, hot, slot)) {
		flow_replace(ledger, sighting, hots, slot);
		flow_touch(slot / FLOW_WAYS);
		return 1;
	}
	if (hot->flags & FLOW_FLAG_OBSERVED) {
		flow_add_point(sighting_point(sighting), slot, 1);
		hot->flags &= (__u16)~FLOW_FLAG_OBSERVED;
	}
	return 0;
}

FLOW_INLINE void flow_hit(struct flow_ledger *ledger, struct sighting *sighting, __u32 bytes,
			  struct flow_hot_set *hots, struct flow_hot *hot, __u32 slot)
{
	__u16 flags = sighting->packet.flags, known = hot->flags;

	if (unlikely((flags & (FLOW_TCP_SYN | FLOW_FLAG_SAMPLED)) || !sighting->counts ||
		     (known & (FLOW_FLAG_OBSERVED | FLOW_FLAG_SAMPLED)))) {
		if (flow_hit_rare(ledger, sighting, hots, hot, slot))
			return;
		if (sighting->left_out) {
			flow_leave_out(ledger, sighting, bytes);
			return;
		}
		if ((flags & FLOW_FLAG_SAMPLED) && flow_is_certain(sighting))
			flow_add_certain(slot, sighting->segments, bytes);
		known = hot->flags;
	}
	hot->bytes += bytes;
	hot->l2_bytes += sighting_l2_bytes(sighting, bytes);
	hot->last_jiffies = (__u32)bpf_jiffies64();
	if (unlikely(flags & ~known)) {
		if (flow_has_new_outer(sighting, hot))
			flow_learn_outer(hot, slot);
		hot->flags = known | flags;
	}
	asm volatile("" ::: "memory"); /* a reader that sees the packet must see the rest of it */
	hot->packets += sighting->segments;
	flow_touch(slot / FLOW_WAYS);
}

/*
 * Adds the packet, `bytes` long on the wire, to its flow's entry of this CPU, making one where none
 * is. The hash also says at which way to begin: else all flows of a half-empty table would lie in
 * the first ways, which share a quarter of the cache's lines.
 */
FLOW_INLINE void flow_table_add(struct flow_ledger *ledger, __u32 cpu, struct sighting *sighting,
				__u32 bytes)
{
	const struct flow_key *key = &sighting->packet.key;
	__u32 hash = flow_hash(key), first = hash >> 30;
	__u32 set = cpu * cfg_sets_per_cpu + (hash & (cfg_sets_per_cpu - 1));
	struct flow_hot_set *hots = bpf_map_lookup_elem(&flow_hots, &set);

	if (!hots)
		return;
#pragma unroll
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		struct flow_hot *hot = &hots->way[first ^ i];

		PACKET_OPAQUE(hot); /* one address, not one for each of its words */
		if (flow_key_equal(&hot->key, key)) {
			flow_hit(ledger, sighting, bytes, hots, hot, set * FLOW_WAYS + (first ^ i));
			return;
		}
	}
	flow_replace(ledger, sighting, hots, set * FLOW_WAYS + flow_victim(hots, first));
	flow_touch(set);
}

#endif
