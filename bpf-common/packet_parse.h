/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One parser, three builds: bytes in, struct packet out. The same source is compiled for XDP, for
 * tc and natively (offline reader, tests, fuzzers). It uses UAPI headers only, calls no helper,
 * touches no map, allocates nothing and logs nothing; every way not to understand a packet is an
 * enum packet_status.
 *
 * A packet whose IP addresses could be read is PACKET_OK, a flow: where the transport header is not
 * there (later fragment, short packet) the ports are 0 and a FLOW_FLAG_ says why.
 */
#ifndef PACKET_PARSE_H
#define PACKET_PARSE_H

#include "bpf-common/packet_plain.h"

/* A header whose length the packet says, at most 2,047 bytes: Linux 6.1 must be shown that. */
PACKET_INLINE void cursor_skip_some(struct cursor *cursor, __u32 bytes)
{
	PACKET_OPAQUE(bytes);
	cursor_skip(cursor, bytes & 0x7ff);
}

/* 802.1Q, 802.1ad and the 0x9100 that QinQ used before it (IEEE 802.1Q-2018, 9.5). */
PACKET_INLINE int packet_is_vlan(__u16 ethertype)
{
	return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD || ethertype == 0x9100;
}

PACKET_INLINE void packet_add_vlan(struct packet *packet, __u16 tci)
{
	__u16 tag = (tci & FLOW_VLAN_ID) | FLOW_VLAN_PRESENT;

	if (!packet->vlan[0])
		packet->vlan[0] = tag;
	else if (!packet->vlan[1])
		packet->vlan[1] = tag;
}

/* Tags of the outermost link header are kept: of an inner one (layers != 0) they are passed over.
 */
PACKET_INLINE enum packet_status packet_parse_vlans(struct cursor *cursor, struct packet *packet,
						    int keep)
{
	for (int depth = 0; depth <= PACKET_VLANS_MAX; depth++) {
		const __u8 *tag;

		if (!packet_is_vlan(packet->ethertype))
			return PACKET_OK;
		tag = cursor_peek(cursor, 4);
		if (!tag)
			return PACKET_VLAN_TRUNCATED;
		if (keep)
			packet_add_vlan(packet, packet_u16(tag));
		packet->ethertype = packet_u16(tag + 2);
		cursor_skip(cursor, 4);
	}
	return PACKET_VLAN_TOO_DEEP;
}

PACKET_INLINE enum packet_status packet_parse_ethernet(struct cursor *cursor, struct packet *packet,
						       int keep)
{
	const __u8 *ethernet = cursor_peek(cursor, ETH_HLEN);

	if (!ethernet)
		return PACKET_L2_TRUNCATED;
	packet->ethertype = packet_u16(ethernet + offsetof(struct ethhdr, h_proto));
	cursor_skip(cursor, ETH_HLEN);
	return packet_parse_vlans(cursor, packet, keep);
}

/* The link-layer headers that packet_parse_rest() looks behind. */
PACKET_INLINE int packet_is_link(__u16 ethertype)
{
	switch (ethertype) {
	case ETH_P_MPLS_UC:
	case ETH_P_MPLS_MC:
	case ETH_P_PPP_SES:
	case ETH_P_NSH:
	case ETH_P_MACSEC:
	case ETH_P_8021AH:
	case ETH_P_HSR:
	case PACKET_ETH_VNTAG:
	case PACKET_ETH_TRILL:
	case PACKET_ETH_CMD:
		return 1;
	}
	return ethertype < ETH_P_802_3_MIN;
}

/* The name of what is not IP. */
PACKET_INLINE enum packet_status packet_ethertype_status(__u16 ethertype)
{
	if (ethertype < ETH_P_802_3_MIN)
		return PACKET_LLC;
	switch (ethertype) {
	case ETH_P_ARP:
	case ETH_P_RARP:
		return PACKET_ARP;
	case ETH_P_LLDP:
		return PACKET_LLDP;
	case ETH_P_MPLS_UC:
	case ETH_P_MPLS_MC:
		return PACKET_MPLS;
	case ETH_P_PPP_DISC:
	case ETH_P_PPP_SES:
		return PACKET_PPPOE;
	case ETH_P_SLOW:
		return PACKET_LACP;
	case ETH_P_PAE:
		return PACKET_EAPOL;
	case ETH_P_1588:
		return PACKET_PTP;
	case ETH_P_IPX:
		return PACKET_IPX;
	case ETH_P_MACSEC:
		return PACKET_MACSEC;
	}
	return PACKET_ETHERTYPE_OTHER;
}

