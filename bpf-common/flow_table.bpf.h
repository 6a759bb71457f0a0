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

#include "bpf-common/flow_evict.bpf.h"
#include "bpf-common/flow_find.bpf.h"
#include "bpf-common/flow_sampling.bpf.h"

/* Orders stores for readers on other CPUs. x86 keeps stores in order; elsewhere a full barrier. */
#ifdef __TARGET_ARCH_x86
#define flow_store_barrier(ledger) asm volatile("" ::: "memory")
#else
#define flow_store_barrier(ledger) ((void)__sync_fetch_and_add(&(ledger)->events, 0))
#endif

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
	cold->points[0] = sighting_point(sighting);
	cold->points[1] = cold->points[2] = cold->points[3] = 0;
	sighting_vlan(sighting, cold->vlan);
	cold->sampling = sighting->packet.flags & FLOW_FLAG_SAMPLED ? sighting->sampling : 1;
	cold->pad = 0;
	__builtin_memcpy(cold->eth_dst, sighting->eth, 12); /* and eth_src, behind it */
	cold->first_ns = bpf_ktime_get_ns(); /* last: it waits for what was begun before it */
}

/* `certain` counts: the packet that makes an entry is one. */
FLOW_INLINE void flow_fill_extra(const struct sighting *sighting, __u32 slot)
{
	__u32 set = slot / FLOW_WAYS;
	struct flow_extra_set *extras = bpf_map_lookup_elem(&flow_extras, &set);
	const struct flow_extra *found = flow_scratch_extra();
	struct flow_extra *extra;

	if (!extras || !found)
		return;
	extra = &extras->way[slot % FLOW_WAYS];
	if (sighting->packet.flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE))
		extra->quoted = found->quoted; /* or the outer header, in the same place */
	extra->certain_packets = sighting->counts ? sighting->segments : 0;
	extra->certain_bytes = sighting->counts ? sighting_bytes(sighting) : 0;
}

/* Puts the packet's flow into an entry that no reader takes for whole: `generation` is 0 or odd,
 * and becomes `next`. */
FLOW_INLINE void flow_fill(struct flow_ledger *ledger, struct sighting *sighting,
			   struct flow_hot *hot, struct flow_cold *cold, __u32 slot, __u16 next)
{
	flow_fill_hot(sighting, hot);
	flow_fill_cold(sighting, cold);
	if (unlikely(sighting->packet.flags & FLOW_EXTRA_FLAGS))
		flow_fill_extra(sighting, slot);
	flow_store_barrier(ledger);
	*(volatile __u16 *)&hot->generation = next;
	ledger->inserts++;
	sighting->made = 1;
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
	flow_evict(ledger, slot, hot, &colds->way[way], drained, drained_bytes);
	*(volatile __u16 *)&hot->generation = generation + 1;
	flow_store_barrier(ledger);
	flow_fill(ledger, sighting, hot, &colds->way[way], slot, next);
	return 0;
}

/* The same where nothing was: no reader knows of the entry, so that stores are enough, and no line
 * of the table is read. */
static __attribute__((noinline)) int flow_insert(struct flow_ledger *ledger,
						 struct sighting *sighting,
						 struct flow_hot_set *hots, __u32 slot)
{
	__u32 set = slot / FLOW_WAYS, way = slot % FLOW_WAYS;
	struct flow_cold_set *colds = bpf_map_lookup_elem(&flow_colds, &set);

	if (!colds)
		return 0;
	colds->way[way].drained = FLOW_DRAINED(2, 0);
	colds->way[way].drained_bytes = FLOW_DRAINED_BYTES(2, 0);
	flow_fill(ledger, sighting, &hots->way[way], &colds->way[way], slot, 2);
	return 0;
}

