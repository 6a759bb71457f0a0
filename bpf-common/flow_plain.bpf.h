/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What nearly every packet needs and no more: it is plain (packet_plain.h), this point counts it,
 * and its flow has an entry, or there is room for one. The same as flow_account() would do, in the
 * hook, with the key in registers; whatever is not so is left to that, untouched.
 */
#ifndef FLOW_PLAIN_BPF_H
#define FLOW_PLAIN_BPF_H

#include "bpf-common/flow_account.bpf.h"

/* What the hook knows of the packet that its bytes do not say. */
struct flow_plain_frame {
	__u32 length;	/* with the link header and the tag in `vlan` */
	__u32 segments; /* packets on the wire that it stands for, at least 1 */
	__u32 point;	/* FLOW_POINT() */
	__u16 vlan;	/* a tag that was taken off: id | FLOW_VLAN_PRESENT, else 0 */
};

enum flow_plain {
	FLOW_PLAIN_NOT,	     /* nothing is known of the packet */
	FLOW_PLAIN_EXCLUDED, /* but that the pcap filter excludes it */
	FLOW_PLAIN_OTHER,    /* but that it is not plain */
	FLOW_PLAIN_READ,     /* the sighting holds it and its hash, with PACKET_OK */
	FLOW_PLAIN_DONE,     /* it is entered and added */
	FLOW_PLAIN_MADE,     /* likewise, and has made an entry */
	FLOW_PLAIN_DNS,	     /* likewise, or not; and the sighting holds it, for flow_dns.bpf.h */
};

/*
 * The packet as a hook hands it over. What its bytes do not say is asked for when the entry's line
 * is on its way from memory: `tell` fills in the frame, and returns what flow_plain_device() does.
 */
struct flow_plain_packet {
	const void *data, *end;
	void *context;
	enum flow_plain (*tell)(void *context, struct flow_plain_frame *frame);
};

/* DONE: the point counts, all packets, and no tunnel is in play. READ: not so. NOT: and there is no
 * link header, so that what was read is not the packet. */
FLOW_INLINE enum flow_plain flow_plain_device(struct flow_device device, __u32 counting_role)
{
	__u32 matter = counting_role | FLOW_DEVICE_L3 | FLOW_DEVICE_TUNNEL;

	if (likely((device.role & matter) == counting_role && device.sampling <= 1))
		return FLOW_PLAIN_DONE;
	return device.role & FLOW_DEVICE_L3 ? FLOW_PLAIN_NOT : FLOW_PLAIN_READ;
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
	__u32 headers;

	if (likely(frame->segments == 1))
		return frame->length;
	headers = ETH_HLEN + header_bytes + packet_plain_payload_offset(plain) +
		  flow_plain_tag_bytes(frame);
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
	return !(plain->l4_word & FLOW_TCP_SYN) &&
	       !(hot->flags & (FLOW_FLAG_OBSERVED | FLOW_FLAG_SAMPLED)) &&
	       flow_key_equal(&hot->key, &plain->key);
}

FLOW_INLINE void flow_plain_add(const struct packet_plain *plain, __u32 bytes,
				const struct flow_plain_frame *frame, struct flow_hot *hot)
{
	__u16 flags = packet_plain_flags(plain);

	if (unlikely(flags & ~hot->flags))
		hot->flags |= flags;
	hot->bytes += bytes;
	hot->l2_bytes += flow_plain_l2_bytes(plain, frame);
	hot->last_jiffies = (__u32)bpf_jiffies64();
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
	hot->flags = packet_plain_flags(plain);
}

FLOW_INLINE void flow_plain_fill_cold(const __u32 *eth, const struct flow_plain_frame *frame,
				      struct flow_cold *cold)
{

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
FLOW_INLINE struct flow_hot *flow_plain_insert(struct flow_cpu *cpu, const void *eth,
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
	flow_plain_fill_cold(eth, frame, &colds->way[way]);
	flow_store_barrier(&cpu->ledger);
	*(volatile __u16 *)&hot->generation = 2;
	cpu->ledger.inserts++;
	return hot;
}

/* ---- one packet ----------------------------------------------------------------------------- */

/* Where the packet's flow is, or is to be. */
struct flow_plain_place {
	__u32 hash, set;
	struct flow_hot_set *hots;
	__u64 *head, matches;
};

/* The earliest that can be known; begins to load the entry's line. */
FLOW_INLINE void flow_plain_look(struct flow_cpu *cpu, const struct flow_key *key,
				 struct flow_plain_place *place)
{
	__u32 sets = cfg_sets_per_cpu;

