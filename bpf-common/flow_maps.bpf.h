/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map and every load-time constant of the kernel programs. Arrays are mapped by user space;
 * their sizes are set before loading (flowd/kernel/datapath_load.c), so 1 here means "sized at
 * load". Weak, because each hook's object has its own copy until they are linked.
 */
#ifndef FLOW_MAPS_BPF_H
#define FLOW_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/mapped_array.bpf.h"
#include "bpf-common/packet.h"

/* The one header whose globals are meant to be: elsewhere such a warning is a forgotten `static`.
 */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

/* Of FLOW_CPU_BYTES() each, so that its elements have no type. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct flow_cpu));
} flow_cpus SEC(".maps") __weak;
MAPPED_ARRAY(flow_colds, 1, struct flow_cold_set);
MAPPED_ARRAY(flow_extras, 1, struct flow_extra_set);
MAPPED_ARRAY(flow_clocks, 1, struct flow_clock);

/* Stored by user space alone. */
struct flow_device device_slots[FLOW_DEVICE_SLOTS] __weak = { 0 };

/* Devices whose slot belongs to another one: ifindex -> device. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct flow_device);
} device_extra SEC(".maps") __weak;

/* First fragments, by any CPU for any: the fragments of a datagram may come in on several. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOW_FRAGMENTS);
	__type(key, struct flow_fragment_id);
	__type(value, struct flow_fragment);
} flow_fragments SEC(".maps") __weak;

/* When a sample of each outcome was sent last, in jiffies: notes behind statuses. */
struct flow_malformed_turns {
	__u32 jiffies[PACKET_STATUS_COUNT + PACKET_NOTE_COUNT];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_malformed_turns);
} flow_malformed_turns SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps") __weak;

/* Load-time constants: set before loading, so that the verifier removes what is off. */
const volatile __u32 cfg_sets_per_cpu __weak = 0;     /* power of two */
const volatile __u64 cfg_hash_seed[6] __weak = { 0 }; /* random */
const volatile __u8 cfg_guard __weak =
	0; /* the kernel may preempt us with ourselves (PREEMPT_RT) */
const volatile __u8 cfg_xdp_frags __weak = 0; /* XDP packets may lie in several buffers */
const volatile __u32 cfg_ring_wake __weak =
	0; /* bytes waiting in the ring at which user space is woken */

const volatile __u32 cfg_hz __weak = 0; /* jiffies a second */

/* Where TCP connections are watched (tcp_watch.bpf.h): what the hooks jump to at their end. */
#define FLOW_PROGRAM(name)                             \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 1);                \
		__type(key, __u32);                    \
		__type(value, __u32);                  \
	} name SEC(".maps") __weak
FLOW_PROGRAM(tc_watchers);
FLOW_PROGRAM(xdp_watchers);
const volatile __u8 cfg_tcp_watch __weak = 0;

/* Bits of a set's number that are in use for the time being (flowd/kernel/table_growth.h). */
__u32 flow_sets_mask __weak = ~0u;

/* What the parser follows; user space may change it at any time. */
struct packet_rules flow_rules __weak = { 0 };

/* Send samples of packets that are not understood; user space may change it at any time. */
__u8 flow_show_malformed __weak = 0;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang diagnostic pop
#endif
