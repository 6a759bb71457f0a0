/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections whose every packet is looked at (flow.tcp_connections): the hooks jump here with
 * a packet that they have counted, so that it is seen once, and with an empty stack. Plain packets
 * only. A connection keeps its slot while it talks; who finds none is not watched, and counted.
 */
#ifndef TCP_WATCH_BPF_H
#define TCP_WATCH_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/mapped_array.bpf.h"
#include "bpf-common/packet_plain.h"
#include "bpf-common/tcp_watch_abi.h"

#define WATCH_INLINE	 static __attribute__((always_inline)) inline
#define WATCH_TIMESTAMPS 0x0101080au /* no-op, no-op, kind 8, length 10 (RFC 7323, appendix A) */
#define WATCH_SMOOTH	 8	     /* of a new round trip an eighth counts */

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

/* Sized at load. */
MAPPED_ARRAY(tcp_watches, 1, struct tcp_watch);
MAPPED_ARRAY(tcp_watch_seen, 1, struct tcp_watch_seen);
MAPPED_ARRAY(tcp_watch_sums, 1, struct tcp_watch_sum);

const volatile __u32 cfg_watch_slots __weak = 0; /* power of two */
const volatile __u32 cfg_watch_hz __weak = 0;	 /* jiffies a second */
const volatile __u64 cfg_watch_seed __weak = 0;	 /* random */

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

#pragma clang diagnostic pop

/* ---- connections ---------------------------------------------------------------------------- */

/* Both directions have one key. 1: `key` is the other one's. */
WATCH_INLINE __u32 watch_order(const struct flow_key *key, struct flow_key *ordered)
{
	const __u64 *from = (const __u64 *)key;
	__u64 *to = (__u64 *)ordered;
	__u32 turned = from[2] > from[4] || (from[2] == from[4] && key->src_port > key->dst_port);

	*ordered = *key;
	if (!turned)
		return 0;
	ordered->src_port = key->dst_port;
	ordered->dst_port = key->src_port;
	to[1] = from[3];
	to[2] = from[4];
	to[3] = from[1];
	to[4] = from[2];
	return 1;
}

WATCH_INLINE __u32 watch_hash(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = cfg_watch_seed;

	for (int i = 0; i < 5; i++) {
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 32;
	}
	return (__u32)sum;
}

WATCH_INLINE int watch_is(const struct tcp_watch *watch, const struct flow_key *key)
{
	const __u64 *a = (const __u64 *)&watch->key, *b = (const __u64 *)key;

	return a[0] == b[0] && a[2] == b[2] && a[4] == b[4] && a[1] == b[1] && a[3] == b[3];
}

WATCH_INLINE int watch_is_free(const struct tcp_watch *watch, const struct tcp_watch_seen *seen,
			       __u32 now)
{
	__u32 silent = now - seen->jiffies;

	return !watch->key.protocol ||
	       silent > cfg_watch_hz * (seen->ended ? TCP_WATCH_ENDED_S : TCP_WATCH_IDLE_S);
}

/* The slot becomes this connection's, unless another CPU is at the same. */
WATCH_INLINE int watch_begin(struct tcp_watch *watch, struct tcp_watch_seen *seen,
			     const struct flow_key *key)
{
	if (__sync_lock_test_and_set(&watch->busy, 1))
		return 0;
	watch->generation++;
	asm volatile("" ::: "memory"); /* user space must not take the new for the old */
	watch->key = *key;
	__builtin_memset(&watch->handshake, 0, sizeof(watch->handshake));
	__builtin_memset(watch->side, 0, sizeof(watch->side));
	seen->ended = 0;
	asm volatile("" ::: "memory");
	watch->generation++;
	*(volatile __u32 *)&watch->busy = 0;
	return 1;
}

WATCH_INLINE struct tcp_watch *watch_find(const struct flow_key *key, __u32 hash, __u32 *slot)
{
	for (__u32 way = 0; way < TCP_WATCH_WAYS; way++) {
		struct tcp_watch *watch;

		*slot = (hash + way) & (cfg_watch_slots - 1);
		watch = bpf_map_lookup_elem(&tcp_watches, slot);
		if (watch && watch_is(watch, key))
			return watch;
	}
	return 0;
}

WATCH_INLINE struct tcp_watch *watch_add(const struct flow_key *key, __u32 hash, __u32 now,
					 __u32 *slot)
{
	for (__u32 way = 0; way < TCP_WATCH_WAYS; way++) {
		struct tcp_watch_seen *seen;
		struct tcp_watch *watch;

		*slot = (hash + way) & (cfg_watch_slots - 1);
		watch = bpf_map_lookup_elem(&tcp_watches, slot);
		seen = bpf_map_lookup_elem(&tcp_watch_seen, slot);
		if (watch && seen && watch_is_free(watch, seen, now) &&
		    watch_begin(watch, seen, key))
			return watch;
	}
	return 0;
}

