/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring buffer of owners, its counters, and how events get into it. One ring for the flow
 * programs and for those of bpf-trace: the daemon gives the second object the first one's maps.
 */
#ifndef OWNER_MAPS_BPF_H
#define OWNER_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/owner_abi.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before loading */
} owner_events SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner_counter);
} owner_counters SEC(".maps") __weak;

const volatile __u32 cfg_owner_wake __weak = 0; /* bytes waiting at which user space is woken */

#pragma clang diagnostic pop

#define OWNER_WAKE_EVENTS 64

/* Room for an event with its header filled in; NULL: full, and counted. Submit or discard it. */
static __attribute__((always_inline)) inline void *owner_reserve(__u16 type, const __u16 size)
{
	__u32 zero = 0;
	struct owner_counter *counter = bpf_map_lookup_elem(&owner_counters, &zero);
	struct flow_event *event;

	if (!counter)
		return 0;
	event = bpf_ringbuf_reserve(&owner_events, size, 0);
	if (!event) {
		counter->lost++;
		return 0;
	}
	event->type = type;
	event->size = size;
	event->cpu = bpf_get_smp_processor_id();
	event->time_ns = bpf_ktime_get_ns();
	event->seq = ++counter->events;
	return event;
}

/* Wakes user space now and then while much waits; a wake-up for each event would cost too much. */
static __attribute__((always_inline)) inline void owner_submit(void *event, __u64 seq)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (seq % OWNER_WAKE_EVENTS == 0 &&
	    bpf_ringbuf_query(&owner_events, BPF_RB_AVAIL_DATA) > cfg_owner_wake)
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(event, flags);
}

#endif
