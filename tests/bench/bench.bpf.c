/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the hook benchmark runs beside our programs: a mutator that turns one packet into any number
 * of flows, an empty program, and the same parser over the kernel's own LRU hash with the full
 * clock.
 *
 * BPF_PROG_TEST_RUN repeats one packet, but what a program writes to it stays for the next repeat.
 * So the mutator writes flow number sequence[i++] into the packet and tail-calls the program under
 * test: one system call runs over all flows in the sequence's order, and the cost of the mutator is
 * in the empty run as well. Where it writes is chosen by user space (mutator.h). XDP programs are
 * "frags", as the daemon's: a jump table has either those or the others.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/packet_encap.h"

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
	__uint(max_entries, 1); /* sized at load */
	__type(key, struct flow_key);
	__type(value, struct lru_value);
} lru_flows SEC(".maps");

#define LINE 32		    /* words: CPUs share no cache line */
__u32 positions[64 * LINE]; /* per CPU: where in the sequence the next packet is */
__u32 sequence_mask;	    /* length of the sequence - 1 */
__u32 address_at;	    /* offset of the last four bytes of the source address */
__u32 port_at;		    /* offset of the source port */
__u32 address_base;	    /* host order; the flow number goes into the bits below the mask */
__u32 address_mask;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

PACKET_INLINE int mutate(void *data, void *end)
{
	__u32 *next = &positions[(bpf_get_smp_processor_id() & 63) * LINE];
	__u32 position = (*next)++ & sequence_mask, key = position / CHUNK, flow;
	struct chunk *chunk = bpf_map_lookup_elem(&sequence, &key);
	void *address = data + (address_at & 0xff), *port = data + (port_at & 0xff);

	if (!chunk || address + 4 > end || port + 2 > end)
		return -1;
	flow = chunk->index[position % CHUNK];
	*(__u32 *)address = bpf_htonl(address_base | (flow & address_mask));
	*(__u16 *)port = bpf_htons(1024 + (flow * 7 & 0x7fff));
	return 0;
}

SEC("tc")
int mutate_tc(struct __sk_buff *skb)
{
	if (!mutate((void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &jump_tc, 0);
	return TC_ACT_SHOT;
}

SEC("xdp.frags")
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

SEC("xdp.frags")
int empty_xdp(struct xdp_md *context __attribute__((unused)))
{
	return XDP_PASS;
}

PACKET_INLINE void lru_count(const struct packet *packet, __u32 bytes)
{
	struct lru_value *value, fresh = { .packets = 1 };

	value = bpf_map_lookup_elem(&lru_flows, &packet->key);
	if (value) {
		__sync_fetch_and_add(&value->packets, 1);
		__sync_fetch_and_add(&value->bytes, bytes);
		__sync_fetch_and_add(&value->l3_bytes, packet->l3_bytes);
		value->last_ns = bpf_ktime_get_ns();
		value->flags |= packet->flags;
		return;
	}
	fresh.bytes = bytes;
	fresh.l3_bytes = packet->l3_bytes;
	fresh.flags = packet->flags;
	fresh.first_ns = fresh.last_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&lru_flows, &packet->key, &fresh, BPF_ANY);
}

/* The headers that few packets have, as in the hooks' own files. */
struct packet_rules lru_rules;
struct flow_extra lru_extras[64];

PACKET_INLINE struct flow_extra *lru_extra(void)
{
	return &lru_extras[bpf_get_smp_processor_id() & 63];
}

__weak int lru_step_tc(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet)
		return PACKET_L3_TRUNCATED;
	return packet_parse_step((const void *)(long)skb->data, (const void *)(long)skb->data_end,
				 &lru_rules, packet, lru_extra());
}

__weak int lru_step_xdp(struct xdp_md *context, struct packet *packet)
{
	if (!packet)
		return PACKET_L3_TRUNCATED;
	return packet_parse_step((const void *)(long)context->data,
				 (const void *)(long)context->data_end, &lru_rules, packet,
				 lru_extra());
}

SEC("tc")
int lru_tc(struct __sk_buff *skb)
{
	const void *data = (const void *)(long)skb->data;
	const void *end = (const void *)(long)skb->data_end;
	struct packet packet;
	int status = packet_parse_first(data, end, PACKET_LINK_ETHERNET, &lru_rules, &packet);

	for (int step = 0; step < PACKET_STEPS_MAX && status == PACKET_MORE; step++)
		status = lru_step_tc(skb, &packet);
	if (status == PACKET_OK)
		lru_count(&packet, skb->len);
	return TC_ACT_UNSPEC;
}

SEC("xdp.frags")
int lru_xdp(struct xdp_md *context)
{
	const void *data = (const void *)(long)context->data;
	const void *end = (const void *)(long)context->data_end;
	struct packet packet;
	int status = packet_parse_first(data, end, PACKET_LINK_ETHERNET, &lru_rules, &packet);

	for (int step = 0; step < PACKET_STEPS_MAX && status == PACKET_MORE; step++)
		status = lru_step_xdp(context, &packet);
	if (status == PACKET_OK)
		lru_count(&packet, (__u32)(end - data));
	return XDP_PASS;
}