	place->hash = flow_hash(key);
	place->set = flow_set(place->hash, sets);
	place->hots = flow_hots(cpu, sets, place->set);
	place->head = flow_head(cpu, place->set);
	place->matches = flow_tags_equal(*place->head, flow_tag(place->hash));
	if (likely(place->matches))
		flow_prefetch(place->hots, place->hash);
}

/* DONE; MADE, and *made is the entry; or READ: nothing has changed. */
FLOW_INLINE enum flow_plain flow_plain_enter(struct flow_cpu *cpu,
					     const struct flow_plain_packet *packet,
					     const struct packet_plain *plain, __u32 header_bytes,
					     const struct flow_plain_frame *frame,
					     const struct flow_plain_place *place,
					     const struct flow_hot **made)
{
	__u32 bytes = flow_plain_bytes(plain, header_bytes, frame), way;
	__u64 unused;

	if (likely(place->matches)) {
		struct flow_hot *hot = &place->hots->way[flow_tags_first(place->matches)];

		PACKET_OPAQUE(hot);
		if (unlikely(!flow_plain_entry(plain, hot)))
			return FLOW_PLAIN_READ;
		flow_plain_add(plain, bytes, frame, hot);
		flow_touch_head(place->head, *place->head);
	} else {
		unused = flow_tags_unused(*place->head);
		if (!unused)
			return FLOW_PLAIN_READ;
		way = flow_tags_nearest(unused, flow_wanted_way(place->hash));
		*made = flow_plain_insert(cpu, packet->data, plain, bytes, frame,
					  &place->hots->way[way], place->set, way);
		if (!*made)
			return FLOW_PLAIN_READ;
		flow_touch_head(place->head,
				flow_tags_set(*place->head, way, flow_tag(place->hash)));
	}
	cpu->ledger.seen_packets += frame->segments;
	cpu->ledger.seen_bytes += bytes;
	return place->matches ? FLOW_PLAIN_DONE : FLOW_PLAIN_MADE;
}

/* The flow of the packet is read. */
FLOW_INLINE enum flow_plain flow_plain_try(struct flow_cpu *cpu,
					   const struct flow_plain_packet *packet,
					   struct packet_plain *plain, __u16 ethertype,
					   __u32 header_bytes, const struct flow_hot **made)
{
	struct sighting *sighting = &flow_scratch(cpu)->sighting;
	struct flow_plain_frame frame;
	struct flow_plain_place place;
	enum flow_plain outcome;

	flow_plain_look(cpu, &plain->key, &place);
	outcome = packet->tell(packet->context, &frame);
	if (unlikely(outcome == FLOW_PLAIN_NOT))
		return FLOW_PLAIN_NOT;
	if (!packet_plain_rest((const __u8 *)packet->data + ETH_HLEN, packet->end, header_bytes,
			       &flow_rules, plain))
		return FLOW_PLAIN_OTHER;
	if (likely(outcome == FLOW_PLAIN_DONE))
		outcome = plain->l3_bytes <= frame.length
				  ? flow_plain_enter(cpu, packet, plain, header_bytes, &frame,
						     &place, made)
				  : FLOW_PLAIN_READ;
	if (likely(outcome != FLOW_PLAIN_READ && !plain->dns))
		return outcome;
	packet_fill_plain(plain, ethertype, header_bytes, &sighting->packet);
	sighting->hash = place.hash;
	return outcome == FLOW_PLAIN_READ ? FLOW_PLAIN_READ : FLOW_PLAIN_DNS;
}

/* Each family has a copy of the way to the table, in which the other one's part is left out. */
FLOW_INLINE enum flow_plain flow_plain(struct flow_cpu *cpu, const struct flow_plain_packet *packet,
				       const struct flow_hot **made)
{
	__u16 ethertype = packet_plain_ethertype(packet->data, packet->end);
	const __u8 *ip = (const __u8 *)packet->data + ETH_HLEN;
	struct packet_plain plain;

	if (cfg_guard) {
		asm volatile(""); /* a branch of its own, which the kernel leaves out */
		return FLOW_PLAIN_NOT;
	}
	if (ethertype == PACKET_BE16(ETH_P_IP) && packet_plain_ipv4(ip, &plain))
		return flow_plain_try(cpu, packet, &plain, ETH_P_IP, sizeof(struct iphdr), made);
	if (ethertype == PACKET_BE16(ETH_P_IPV6) && packet_plain_ipv6(ip, packet->end, &plain))
		return flow_plain_try(cpu, packet, &plain, ETH_P_IPV6, sizeof(struct ipv6hdr),
				      made);
	return FLOW_PLAIN_OTHER;
}

#endif
