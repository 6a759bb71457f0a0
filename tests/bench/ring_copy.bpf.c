/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the hooks would do for a black box that is always on: each packet's first bytes into a ring,
 * a ring a CPU. Beside it a program that does nothing. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define RING_SLOTS 4096

struct slot {
	__u64 time_ns;
	__u32 length, pad;
	__u8 bytes[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64 * RING_SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

static __u32 positions[64 * 32]; /* CPUs share no cache line */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct slot *next_slot(struct __sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id() & 63;
	__u32 index = cpu * RING_SLOTS + (positions[cpu * 32]++ & (RING_SLOTS - 1));
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (slot) {
		slot->time_ns = bpf_ktime_get_ns();
		slot->length = skb->len;
	}
	return slot;
}

SEC("tc")
int ring_empty(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ring_copy_128(struct __sk_buff *skb)
{
	struct slot *slot = next_slot(skb);

	if (slot)
		bpf_skb_load_bytes(skb, 0, slot->bytes, 128);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int ring_copy_256(struct __sk_buff *skb)
{
	struct slot *slot = next_slot(skb);

	if (slot)
		bpf_skb_load_bytes(skb, 0, slot->bytes, 256);
	return TC_ACT_UNSPEC;
}
