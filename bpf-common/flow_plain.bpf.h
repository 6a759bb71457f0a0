/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What nearly every packet needs and no more: it is plain (packet_plain.h), this point counts it,
 * and its flow has an entry. The same as flow_account() would do, in
 * the hook, with the key in registers; whatever is not so is left to that, untouched.
 */
#ifndef FLOW_PLAIN_BPF_H
#define FLOW_PLAIN_BPF_H

#include "bpf-common/flow_account.bpf.h"

/* The packet as the hook has it: its length with the link header and `tag_bytes` of a tag that was
 * taken off, and the packets on the wire that it stands for, at least 1. */
struct flow_plain_size {
	__u32 length;
	__u32 tag_bytes;
	__u32 segments;
};

/* The point counts, all packets, and no tunnel or missing link header is in play. */
FLOW_INLINE int flow_plain_device(const struct flow_device *device, __u32 counting_role)
{
	__u32 matter = counting_role | FLOW_DEVICE_L3 | FLOW_DEVICE_TUNNEL;

	return device && (device->role & matter) == counting_role && device->sampling <= 1;
}

/* Not where an entry is opened anew, changes owner or counts samples: flow_hit(). */
FLOW_INLINE int flow_plain_entry(const struct packet_plain *plain, const struct flow_hot *hot)
{
	return !(plain->flags & FLOW_TCP_SYN) &&
	       !(hot->flags & (FLOW_FLAG_OBSERVED | FLOW_FLAG_SAMPLED)) &&
	       flow_key_equal(&hot->key, &plain->key);
}

/* sighting_bytes() */
FLOW_INLINE __u32 flow_plain_bytes(const struct packet_plain *plain, __u32 header_bytes,
				   const struct flow_plain_size *size)
{
	__u32 headers = ETH_HLEN + header_bytes + plain->payload_offset + size->tag_bytes;

	return size->length + (size->segments - 1) * headers;
}

/* sighting_l2_bytes() */
FLOW_INLINE __u32 flow_plain_l2_bytes(const struct packet_plain *plain,
				      const struct flow_plain_size *size)
{
	if (likely(size->segments == 1))
		return size->length - plain->l3_bytes;
	return (ETH_HLEN + size->tag_bytes) * size->segments;
}

FLOW_INLINE void flow_plain_add(const struct packet_plain *plain, __u32 bytes,
				const struct flow_plain_size *size, struct flow_hot *hot)
{
	hot->bytes += bytes;
	hot->l2_bytes += flow_plain_l2_bytes(plain, size);
	hot->last_jiffies = (__u32)bpf_jiffies64();
	if (unlikely(plain->flags & ~hot->flags))
		hot->flags |= plain->flags;
	asm volatile("" ::: "memory"); /* a reader that sees the packet must see the rest of it */
	hot->packets += size->segments;
}

FLOW_INLINE int flow_plain_hit(const struct packet_plain *plain, __u32 hash, __u32 bytes,
			       const struct flow_plain_size *size)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 set = flow_set(cpu, hash);
	struct flow_hot_set *hots = bpf_map_lookup_elem(&flow_hots, &set);
	__u64 *head = bpf_map_lookup_elem(&flow_heads, &set), matches;
	struct flow_ledger *ledger = flow_ledger_of(cpu);
	struct flow_hot *hot;

	if (!hots || !head || !ledger || plain->l3_bytes > size->length)
		return 0;
	matches = flow_tags_equal(*head, flow_tag(hash));
	if (unlikely(!matches))
		return 0;
	flow_prefetch(hots, hash);
	hot = &hots->way[flow_tags_first(matches)];
	PACKET_OPAQUE(hot); /* one address, not one for each of its words */
	if (unlikely(!flow_plain_entry(plain, hot)))
		return 0;
	ledger->seen_packets += size->segments;
	ledger->seen_bytes += bytes;
	flow_plain_add(plain, bytes, size, hot);
	flow_touch_head(head, *head);
	return 1;
}

enum flow_plain {
	FLOW_PLAIN_NOT,	 /* nothing is known of the packet */
	FLOW_PLAIN_READ, /* *sighting holds it and its hash, with PACKET_OK */
	FLOW_PLAIN_DONE, /* it is entered and added */
};

FLOW_INLINE enum flow_plain flow_plain_try(const struct packet_plain *plain, __u16 ethertype,
					   __u32 header_bytes, const struct flow_plain_size *size,
					   struct sighting *sighting)
{
	__u32 bytes = flow_plain_bytes(plain, header_bytes, size);
	__u32 hash = flow_hash(&plain->key);

	if (likely(flow_plain_hit(plain, hash, bytes, size)))
		return FLOW_PLAIN_DONE;
	packet_fill_plain(plain, ethertype, header_bytes, &sighting->packet);
	sighting->hash = hash;
	return FLOW_PLAIN_READ;
}

/* Each family has a copy of the way to the table, in which the other one's part is left out. */
FLOW_INLINE enum flow_plain flow_plain(const void *data, const void *end,
				       const struct flow_plain_size *size,
				       struct sighting *sighting)
{
	__u16 ethertype = packet_plain_ethertype(data, end);
	struct packet_plain plain;

	if (cfg_guard)
		return FLOW_PLAIN_NOT;
	if (ethertype == PACKET_BE16(ETH_P_IP) &&
	    packet_plain_ipv4(data + ETH_HLEN, end, &flow_rules, &plain))
		return flow_plain_try(&plain, ETH_P_IP, sizeof(struct iphdr), size, sighting);
	if (ethertype == PACKET_BE16(ETH_P_IPV6) &&
	    packet_plain_ipv6(data + ETH_HLEN, end, &flow_rules, &plain))
		return flow_plain_try(&plain, ETH_P_IPV6, sizeof(struct ipv6hdr), size, sighting);
	return FLOW_PLAIN_NOT;
}

#endif