/* ---- packets -------------------------------------------------------------------------------- */

WATCH_INLINE __u32 watch_load32(const __u8 *bytes)
{
	return __builtin_bswap32(*(const __u32 *)bytes);
}

/* -1: the header is not at hand. */
WATCH_INLINE int watch_segment(const struct packet *packet, const __u8 *tcp, const void *end,
			       struct tcp_segment *segment)
{
	__u32 before, header;

	if ((const void *)(tcp + 20) > end)
		return -1;
	header = (tcp[12] >> 4) * 4;
	before = packet->l4_offset - ETH_HLEN + header;
	if (header < 20 || before > packet->l3_bytes)
		return -1;
	segment->seq = watch_load32(tcp + 4);
	segment->ack = watch_load32(tcp + 8);
	segment->payload = packet->l3_bytes - before;
	segment->flags = packet->flags & FLOW_TCP_MASK;
	segment->window = packet_u16(tcp + 14);
	segment->has_timestamps = 0;
	if (header < 32 || (const void *)(tcp + 32) > end ||
	    watch_load32(tcp + 20) != WATCH_TIMESTAMPS)
		return 0;
	segment->has_timestamps = 1;
	segment->ts_value = watch_load32(tcp + 24);
	segment->ts_echo = watch_load32(tcp + 28);
	return 0;
}

WATCH_INLINE void watch_add_rtt(struct tcp_watch_side *side, __u32 rtt_us)
{
	if (!side->rtt_samples || rtt_us < side->rtt_min_us)
		side->rtt_min_us = rtt_us;
	if (side->rtt_samples)
		side->rtt_us += rtt_us / WATCH_SMOOTH - side->rtt_us / WATCH_SMOOTH;
	else
		side->rtt_us = rtt_us;
	side->rtt_samples++;
}

WATCH_INLINE void watch_count(struct tcp_watch_side *side, const struct tcp_findings *found,
			      __u32 segments)
{
	__u32 repeat = found->repeat - TCP_REPEAT_PLAIN;

	PACKET_OPAQUE(repeat);
	if (repeat < TCP_WATCH_REPEATS)
		side->repeats[repeat] += segments;
	side->late += found->late ? segments : 0;
	side->duplicate_acks += found->duplicate_ack;
	side->no_windows += found->no_window;
	if (found->rtt_us)
		watch_add_rtt(side, found->rtt_us);
}

/* 0: not watched. */
WATCH_INLINE int watch_take(const struct packet *packet, const struct tcp_segment *segment,
			    __u32 segments)
{
	__u32 now = (__u32)bpf_jiffies64(), slot = 0, who, hash;
	struct tcp_findings found = { 0 };
	struct tcp_watch_side *this, *other;
	struct tcp_watch_seen *seen;
	struct tcp_watch *watch;
	struct flow_key key;

	who = watch_order(&packet->key, &key);
	hash = watch_hash(&key);
	watch = watch_find(&key, hash, &slot);
	if (!watch)
		watch = watch_add(&key, hash, now, &slot);
	seen = bpf_map_lookup_elem(&tcp_watch_seen, &slot);
	if (!watch || !seen)
		return 0;
	this = who ? &watch->side[1] : &watch->side[0];
	other = who ? &watch->side[0] : &watch->side[1];
	tcp_judge_segment(&watch->handshake, &this->state, &other->state, segment,
			  bpf_ktime_get_ns(), &found);
	watch_count(this, &found, segments);
	seen->ended = (segment->flags & (FLOW_TCP_FIN | FLOW_TCP_RST)) != 0;
	seen->jiffies = now;
	return 1;
}

WATCH_INLINE void watch_packet(const void *data, const void *end, __u32 segments)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct tcp_watch_sum *sum = bpf_map_lookup_elem(&tcp_watch_sums, &cpu);
	struct tcp_segment segment;
	struct packet packet;
	__u32 offset;

	if (!sum)
		return;
	if (packet_parse_plain(data, end, 0, &packet)) {
		if (packet.key.protocol != IPPROTO_TCP)
			return;
		offset = packet.l4_offset;
		PACKET_OPAQUE(offset);
		if (offset <= 64 &&
		    !watch_segment(&packet, (const __u8 *)data + offset, end, &segment) &&
		    watch_take(&packet, &segment, segments)) {
			sum->packets += segments;
			return;
		}
	}
	sum->packets += segments;
	sum->unwatched += segments;
}

#endif