/* Types whose message has an identifier that makes it a conversation (RFC 792, RFC 4443). */
PACKET_INLINE int packet_icmp_has_id(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

PACKET_INLINE void packet_l4_short(struct packet *packet)
{
	packet->flags |= FLOW_FLAG_L4_SHORT;
	packet->note = PACKET_NOTE_L4_SHORT;
}

/* Messages that quote the packet they are about (RFC 792; RFC 4443, 3). */
PACKET_INLINE int packet_icmp_is_error(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

PACKET_INLINE void packet_parse_icmp(const struct cursor *cursor, __u32 room, struct packet *packet)
{
	const __u8 *icmp = cursor->pos;
	__u8 type;

	if (!cursor_peek(cursor, 2) || room < 2) {
		packet_l4_short(packet);
		return;
	}
	type = icmp[0];
	packet->key.src_port = type;
	packet->key.dst_port = icmp[1];
	packet->payload_offset += 8;
	if (packet_icmp_is_error(packet->key.protocol, type)) {
		packet->next = PACKET_NEXT_QUOTE;
		packet->offset = packet->payload_offset;
	} else if (packet_icmp_has_id(packet->key.protocol, type) && room >= 6 &&
		   cursor_peek(cursor, 6)) {
		packet->key.icmp_id = packet_u16(icmp + 4);
	}
}

PACKET_INLINE void packet_parse_tcp(const struct cursor *cursor, __u32 room,
				    const struct packet_rules *rules, struct packet *packet)
{
	const __u8 *tcp = cursor_peek(cursor, 14);

	if (!tcp || room < 14) {
		packet_l4_short(packet);
		return;
	}
	packet->flags |= packet_u16(tcp + 12) & FLOW_TCP_MASK;
	packet->payload_offset += (tcp[12] >> 4) * 4;
	packet->dns = rules && packet_is_of(&rules->dns_ports, packet);
}

/* IP protocols that are another packet's wrapping; the rest are what they are. */
PACKET_INLINE __u8 packet_protocol_next(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return PACKET_NEXT_IP;
	case IPPROTO_GRE:
		return PACKET_NEXT_GRE;
	case IPPROTO_MPLS:
		return PACKET_NEXT_MPLS;
	case PACKET_IPPROTO_ETHERIP:
		return PACKET_NEXT_ETHERIP;
	case IPPROTO_ETHERNET:
		return PACKET_NEXT_ETHERNET;
	}
	return PACKET_NEXT_NONE;
}

PACKET_INLINE void packet_parse_udp(const struct cursor *cursor, const struct packet_rules *rules,
				    struct packet *packet)
{
	const __u8 *udp = cursor->pos;

	packet->payload_offset += 8;
	if (!rules || !cursor_peek(cursor, 8) || !packet_is_of(&rules->udp_ports, packet))
		return;
	packet->dns = (__u8)packet_is_of(&rules->dns_ports, packet);
	if (packet->dns || (!rules->jumbo && !packet_u16(udp + 4)))
		return;
	packet->next = PACKET_NEXT_UDP;
	packet->offset = packet->payload_offset;
}

/*
 * `room`: bytes of the IP packet from here on, by its header (padding behind them is not ours).
 * Sets packet->next where more follows. rules NULL: tunnels are not followed.
 */
PACKET_INLINE void packet_parse_l4(const struct cursor *cursor, __u32 room,
				   const struct packet_rules *rules, struct packet *packet)
{
	__u8 protocol = packet->key.protocol;
	const __u8 *ports;

	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		packet_parse_icmp(cursor, room, packet);
		return;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP &&
	    protocol != IPPROTO_UDPLITE && protocol != IPPROTO_DCCP) {
		packet->offset = packet->l4_offset;
		if (rules && rules->tunnels)
			packet->next = packet_protocol_next(protocol);
		return;
	}
	ports = cursor_peek(cursor, 4);
	if (!ports || room < 4) {
		packet_l4_short(packet);
		return;
	}
	packet->key.src_port = packet_u16(ports);
	packet->key.dst_port = packet_u16(ports + 2);
	if (protocol == IPPROTO_TCP)
		packet_parse_tcp(cursor, room, rules, packet);
	else if (protocol == IPPROTO_UDP)
		packet_parse_udp(cursor, rules, packet);
	else
		packet->payload_offset += 8;
}

