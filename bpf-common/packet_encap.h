/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What few packets need: IPv6 extension headers, the link-layer headers between Ethernet and IP,
 * tunnels, and the packets that ICMP errors quote. One header a step, so that a BPF hook has the
 * verifier check the steps once, whatever their order and number. As packet_parse.h: no helper, no
 * map, three builds.
 *
 * What is wrapped in a flow but cannot be read does not undo the flow: the packet stays in the
 * innermost one that was read, and a note says what stopped the parser.
 */
#ifndef PACKET_ENCAP_H
#define PACKET_ENCAP_H

#include "bpf-common/packet_quote.h"
#include "bpf-common/packet_tunnel.h"

PACKET_INLINE enum packet_status packet_step(struct cursor *cursor, __u8 next,
					     const struct packet_rules *rules,
					     struct packet *packet, struct flow_extra *extra)
{
	switch (next) {
	case PACKET_NEXT_EXTENSIONS:
		return packet_step_extensions(cursor, rules, packet);
	case PACKET_NEXT_QUOTE:
		return packet_step_quote(cursor, packet, extra);
	case PACKET_NEXT_LINK:
		return packet_step_link(cursor, rules, packet, extra);
	case PACKET_NEXT_ETHERIP: /* RFC 3378, 3 */
		cursor_skip(cursor, 2);
		/* fall through */
	case PACKET_NEXT_ETHERNET:
		if (packet->key.protocol == IPPROTO_ETHERNET ||
		    packet->key.protocol == PACKET_IPPROTO_ETHERIP)
			packet_in_tunnel(packet, extra, FLOW_TUNNEL_ETHERIP, 0);
		return packet_step_ethernet(cursor, rules, packet, extra);
	case PACKET_NEXT_IP:
		return packet_step_ip(cursor, rules, packet, extra);
	case PACKET_NEXT_MPLS:
		if (packet->key.protocol == IPPROTO_MPLS)
			packet_in_tunnel(packet, extra, FLOW_TUNNEL_MPLS_IP, 0);
		return packet_step_mpls(cursor, packet);
	case PACKET_NEXT_PPP:
		return packet_step_ppp(cursor, packet);
	case PACKET_NEXT_NSH:
		return packet_step_nsh(cursor, packet);
	case PACKET_NEXT_GRE:
		return packet_step_gre(cursor, rules, packet, extra);
	case PACKET_NEXT_UDP:
		return packet_step_udp(cursor, rules, packet, extra);
	}
	return PACKET_OK;
}

/* A packet that is in a flow stays there; what stopped the parser becomes a note. */
PACKET_INLINE enum packet_note packet_note_of(__u8 next, enum packet_status status)
{
	int extensions = next == PACKET_NEXT_EXTENSIONS;

	switch (status) {
	case PACKET_L2_TRUNCATED:
	case PACKET_VLAN_TRUNCATED:
	case PACKET_L3_TRUNCATED:
	case PACKET_ENCAP_TRUNCATED:
		return extensions ? PACKET_NOTE_EXT_TRUNCATED : PACKET_NOTE_TUNNEL_TRUNCATED;
	case PACKET_VLAN_TOO_DEEP:
	case PACKET_ENCAP_TOO_DEEP:
		return extensions ? PACKET_NOTE_EXT_TOO_DEEP : PACKET_NOTE_TUNNEL_TOO_DEEP;
	case PACKET_IP_BAD_VERSION:
	case PACKET_IP_BAD_HEADER:
		return extensions ? PACKET_NOTE_EXT_MALFORMED : PACKET_NOTE_TUNNEL_MALFORMED;
	default:
		return PACKET_NOTE_TUNNEL_NOT_IP;
	}
}

/*
 * The header at packet->offset, with the bytes, rules and packet of the calls before. PACKET_MORE:
 * call again, PACKET_STEPS_MAX times at most, then packet_give_up().
 */
PACKET_INLINE enum packet_status packet_parse_step(const void *data, const void *end,
						   const struct packet_rules *rules,
						   struct packet *packet, struct flow_extra *extra)
{
	__u32 offset = packet->offset & 0x7fff; /* what a hook has at hand is far shorter */
	struct cursor cursor = { .pos = (const __u8 *)data + offset, .end = end, .offset = offset };
	__u8 next = packet->next;
	enum packet_status status;

	packet->next = PACKET_NEXT_NONE;
	status = packet_step(&cursor, next, rules, packet, extra);
	if (status == PACKET_OK || status == PACKET_MORE || !packet->layers)
		return status;
	packet->note = (__u8)packet_note_of(next, status);
	return PACKET_OK;
}

/* For a packet that wants more steps than there are. */
PACKET_INLINE enum packet_status packet_give_up(struct packet *packet)
{
	if (!packet->layers)
		return PACKET_ENCAP_TOO_DEEP;
	packet->note = PACKET_NOTE_TUNNEL_TOO_DEEP;
	return PACKET_OK;
}

/* All that `status` leaves to do. */
PACKET_INLINE enum packet_status packet_parse_steps(const void *data, const void *end,
						    const struct packet_rules *rules,
						    struct packet *packet, struct flow_extra *extra,
						    enum packet_status status)
{
	for (int step = 0; status == PACKET_MORE; step++)
		status = step < PACKET_STEPS_MAX
				 ? packet_parse_step(data, end, rules, packet, extra)
				 : packet_give_up(packet);
	return status;
}

/*
 * All steps. data..end are the bytes at hand. PACKET_OK: *packet is a flow, and *extra holds what
 * FLOW_FLAG_TUNNEL and FLOW_FLAG_QUOTE say; else what was read before the packet ceased to be
 * understood.
 */
PACKET_INLINE enum packet_status packet_parse(const void *data, const void *end,
					      enum packet_link link,
					      const struct packet_rules *rules,
					      struct packet *packet, struct flow_extra *extra)
{
	enum packet_status status = packet_parse_first(data, end, link, rules, packet);

	__builtin_memset(extra, 0, sizeof(*extra));
	return packet_parse_steps(data, end, rules, packet, extra, status);
}

/*
 * The same from a known ethertype on (host order; VLAN tags may follow): `data` stands behind a
 * link header that the caller has read (Linux cooked, BSD loopback). Offsets count from `data`.
 */
PACKET_INLINE enum packet_status packet_parse_l3(const void *data, const void *end, __u16 ethertype,
						 const struct packet_rules *rules,
						 struct packet *packet, struct flow_extra *extra)
{
	struct cursor cursor = { .pos = data, .end = end };
	enum packet_status status;

	__builtin_memset(packet, 0, sizeof(*packet));
	__builtin_memset(extra, 0, sizeof(*extra));
	packet->ethertype = ethertype;
	status = packet_step_ethertype(&cursor, rules, packet, extra);
	return packet_parse_steps(data, end, rules, packet, extra, status);
}

/* The same from a PPP header on (RFC 1662). */
PACKET_INLINE enum packet_status packet_parse_ppp(const void *data, const void *end,
						  const struct packet_rules *rules,
						  struct packet *packet, struct flow_extra *extra)
{
	__builtin_memset(packet, 0, sizeof(*packet));
	__builtin_memset(extra, 0, sizeof(*extra));
	packet->next = PACKET_NEXT_PPP;
	return packet_parse_steps(data, end, rules, packet, extra, PACKET_MORE);
}

#endif
