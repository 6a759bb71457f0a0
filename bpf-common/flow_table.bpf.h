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

#define FLOW_INLINE	    static __attribute__((always_inline)) inline
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Orders stores for readers on other CPUs. x86 keeps stores in order; elsewhere a full barrier. */
#ifdef __TARGET_ARCH_x86
#define flow_store_barrier(ledger) asm volatile("" ::: "memory")
#else
#define flow_store_barrier(ledger) ((void)__sync_fetch_and_add(&(ledger)->events, 0))
#endif

/* What one packet adds, and what an insertion needs to know of it. */
struct flow_update {
	const struct flow_key *key; /* 8-byte aligned */
	struct flow_ledger *ledger;
	const __u32 *eth; /* destination and source link address, 12 bytes */
	__u32 cpu;
	__u32 set;     /* index in flow_hots */
	__u32 point;   /* FLOW_POINT() */
	__u32 packets; /* on the wire; 0 at a point that only observes */
	__u32 bytes;   /* on the wire, all segments */
	__u32 l2_bytes;
	__u16 flags;
	__u16 vlan[2];
};

/*
 * NH (RFC 4418, 5.2.2): for a random seed two keys collide with probability 2^-32, whoever chose
 * them; the multiply-shift at the end spreads that over the sets. Five independent multiplications.
 */
FLOW_INLINE __u32 flow_hash(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < 5; i++) {
		__u32 low = (__u32)words[i] + (__u32)cfg_hash_seed[i];
		__u32 high = (__u32)(words[i] >> 32) + (__u32)(cfg_hash_seed[i] >> 32);

		sum += (__u64)low * high;
	}
	return (__u32)((sum * (cfg_hash_seed[5] | 1)) >> 32);
}

FLOW_INLINE int flow_key_equal(const struct flow_key *left, const struct flow_key *right)
{
	const __u64 *a = (const __u64 *)left, *b = (const __u64 *)right;

	return a[0] == b[0] && a[2] == b[2] && a[4] == b[4] && a[1] == b[1] && a[3] == b[3];
}

/* Tells user space that the set changed. After the counters: user space clears it before it reads
 * them. */
FLOW_INLINE void flow_touch(__u32 set)
{
	__u32 line = set / FLOW_TOUCHED_SETS;
	struct flow_touched *touched = bpf_map_lookup_elem(&flow_touched, &line);

	if (touched)
		touched->set[set % FLOW_TOUCHED_SETS] = 1;
}

FLOW_INLINE __u64 flow_ring_flags(void)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 before = waiting - sizeof(struct flow_evicted) - 8; /* this one is reserved already */

	return waiting >= cfg_ring_wake && before < cfg_ring_wake ? BPF_RB_FORCE_WAKEUP
								  : BPF_RB_NO_WAKEUP;
}

/* What user space has not taken yet is lost with the entry; counted to the packet. */
FLOW_INLINE void flow_count_lost(struct flow_ledger *ledger, const struct flow_hot *hot,
				 const struct flow_cold *cold)
{
	__u64 drained = *(volatile const __u64 *)&cold->drained;
	int known = (__u32)(drained >> 32) == hot->generation;

	ledger->evict_lost_flows++;
	ledger->evict_lost_packets += hot->packets - (known ? (__u32)drained : 0);
	ledger->evict_lost_bytes += hot->bytes - (known ? cold->drained_bytes : 0);
}

/* Sends the entry to user space, unless that has all its counts already. */
FLOW_INLINE void flow_evict(struct flow_update *update, __u32 slot, const struct flow_hot *hot,
			    const struct flow_cold *cold)
{
	struct flow_ledger *ledger = update->ledger;
	struct flow_evicted *evicted;

	if (*(volatile const __u64 *)&cold->drained ==
	    ((__u64)hot->generation << 32 | hot->packets)) {
		ledger->evictions_clean++;
		return;
	}
	ledger->evictions++;
	evicted = bpf_ringbuf_reserve(&events, sizeof(*evicted), 0);
	if (!evicted) {
		flow_count_lost(ledger, hot, cold);
		return;
	}
	evicted->event.type = FLOW_EVENT_FLOW_EVICTED;
	evicted->event.size = sizeof(*evicted);
	evicted->event.cpu = update->cpu;
	evicted->event.time_ns = bpf_ktime_get_ns();
	evicted->event.seq = ++ledger->events;
	evicted->slot = slot;
	evicted->pad = 0;
	evicted->hot = *hot;
	evicted->cold = *cold;
	bpf_ringbuf_submit(evicted, flow_ring_flags());
}

FLOW_INLINE void flow_fill_cold(const struct flow_update *update, struct flow_cold *cold)
{
	cold->first_ns = bpf_ktime_get_ns();
	cold->points[0] = update->point;
	cold->points[1] = cold->points[2] = cold->points[3] = 0;
	cold->vlan[0] = update->vlan[0];
	cold->vlan[1] = update->vlan[1];
	cold->sampling = 1;
	cold->pad = 0;
	__builtin_memcpy(cold->eth_dst, update->eth, 12); /* and eth_src, behind it */
}