/* ::ffff:a.b.c.d, from the four bytes of the header. */
PACKET_INLINE void packet_map_ipv4(__u8 mapped[16], const void *address)
{
	__u32 *words = (__u32 *)mapped;

	words[0] = 0;
	words[1] = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	words[2] = 0xffff0000u;
#else
	words[2] = 0x0000ffffu;
#endif
	words[3] = PACKET_LOAD(__u32, address);
}

PACKET_INLINE void packet_copy_ipv6(__u8 copy[16], const __u8 *address)
{
	__u64 *words = (__u64 *)copy;

	words[0] = PACKET_LOAD(__u64, address);
	words[1] = PACKET_LOAD(__u64, address + 8);
}

/*
 * An IP header was found good and is about to become the packet's key. Behind another one, that one
 * is the tunnel's: the outermost is kept. `extra` NULL: there can be none before.
 */
PACKET_INLINE void packet_begin_ip(struct packet *packet, struct flow_extra *extra)
{
	if (extra && packet->layers) {
		if (packet->layers == 1) {
			packet_copy_ipv6(extra->outer.src, packet->key.src);
			packet_copy_ipv6(extra->outer.dst, packet->key.dst);
			extra->outer.scope = packet->key.scope;
			extra->outer.pad = 0;
			packet->flags |= FLOW_FLAG_TUNNEL;
		}
		packet->flags &= FLOW_FLAG_TUNNEL | FLOW_FLAG_FRAGMENT;
		packet->key.src_port = packet->key.dst_port = packet->key.icmp_id = 0;
		packet->key.scope = 0;
		packet->fragment = PACKET_WHOLE;
		packet->dns = 0;
		packet->note = PACKET_NOTE_NONE;
	}
	packet->layers++;
}

PACKET_INLINE void packet_ipv4_fragment(struct packet *packet, __u16 fragment, __u16 id)
{
	packet->flags |= FLOW_FLAG_FRAGMENT;
	packet->fragment = fragment & 0x1fff ? PACKET_FRAGMENT_LATER : PACKET_FRAGMENT_FIRST;
	packet->fragment_id = id;
	packet->fragment_at = (__u16)(fragment << 3 | (fragment >> 13 & PACKET_FRAGMENT_MORE));
}

PACKET_INLINE enum packet_status packet_parse_ipv4(struct cursor *cursor,
						   const struct packet_rules *rules,
						   struct packet *packet, struct flow_extra *extra)
{
	const __u8 *ip = cursor_peek(cursor, sizeof(struct iphdr));
	__u32 header_bytes, total;
	__u16 fragment;

	if (!ip)
		return PACKET_L3_TRUNCATED;
	if (ip[0] >> 4 != 4)
		return PACKET_IP_BAD_VERSION;
	header_bytes = (ip[0] & 0x0f) * 4;
	total = packet_u16(ip + offsetof(struct iphdr, tot_len));
	if (header_bytes < sizeof(struct iphdr) || (total && total < header_bytes))
		return PACKET_IP_BAD_HEADER;
	packet_begin_ip(packet, extra);
	packet_map_ipv4(packet->key.src, ip + offsetof(struct iphdr, saddr));
	packet_map_ipv4(packet->key.dst, ip + offsetof(struct iphdr, daddr));
	packet->key.protocol = ip[offsetof(struct iphdr, protocol)];
	packet->l3_offset = (__u16)cursor->offset;
	packet->l3_bytes = total;
	fragment = packet_u16(ip + offsetof(struct iphdr, frag_off));
	if (fragment & 0x3fff) /* more fragments, or an offset */
		packet_ipv4_fragment(packet, fragment, packet_u16(ip + offsetof(struct iphdr, id)));
	cursor_skip(cursor, header_bytes);
	packet->l4_offset = packet->payload_offset = (__u16)cursor->offset;
	if (!(fragment & 0x1fff))
		packet_parse_l4(cursor, total ? total - header_bytes : ~0u, rules, packet);
	return packet->next ? PACKET_MORE : PACKET_OK;
}

