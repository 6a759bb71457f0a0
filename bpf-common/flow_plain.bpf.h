/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What nearly every packet needs and no more: it is plain (packet_plain.h), this point counts it,
 * and its flow has an entry, or there is room for one. The same as flow_account() would do, in the
 * hook, with the key in registers; whatever is not so is left to that, untouched.
 */
#ifndef FLOW_PLAIN_BPF_H
#define FLOW_PLAIN_BPF_H

#include "bpf-common/flow_account.bpf.h"

/* The packet as the hook has it. */
struct flow_plain_frame {
	const void *data, *end;
	__u32 length;	/* with the link header and the tag in `vlan` */
	__u32 segments; /* packets on the wire that it stands for, at least 1 */
	__u32 point;	/* FLOW_POINT() */
	__u16 vlan;	/* a tag that was taken off: id | FLOW_VLAN_PRESENT, else 0 */
};

/* The point counts, all packets, and no tunnel or missing link header is in play. */
FLOW_INLINE int flow_plain_device(struct flow_device device, __u32 counting_role)
{
	__u32 matter = counting_role | FLOW_DEVICE_L3 | FLOW_DEVICE_TUNNEL;

	return (device.role & matter) == counting_role && device.sampling <= 1;
}

/* Of the headers that each segment has. */
FLOW_INLINE __u32 flow_plain_tag_bytes(const struct flow_plain_frame *frame)
{
	return frame->vlan ? 4 : 0;
}

/* sighting_bytes() */
FLOW_INLINE __u32 flow_plain_bytes(const struct packet_plain *plain, __u32 header_bytes,
				   const struct flow_plain_frame *frame)
{
	__u32 headers =
		ETH_HLEN + header_bytes + plain->payload_offset + flow_plain_tag_bytes(frame);

	return frame->length + (frame->segments - 1) * headers;
}

/* sighting_l2_bytes() */
FLOW_INLINE __u32 flow_plain_l2_bytes(const struct packet_plain *plain,
				      const struct flow_plain_frame *frame)
{
	if (likely(frame->segments == 1))
		return frame->length - plain->l3_bytes;
	return (ETH_HLEN + flow_plain_tag_bytes(frame)) * frame->segments;
}

/* ---- an entry that is there ----------------------------------------------------------------- */

/* Not where an entry is opened anew, changes owner or counts samples: flow_hit(). */
FLOW_INLINE int flow_plain_entry(const struct packet_plain *plain, const struct flow_hot *hot)
{
	return !(plain->flags & FLOW_TCP_SYN) &&
	       !(hot->flags & (FLOW_FLAG_OBSERVED | FLOW_FLAG_SAMPLED)) &&
	       flow_key_equal(&hot->key, &plain->key);
}

FLOW_INLINE void flow_plain_add(const struct packet_plain *plain, __u32 bytes,
				const struct flow_plain_frame *frame, struct flow_hot *hot)
{
	hot->bytes += bytes;
	hot->l2_bytes += flow_plain_l2_bytes(plain, frame);
	hot->last_jiffies = (__u32)bpf_jiffies64();
	if (unlikely(plain->flags & ~hot->flags))
		hot->flags |= plain->flags;
	asm volatile("" ::: "memory"); /* a reader that sees the packet must see the rest of it */
	hot->packets += frame->segments;
}

/* ---- a new one ------------------------------------------------------------------------------ */

FLOW_INLINE void flow_plain_fill_hot(const struct packet_plain *plain, __u32 bytes,
				     const struct flow_plain_frame *frame, struct flow_hot *hot)
{
	hot->key = plain->key;
	hot->packets = frame->segments;
	hot->bytes = bytes;
	hot->l2_bytes = flow_plain_l2_bytes(plain, frame);
	hot->last_jiffies = (__u32)bpf_jiffies64();
	hot->flags = plain->flags;
}

FLOW_INLINE void flow_plain_fill_cold(const struct flow_plain_frame *frame, struct flow_cold *cold)
{
	const __u32 *eth = frame->data;

	cold->drained = FLOW_DRAINED(2, 0);
	cold->drained_bytes = FLOW_DRAINED_BYTES(2, 0);
	cold->points[0] = frame->point;
	cold->points[1] = cold->points[2] = cold->points[3] = 0;
	packet_put(cold, offsetof(struct flow_cold, eth_dst), packet_halves(eth[0], eth[1]));
	packet_put(cold, offsetof(struct flow_cold, eth_src) + 2,
		   packet_halves(eth[2], 0) | packet_word(0, 0, frame->vlan, 0));
	packet_put(cold, offsetof(struct flow_cold, sampling), packet_halves(1, 0));
	cold->first_ns = bpf_ktime_get_ns(); /* last: it waits for what was begun before it */
}

/* flow_insert() */
FLOW_INLINE struct flow_hot *flow_plain_insert(struct flow_cpu *cpu,
					       const struct packet_plain *plain, __u32 bytes,
					       const struct flow_plain_frame *frame,
					       struct flow_hot *hot, __u32 set, __u32 way)
{
	__u32 number = flow_set_of_all(set);
	struct flow_cold_set *colds = bpf_map_lookup_elem(&flow_colds, &number);

