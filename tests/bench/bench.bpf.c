/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the hook benchmark runs beside our programs: a mutator that turns one packet into any number
 * of flows, an empty program, and the same parser over the kernel's own LRU hash with the full
 * clock.
 *
 * BPF_PROG_TEST_RUN repeats one packet, but what a program writes to it stays for the next repeat.
 * So the mutator writes flow number sequence[i++] into the packet and tail-calls the program under
 * test: one system call runs over all flows in random order, and the cost of the mutator is in the
 * empty run as well.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/packet_parse.h"

#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

#define CHUNK 1024
struct chunk {
	__u32 index[CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct chunk);
} sequence SEC(".maps");

#define JUMP(name)                                     \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 1);                \
		__type(key, __u32);                    \
		__type(value, __u32);                  \
	} name SEC(".maps")
JUMP(jump_tc);
JUMP(jump_xdp);

struct lru_value {
	__u64 packets, bytes, l3_bytes, first_ns, last_ns, flags;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 21);
	__type(key, struct flow_key);
	__type(value, struct lru_value);
} lru_flows SEC(".maps");

#define LINE 32		    /* words: CPUs share no cache line */
__u32 positions[64 * LINE]; /* per CPU */
__u32 sequence_mask;	    /* length of the sequence - 1 */
__u32 index_base;	    /* added to the flow number: fresh flows in each run */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

PACKET_INLINE int mutate(void *data, void *end)
{
	__u32 *next = &positions[(bpf_get_smp_processor_id() & 63) * LINE];
	__u32 position = (*next)++ & sequence_mask, key = position / CHUNK, flow;
	struct chunk *chunk = bpf_map_lookup_elem(&sequence, &key);

	if (!chunk || data + 58 > end)
		return -1;
	flow = chunk->index[position % CHUNK] + index_base;
	if (*(__u8 *)(data + 14) >> 4 == 6) {
		*(__u32 *)(data + 34) = bpf_htonl(flow);
		*(__u16 *)(data + 54) = bpf_htons(1024 + (flow * 7 & 0x7fff));
	} else {
		*(__u32 *)(data + 26) = bpf_htonl(0x0a000000 | (flow & 0xffffff));
		*(__u16 *)(data + 34) = bpf_htons(1024 + (flow * 7 & 0x7fff));
	}
	return 0;
}

SEC("tc")
int mutate_tc(struct __sk_buff *skb)
{
	if (!mutate((void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &jump_tc, 0);
	return TC_ACT_SHOT;
}

SEC("xdp")
int mutate_xdp(struct xdp_md *context)
{
	if (!mutate((void *)(long)context->data, (void *)(long)context->data_end))
		bpf_tail_call(context, &jump_xdp, 0);
	return XDP_DROP;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int empty_xdp(struct xdp_md *context __attribute__((unused)))
{
	return XDP_PASS;
}

PACKET_INLINE void lru_count(const void *data, const void *end)
{
	struct lru_value *value, fresh = { .packets = 1 };
	struct packet packet;

	if (packet_parse_first(data, end, PACKET_LINK_ETHERNET, &packet) != PACKET_OK)
		return;
	value = bpf_map_lookup_elem(&lru_flows, &packet.key);
	if (value) {
		__sync_fetch_and_add(&value->packets, 1);
		__sync_fetch_and_add(&value->bytes, end - data);
		__sync_fetch_and_add(&value->l3_bytes, packet.l3_bytes);
		value->last_ns = bpf_ktime_get_ns();
		value->flags |= packet.flags;
		return;
	}
	fresh.bytes = end - data;
	fresh.l3_bytes = packet.l3_bytes;
	fresh.flags = packet.flags;
	fresh.first_ns = fresh.last_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&lru_flows, &packet.key, &fresh, BPF_ANY);
}

SEC("tc")
int lru_tc(struct __sk_buff *skb)
{
	lru_count((const void *)(long)skb->data, (const void *)(long)skb->data_end);
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int lru_xdp(struct xdp_md *context)
{
	lru_count((const void *)(long)context->data, (const void *)(long)context->data_end);
	return XDP_PASS;
}