PACKET_INLINE int packet_is_ipv6_extension(__u8 next_header)
{
	return next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING ||
	       next_header == IPPROTO_DSTOPTS || next_header == IPPROTO_FRAGMENT;
}

/* All ones when a equals b, else 0; without a branch. Both below 2^31. */
PACKET_INLINE __u32 packet_equal_mask(__u32 a, __u32 b)
{
	__u32 difference = a ^ b;

	PACKET_OPAQUE(difference);
	return (__u32)((__s32)(difference - 1) >> 31);
}

/* A hop-by-hop header of eight bytes has room for nothing beside the jumbo option. */
PACKET_INLINE int packet_jumbo_is_bad(__u32 type, const __u8 *extension)
{
	return type == IPPROTO_FRAGMENT ||
	       (type == IPPROTO_HOPOPTS && !extension[1] && extension[2] != 0xc2);
}

/*
 * Follows hop-by-hop, routing, destination and fragment headers (RFC 8200, 4). The authentication
 * header is not followed: it is a protocol of its own, the flow's (docs/decisions/parser.md). Sets
 * key.protocol to what comes behind them. A packet without a length (jumbogram) says so in a
 * hop-by-hop header and is not fragmented (RFC 2675, 3). The four kinds are told apart by
 * arithmetic: with branches the verifier would walk 3^8 ways through here.
 */
PACKET_INLINE enum packet_status packet_parse_extensions(struct cursor *cursor,
							 struct packet *packet)
{
	for (int depth = 0; depth < PACKET_IPV6_EXT_MAX; depth++) {
		__u32 type = packet->key.protocol, is_fragment, fragment, flag;
		const __u8 *extension;

		if (!packet_is_ipv6_extension((__u8)type))
			return PACKET_OK;
		extension = cursor_peek(cursor, 8);
		if (!extension)
			return PACKET_ENCAP_TRUNCATED;
		is_fragment = packet_equal_mask(type, IPPROTO_FRAGMENT);
		if (!packet->l3_bytes && !depth && packet_jumbo_is_bad(type, extension))
			return PACKET_IP_BAD_HEADER;
		packet->key.protocol = extension[0];
		fragment = packet_u16(extension + 2) & is_fragment;
		flag = ~packet_equal_mask(fragment & 0xfff9, 0);
		packet->flags |= (__u16)(flag & FLOW_FLAG_FRAGMENT);
		packet->fragment |= (__u8)(flag & PACKET_FRAGMENT_FIRST);
		packet->fragment_id |= packet_u32(extension + 4) & flag;
		packet->fragment_at |= (__u16)(fragment & 0xfff9);
		cursor_skip(cursor, ((extension[1] & ~is_fragment & 0xff) + 1) * 8);
		if (fragment & 0xfff8) {
			packet->fragment = PACKET_FRAGMENT_LATER;
			return PACKET_OK;
		}
	}
	return packet_is_ipv6_extension(packet->key.protocol) ? PACKET_ENCAP_TOO_DEEP : PACKET_OK;
}

/* Bytes of the IPv6 packet from the cursor on; a jumbogram or BIG TCP packet does not say (0). */
PACKET_INLINE __u32 packet_ipv6_room(const struct cursor *cursor, const struct packet *packet)
{
	__u32 end = packet->l3_offset + packet->l3_bytes;

	if (!packet->l3_bytes)
		return ~0u;
	return end > cursor->offset ? end - cursor->offset : 0;
}