	if (!colds)
		return 0;
	PACKET_OPAQUE(hot); /* one address, not one for each of its words */
	flow_plain_fill_hot(plain, bytes, frame, hot);
	flow_plain_fill_cold(frame, &colds->way[way]);
	flow_store_barrier(&cpu->ledger);
	*(volatile __u16 *)&hot->generation = 2;
	cpu->ledger.inserts++;
	return hot;
}

/* ---- one packet ----------------------------------------------------------------------------- */

enum flow_plain {
	FLOW_PLAIN_NOT,	     /* nothing is known of the packet */
	FLOW_PLAIN_EXCLUDED, /* but that the pcap filter excludes it */
	FLOW_PLAIN_OTHER,    /* but that it is not plain */
	FLOW_PLAIN_READ,     /* the sighting holds it and its hash, with PACKET_OK */
	FLOW_PLAIN_DONE,     /* it is entered and added */
	FLOW_PLAIN_MADE,     /* likewise, and has made an entry */
	FLOW_PLAIN_DNS,	     /* likewise, or not; and the sighting holds it, for flow_dns.bpf.h */
};

/* *made: the entry that the packet has made. DONE, MADE, or NOT: nothing has changed. */
FLOW_INLINE enum flow_plain flow_plain_enter(struct flow_cpu *cpu, const struct packet_plain *plain,
					     __u32 hash, __u32 bytes,
					     const struct flow_plain_frame *frame,
					     const struct flow_hot **made)
{
	__u32 sets = cfg_sets_per_cpu, set = flow_set(hash, sets), way;
	struct flow_hot_set *hots = flow_hots(cpu, sets, set);
	__u64 *head = flow_head(cpu, set), matches, unused;
	enum flow_plain outcome = FLOW_PLAIN_DONE;
	struct flow_hot *hot;

	if (plain->l3_bytes > frame->length)
		return FLOW_PLAIN_NOT;
	matches = flow_tags_equal(*head, flow_tag(hash));
	if (likely(matches)) {
		flow_prefetch(hots, hash);
		hot = &hots->way[flow_tags_first(matches)];
		PACKET_OPAQUE(hot);
		if (unlikely(!flow_plain_entry(plain, hot)))
			return FLOW_PLAIN_NOT;
		flow_plain_add(plain, bytes, frame, hot);
		flow_touch_head(head, *head);
	} else {
		unused = flow_tags_unused(*head);
		if (!unused)
			return FLOW_PLAIN_NOT;
		way = flow_tags_nearest(unused, flow_wanted_way(hash));
		*made = flow_plain_insert(cpu, plain, bytes, frame, &hots->way[way], set, way);
		if (!*made)
			return FLOW_PLAIN_NOT;
		flow_touch_head(head, flow_tags_set(*head, way, flow_tag(hash)));
		outcome = FLOW_PLAIN_MADE;
	}
	cpu->ledger.seen_packets += frame->segments;
	cpu->ledger.seen_bytes += bytes;
	return outcome;
}

FLOW_INLINE enum flow_plain flow_plain_try(struct flow_cpu *cpu, const struct packet_plain *plain,
					   __u16 ethertype, __u32 header_bytes,
					   const struct flow_plain_frame *frame,
					   const struct flow_hot **made)
{
	struct sighting *sighting = &flow_scratch(cpu)->sighting;
	__u32 bytes = flow_plain_bytes(plain, header_bytes, frame);
	__u32 hash = flow_hash(&plain->key);
	enum flow_plain outcome = flow_plain_enter(cpu, plain, hash, bytes, frame, made);

	if (likely(outcome != FLOW_PLAIN_NOT && !plain->dns))
		return outcome;
	packet_fill_plain(plain, ethertype, header_bytes, &sighting->packet);
	sighting->hash = hash;
	return outcome == FLOW_PLAIN_NOT ? FLOW_PLAIN_READ : FLOW_PLAIN_DNS;
}

/* Each family has a copy of the way to the table, in which the other one's part is left out. */
FLOW_INLINE enum flow_plain flow_plain(struct flow_cpu *cpu, const struct flow_plain_frame *frame,
				       const struct flow_hot **made)
{
	__u16 ethertype = packet_plain_ethertype(frame->data, frame->end);
	const void *ip = (const __u8 *)frame->data + ETH_HLEN;
	struct packet_plain plain;

	if (cfg_guard)
		return FLOW_PLAIN_NOT;
	if (ethertype == PACKET_BE16(ETH_P_IP) &&
	    packet_plain_ipv4(ip, frame->end, &flow_rules, &plain))
		return flow_plain_try(cpu, &plain, ETH_P_IP, sizeof(struct iphdr), frame, made);
	if (ethertype == PACKET_BE16(ETH_P_IPV6) &&
	    packet_plain_ipv6(ip, frame->end, &flow_rules, &plain))
		return flow_plain_try(cpu, &plain, ETH_P_IPV6, sizeof(struct ipv6hdr), frame, made);
	return FLOW_PLAIN_OTHER;
}

#endif
