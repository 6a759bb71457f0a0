/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs of bpf-trace/ share: maps, load-time constants, the limit on events, and who a
 * socket belongs to. These programs run wherever the kernel frees a packet or moves a connection,
 * in any context; the maps are theirs alone.
 */
#ifndef TRACE_EVENT_BPF_H
#define TRACE_EVENT_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf-common/mapped_array.bpf.h"
#include "bpf-common/packet_parse.h"
#include "bpf-common/trace_abi.h"
#include "bpf-trace/trace_kernel.h"

#define TRACE_INLINE	    static __attribute__((always_inline)) inline
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

/*
 * A tracepoint's program twice, of which one is loaded: by the kernel's types (tp_btf), where
 * memory is read as in C, and as raw tracepoint for kernels that have no BTF of their own or refuse
 * that. NAME_take(context, raw) does the work; `raw` is a constant there.
 */
#define TRACE_PROGRAM(tracepoint, name)     \
	SEC("tp_btf/" #tracepoint)          \
	int name(__u64 *ctx)                \
	{                                   \
		return name##_take(ctx, 0); \
	}                                   \
	SEC("?raw_tp/" #tracepoint)         \
	int name##_raw(__u64 *ctx)          \
	{                                   \
		return name##_take(ctx, 1); \
	}
#define TRACE_READ(raw, pointer, member) \
	((raw) ? BPF_CORE_READ(pointer, member) : (pointer)->member)

/* Sized at load: one a CPU, TRACE_BUCKETS a CPU. */
MAPPED_ARRAY(trace_states, 1, struct trace_state);
MAPPED_ARRAY(trace_buckets, 1, struct trace_bucket);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} trace_events SEC(".maps") __weak;

/* Written by the programs of firewall.bpf.c, where they could be attached. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_firewall);
} trace_firewalls SEC(".maps") __weak;

/* When a socket entered its state, by address. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} trace_sockets SEC(".maps") __weak;

/* Inode numbers of the network namespaces to tell of; where cfg_namespaces is 0, all are. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} trace_namespaces SEC(".maps") __weak;

const volatile __u32 cfg_namespaces __weak = 0;
const volatile __u32 cfg_rate __weak = 0;	/* events a second, of one reason on one CPU */
const volatile __u32 cfg_hz __weak = 0;		/* jiffies a second */
const volatile __u32 cfg_drop_args __weak = 0;	/* of the tracepoint kfree_skb in this kernel */
const volatile __u32 cfg_reset_args __weak = 0; /* of tcp_send_reset */
const volatile __u32 cfg_rtt_every __weak = 0;	/* one RTT sample of so many, a power of two */
const volatile __u32 cfg_firewall_reason __weak = 0; /* that says a firewall dropped it */
const volatile __u32 cfg_consumed __weak = 0;	     /* the reason that is no drop; 0 = none */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang diagnostic pop

/* One event more of this bucket. Returns 1 when it may be reported. */
TRACE_INLINE int trace_bucket_take(struct trace_bucket *bucket)
{
	__u32 now = (__u32)bpf_jiffies64(), full = cfg_rate * cfg_hz;
	__u32 passed = now - bucket->jiffies, tokens = bucket->tokens;

	bucket->seen++;
	if (passed) {
		bucket->jiffies = now;
		tokens = passed >= cfg_hz ? full : tokens + passed * cfg_rate;
		if (tokens > full)
			tokens = full;
	}
	if (tokens < cfg_hz) {
		bucket->tokens = tokens;
		bucket->suppressed++;
		return 0;
	}
	bucket->tokens = tokens - cfg_hz;
	return 1;
}

TRACE_INLINE struct trace_bucket *trace_bucket_of(__u32 number)
{
	__u32 index = bpf_get_smp_processor_id() * TRACE_BUCKETS + number;

	return bpf_map_lookup_elem(&trace_buckets, &index);
}

TRACE_INLINE struct trace_state *trace_state_of(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&trace_states, &cpu);
}

/* The header of an event that was reserved. */
TRACE_INLINE void trace_begin(struct flow_event *event, __u16 type, __u16 size)
{
	struct trace_state *state = trace_state_of();

	event->type = type;
	event->size = size;
	event->cpu = bpf_get_smp_processor_id();
	event->time_ns = bpf_ktime_get_ns();
	event->seq = state ? __sync_fetch_and_add(&state->events, 1) + 1 : 0;
}

/* Segments of a buffer: what it says where it is a GSO packet, else one. */
TRACE_INLINE __u16 trace_segments(const unsigned char *head, unsigned int end)
{
	const struct skb_shared_info *info = (const void *)(head + end);
	__u16 segments = BPF_CORE_READ(info, gso_segs);

	return segments ? segments : 1;
}

/* A full socket, not the small ones of requests and of TIME_WAIT. */
TRACE_INLINE int trace_socket_is_full(__u8 state)
{
	return state != TRACE_TCP_NEW_SYN && state != TRACE_TCP_TIME_WAIT;
}

/* Its control group's number; 0 where it has none. */
TRACE_INLINE __u64 trace_socket_cgroup(const struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return 0;
	return BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
}

/* Whether user space wants to hear of this namespace. */
TRACE_INLINE int trace_is_wanted(const struct net *net)
{
	__u32 inode;

	if (!cfg_namespaces)
		return 1;
	inode = BPF_CORE_READ(net, ns.inum);
	return bpf_map_lookup_elem(&trace_namespaces, &inode) != 0;
}

TRACE_INLINE void trace_namespace(const struct net *net, __u64 *cookie, __u32 *inode)
{
	*cookie = 0;
	if (bpf_core_field_exists(net->net_cookie))
		*cookie = BPF_CORE_READ(net, net_cookie);
	*inode = BPF_CORE_READ(net, ns.inum);
}

#endif