/* The fixed header; PACKET_MORE when extensions follow. */
PACKET_INLINE enum packet_status packet_parse_ipv6(struct cursor *cursor,
						   const struct packet_rules *rules,
						   struct packet *packet, struct flow_extra *extra)
{
	const __u8 *ip = cursor_peek(cursor, sizeof(struct ipv6hdr));
	__u32 payload;

	if (!ip)
		return PACKET_L3_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return PACKET_IP_BAD_VERSION;
	packet_begin_ip(packet, extra);
	packet_copy_ipv6(packet->key.src, ip + offsetof(struct ipv6hdr, saddr));
	packet_copy_ipv6(packet->key.dst, ip + offsetof(struct ipv6hdr, daddr));
	packet->key.scope = FLOW_SCOPE_IPV6;
	packet->key.protocol = ip[offsetof(struct ipv6hdr, nexthdr)];
	packet->l3_offset = (__u16)cursor->offset;
	payload = packet_u16(ip + offsetof(struct ipv6hdr, payload_len));
	packet->l3_bytes = payload ? payload + (__u32)sizeof(struct ipv6hdr) : 0;
	cursor_skip(cursor, sizeof(struct ipv6hdr));
	packet->l4_offset = packet->payload_offset = (__u16)cursor->offset;
	if (packet_is_ipv6_extension(packet->key.protocol)) {
		packet->next = PACKET_NEXT_EXTENSIONS;
		packet->offset = packet->l4_offset;
	} else {
		packet_parse_l4(cursor, packet_ipv6_room(cursor, packet), rules, packet);
	}
	return packet->next ? PACKET_MORE : PACKET_OK;
}

/* From packet->ethertype on; the cursor stands behind the link header. */
PACKET_INLINE enum packet_status packet_parse_network(struct cursor *cursor,
						      const struct packet_rules *rules,
						      struct packet *packet,
						      struct flow_extra *extra)
{
	if (packet->ethertype == ETH_P_IP)
		return packet_parse_ipv4(cursor, rules, packet, extra);
	if (packet->ethertype == ETH_P_IPV6)
		return packet_parse_ipv6(cursor, rules, packet, extra);
	if (!packet_is_link(packet->ethertype))
		return packet_ethertype_status(packet->ethertype);
	packet->next = PACKET_NEXT_LINK;
	packet->offset = (__u16)cursor->offset;
	return PACKET_MORE;
}

/* The ethertype of a packet that starts with its IP header; 0 when it does not. */
PACKET_INLINE __u16 packet_ip_ethertype(const void *data, const void *end)
{
	const __u8 *first = data;

	if (first + 1 > (const __u8 *)end)
		return ETH_P_IP; /* too short to tell: reported as a short IP header */
	return *first >> 4 == 4 ? ETH_P_IP : *first >> 4 == 6 ? ETH_P_IPV6 : 0;
}

/* The general parser: any packet. */
PACKET_INLINE enum packet_status packet_parse_any(const void *data, const void *end,
						  enum packet_link link,
						  const struct packet_rules *rules,
						  struct packet *packet)
{
	struct cursor cursor = { .pos = data, .end = end };
	enum packet_status status = PACKET_OK;

	__builtin_memset(packet, 0, sizeof(*packet));
	if (link == PACKET_LINK_ETHERNET)
		status = packet_parse_ethernet(&cursor, packet, 1);
	else if (!(packet->ethertype = packet_ip_ethertype(data, end)))
		status = PACKET_IP_BAD_VERSION;
	return status == PACKET_OK ? packet_parse_network(&cursor, rules, packet, 0) : status;
}

/*
 * What nearly every packet needs. PACKET_MORE: go on with packet_parse_step() (packet_encap.h) and
 * the same bytes and packet. In steps because a BPF hook makes each a function of its own, which
 * the verifier checks once instead of behind each way through the one before.
 */
PACKET_INLINE enum packet_status packet_parse_first(const void *data, const void *end,
						    enum packet_link link,
						    const struct packet_rules *rules,
						    struct packet *packet)
{
	if (link == PACKET_LINK_ETHERNET && packet_parse_plain(data, end, rules, packet))
		return PACKET_OK;
	return packet_parse_any(data, end, link, rules, packet);
}

#endif