/* The way of a full set that was seen longest ago; of those alike, the first from `first` on. */
static __attribute__((noinline)) __u32 flow_oldest(const struct flow_hot_set *hots, __u32 first)
{
	__u32 now = (__u32)bpf_jiffies64(), oldest = 0, victim = first;

#pragma unroll
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		__u32 way = (first + i) % FLOW_WAYS, age = now - hots->way[way].last_jiffies;

		if (age > oldest) {
			oldest = age;
			victim = way;
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
	__u32 set = slot / FLOW_WAYS;
	struct flow_extra_set *extras = bpf_map_lookup_elem(&flow_extras, &set);
	const struct flow_extra *found = flow_scratch_extra();

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
			      struct flow_hot_set *hots, struct flow_hot *hot, __u32 slot,
			      __u64 *head)
{
	if (!sighting->counts) {
		if (flow_has_new_outer(sighting, hot))
			flow_learn_outer(hot, slot);
		if (flow_add_point(sighting_point(sighting), slot, 0))
			flow_touch_head(head, *head);
		return 1;
	}
	if ((sighting->packet.flags & FLOW_TCP_SYN) &&
	    (hot->flags & (FLOW_TCP_FIN | FLOW_TCP_RST))) {
		ledger->restarts++;
		flow_replace(ledger, sighting, hots, slot);
		flow_touch_head(head, *head);
		return 1;
	}
	if (flow_is_resampled(sighting, hot, slot)) {
		flow_replace(ledger, sighting, hots, slot);
		flow_touch_head(head, *head);
		return 1;
	}
	if (hot->flags & FLOW_FLAG_OBSERVED) {
		flow_add_point(sighting_point(sighting), slot, 1);
		hot->flags &= (__u16)~FLOW_FLAG_OBSERVED;
	}
	return 0;
}

FLOW_INLINE void flow_hit(struct flow_ledger *ledger, struct sighting *sighting, __u32 bytes,
			  struct flow_hot_set *hots, __u32 slot, __u64 *head)
{
	struct flow_hot *hot = &hots->way[slot % FLOW_WAYS];
	__u16 flags = sighting->packet.flags, known = hot->flags;

	if (unlikely((flags & (FLOW_TCP_SYN | FLOW_FLAG_SAMPLED)) || !sighting->counts ||
		     (known & (FLOW_FLAG_OBSERVED | FLOW_FLAG_SAMPLED)))) {
		if (flow_hit_rare(ledger, sighting, hots, hot, slot, head))
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
	flow_touch_head(head, *head);
}

/* An entry where none was; `slot` is that of the set's first way. */
FLOW_INLINE void flow_add_new(struct flow_ledger *ledger, struct sighting *sighting,
			      struct flow_hot_set *hots, __u32 slot, __u32 hash, __u64 *at)
{
	__u32 first = flow_wanted_way(hash), way;
	__u64 head = *at, unused = flow_tags_unused(head);

	if (likely(unused)) {
		way = flow_tags_nearest(unused, first);
		flow_insert(ledger, sighting, hots, slot + way);
	} else {
		way = flow_oldest(hots, first) % FLOW_WAYS;
		flow_replace(ledger, sighting, hots, slot + way);
	}
	flow_touch_head(at, flow_tags_set(head, way, flow_tag(hash)));
}

/*
 * Adds the packet, `bytes` long on the wire, to its flow's entry of this CPU, making one where none
 * is. The hash also says which way an entry takes if it is free: most are where they are looked for
 * while the head that says so is on its way from memory.
 */
FLOW_INLINE void flow_table_add(struct flow_cpu *cpu, struct sighting *sighting, __u32 bytes)
{
	const struct flow_key *key = &sighting->packet.key;
	__u32 hash = sighting->hashed ? sighting->hash : flow_hash(key);
	__u32 sets = cfg_sets_per_cpu;
	struct flow_place place = flow_look(cpu, sets, key, hash);
	struct flow_hot_set *hots = flow_hots(cpu, sets, place.set);
	__u32 slot = flow_set_of_all(place.set) * FLOW_WAYS;
	__u64 *head = flow_head(cpu, place.set);

	if (likely(place.way < FLOW_WAYS))
		flow_hit(&cpu->ledger, sighting, bytes, hots, slot + place.way, head);
	else
		flow_add_new(&cpu->ledger, sighting, hots, slot, hash, head);
}

#endif