/* Makes way `way` of the set the packet's, sending off what was there. */
static __attribute__((noinline)) int flow_replace(struct flow_update *update,
						  struct flow_hot_set *hots, __u32 way)
{
	struct flow_cold_set *colds = bpf_map_lookup_elem(&flow_colds, &update->set);
	struct flow_hot *hot = &hots->way[way & (FLOW_WAYS - 1)];
	struct flow_ledger *ledger = update->ledger;
	struct flow_cold *cold;
	__u16 generation;

	if (!colds)
		return 0;
	cold = &colds->way[way & (FLOW_WAYS - 1)];
	generation = hot->generation;
	if (generation)
		flow_evict(update, update->set * FLOW_WAYS + (way & (FLOW_WAYS - 1)), hot, cold);
	*(volatile __u16 *)&hot->generation = generation + 1;
	flow_store_barrier(ledger);
	hot->key = *update->key;
	hot->packets = update->packets;
	hot->bytes = update->bytes;
	hot->l2_bytes = update->l2_bytes;
	hot->last_jiffies = (__u32)bpf_jiffies64();
	hot->flags = update->flags;
	flow_fill_cold(update, cold);
	flow_store_barrier(ledger);
	generation += 2;
	*(volatile __u16 *)&hot->generation = generation ? generation : 2; /* 0 is "never used" */
	ledger->inserts++;
	return 0;
}

/* The way to give up: an unused one, else the one seen longest ago. */
FLOW_INLINE __u32 flow_victim(const struct flow_hot_set *hots)
{
	__u32 now = (__u32)bpf_jiffies64(), oldest = 0, victim = 0;

#pragma unroll
	for (__u32 way = 0; way < FLOW_WAYS; way++) {
		const struct flow_hot *hot = &hots->way[way];
		__u32 age = hot->generation ? now - hot->last_jiffies : ~0u;

		if (age > oldest) {
			oldest = age;
			victim = way;
		}
	}
	return victim;
}

/* Another point has seen the flow: list it, once. */
static __attribute__((noinline)) int flow_add_point(struct flow_update *update, __u32 way,
						    int owner)
{
	struct flow_cold_set *colds = bpf_map_lookup_elem(&flow_colds, &update->set);
	struct flow_cold *cold;

	if (!colds)
		return 0;
	cold = &colds->way[way & (FLOW_WAYS - 1)];
	if (owner) { /* made by an observer; the counting point goes first */
		cold->points[3] = cold->points[2];
		cold->points[2] = cold->points[1];
		cold->points[1] = cold->points[0];
		cold->points[0] = update->point;
		return 1;
	}
	for (int i = 0; i < FLOW_POINTS; i++) {
		if (cold->points[i] == update->point)
			return 0;
		if (!cold->points[i]) {
			cold->points[i] = update->point;
			return 1;
		}
	}
	return 0;
}

/* What is rare on a hit: the packet opens a new connection with an old key, or the entry's points
 * change. */
FLOW_INLINE int flow_hit_rare(struct flow_update *update, struct flow_hot_set *hots,
			      struct flow_hot *hot, __u32 way)
{
	if ((update->flags & FLOW_TCP_SYN) && (hot->flags & (FLOW_TCP_FIN | FLOW_TCP_RST)) &&
	    update->packets) {
		update->ledger->restarts++;
		flow_replace(update, hots, way);
		return 1;
	}
	if (!update->packets) {
		if (flow_add_point(update, way, 0))
			flow_touch(update->set);
		return 1;
	}
	if (hot->flags & FLOW_FLAG_OBSERVED) {
		flow_add_point(update, way, 1);
		hot->flags &= (__u16)~FLOW_FLAG_OBSERVED;
	}
	return 0;
}

FLOW_INLINE void flow_hit(struct flow_update *update, struct flow_hot_set *hots, __u32 way)
{
	struct flow_hot *hot = &hots->way[way];

	if (unlikely((update->flags & FLOW_TCP_SYN) || !update->packets ||
		     (hot->flags & FLOW_FLAG_OBSERVED)))
		if (flow_hit_rare(update, hots, hot, way))
			return;
	hot->packets += update->packets;
	hot->bytes += update->bytes;
	hot->l2_bytes += update->l2_bytes;
	hot->last_jiffies = (__u32)bpf_jiffies64();
	if (update->flags & ~hot->flags)
		hot->flags |= update->flags;
	flow_touch(update->set);
}

/* Adds the packet to its flow's entry of this CPU, making one where there is none. */
FLOW_INLINE void flow_table_add(struct flow_update *update)
{
	struct flow_hot_set *hots;

	update->set =
		update->cpu * cfg_sets_per_cpu + (flow_hash(update->key) & (cfg_sets_per_cpu - 1));
	hots = bpf_map_lookup_elem(&flow_hots, &update->set);
	if (!hots)
		return;
#pragma unroll
	for (__u32 way = 0; way < FLOW_WAYS; way++) {
		if (flow_key_equal(&hots->way[way].key, update->key)) {
			flow_hit(update, hots, way);
			return;
		}
	}
	if (!update->packets)
		update->flags |= FLOW_FLAG_OBSERVED;
	flow_replace(update, hots, flow_victim(hots));
	flow_touch(update->set);
}

#endif
