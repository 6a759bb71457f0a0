/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of an entry that another one replaces: it travels to user space whole, or, where the
 * ring buffer is full, what user space has not taken of it is counted as lost (drain.md says who
 * answers for which count).
 */
#ifndef FLOW_EVICT_BPF_H
#define FLOW_EVICT_BPF_H

#include "bpf-common/flow_maps.bpf.h"
#include "bpf-common/flow_sighting.bpf.h"

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

#endif
