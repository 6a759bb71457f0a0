/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels: IP in IP, GRE and its kin, and those over UDP; one header a step of packet_encap.h.
 */
#ifndef PACKET_TUNNEL_H
#define PACKET_TUNNEL_H

#include "bpf-common/packet_link.h"

#define PACKET_GTP_EXT_MAX    4	      /* extension headers followed */
#define PACKET_ETH_ERSPAN_III 0x22eb  /* draft-foschiano-erspan */
#define PACKET_ETH_WCCP	      0x883e  /* draft-mclaggan-wccp-v2rev1 */
#define PACKET_ETH_PPP	      0x880b  /* RFC 2637 */
#define PACKET_NVGRE_VSID_MIN 0x1000u /* RFC 7637, 3.3: those below are reserved */

/* ---- IP in IP, IPv6 extensions --------------------------------------------------------------- */

PACKET_INLINE enum packet_status packet_step_ip(struct cursor *cursor,
						const struct packet_rules *rules,
						struct packet *packet, struct flow_extra *extra)
{
	__u8 protocol = packet->key.protocol;
	int outer_ipv6 = packet->key.scope & FLOW_SCOPE_IPV6;

	if (protocol == IPPROTO_IPIP)
		packet_in_tunnel(packet, extra,
				 outer_ipv6 ? FLOW_TUNNEL_FOURINSIX : FLOW_TUNNEL_IPIP, 0);
	if (protocol == IPPROTO_IPV6)
		packet_in_tunnel(packet, extra,
				 outer_ipv6 ? FLOW_TUNNEL_SIXINSIX : FLOW_TUNNEL_SIXINFOUR, 0);
	packet->ethertype = packet_ip_ethertype(cursor->pos, cursor->end);
	return packet->ethertype ? packet_parse_network(cursor, rules, packet, extra)
				 : PACKET_IP_BAD_VERSION;
}

PACKET_INLINE enum packet_status packet_step_extensions(struct cursor *cursor,
							const struct packet_rules *rules,
							struct packet *packet)
{
	enum packet_status status = packet_parse_extensions(cursor, packet);

	if (status != PACKET_OK) {
		packet->key.protocol = 0; /* what is behind them is not known */
		return status;
	}
	packet->l4_offset = packet->payload_offset = (__u16)cursor->offset;
	if (packet->fragment != PACKET_FRAGMENT_LATER)
		packet_parse_l4(cursor, packet_ipv6_room(cursor, packet), rules, packet);
	return packet->next ? PACKET_MORE : PACKET_OK;
}

/* ---- GRE and what came after it ---------------------------------------------------------------
 */

/* Bytes of the header by its flags (RFC 2784, RFC 2890; version 1: RFC 2637, 4.1). */
PACKET_INLINE __u32 packet_gre_bytes(__u16 flags)
{
	__u32 bytes = 4 + (flags >> 15 & 1) * 4 + (flags >> 13 & 1) * 4 + (flags >> 12 & 1) * 4;

	return flags & 7 ? bytes + (flags >> 7 & 1) * 4 : bytes;
}

PACKET_INLINE enum packet_status packet_step_erspan(struct cursor *cursor, __u16 protocol,
						    struct packet *packet, struct flow_extra *extra)
{
	const __u8 *header = cursor_peek(cursor, 12);
	__u16 last;

	if (!header)
		return PACKET_ENCAP_TRUNCATED;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_ERSPAN, packet_u16(header + 2) & 0x3ff);
	if (protocol != PACKET_ETH_ERSPAN_III) {
		cursor_skip(cursor, 8);
		return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
	}
	last = packet_u16(header + 10);
	cursor_skip_some(cursor, last & 1 ? 20 : 12);
	return packet_go(packet, cursor,
			 (last >> 10 & 0x1f) == 2 ? PACKET_NEXT_IP : PACKET_NEXT_ETHERNET);
}

PACKET_INLINE enum packet_status packet_gre_ethernet(const struct cursor *cursor, __u16 flags,
						     __u32 key, struct packet *packet,
						     struct flow_extra *extra)
{
	if ((flags & 0xb000) == 0x2000 && key >> 8 >= PACKET_NVGRE_VSID_MIN)
		packet_in_tunnel(packet, extra, FLOW_TUNNEL_NVGRE, key >> 8);
	return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
}

/* Version 1 of WCCP redirects the packet as it is, version 2 puts four bytes before it. */
PACKET_INLINE enum packet_status packet_gre_wccp(struct cursor *cursor, struct packet *packet,
						 struct flow_extra *extra)
{
	const __u8 *header = cursor_peek(cursor, 4);

	if (!header)
		return PACKET_ENCAP_TRUNCATED;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_WCCP, 0);
	if (header[0] >> 4 != 4)
		cursor_skip(cursor, 4);
	return packet_go(packet, cursor, PACKET_NEXT_IP);
}

PACKET_INLINE enum packet_status packet_step_gre(struct cursor *cursor,
						 const struct packet_rules *rules,
						 struct packet *packet, struct flow_extra *extra)
{
	const __u8 *gre = cursor->pos;
	__u16 flags, protocol;
	__u32 id = 0;

	if (!cursor_peek(cursor, 4))
		return PACKET_ENCAP_TRUNCATED;
	flags = packet_u16(gre);
	protocol = packet_u16(gre + 2);
	if (flags & 0x4000) /* source routing, given up by RFC 2784 */
		return PACKET_IP_BAD_HEADER;
	if ((flags & 0x2000) && cursor_peek(cursor, 12))
		id = packet_u32(flags & 0x8000 ? gre + 8 : gre + 4);
	packet_in_tunnel(packet, extra, flags & 7 ? FLOW_TUNNEL_PPTP : FLOW_TUNNEL_GRE, id);
	cursor_skip_some(cursor, packet_gre_bytes(flags));
	switch (protocol) {
	case ETH_P_TEB:
		return packet_gre_ethernet(cursor, flags, id, packet, extra);
	case ETH_P_ERSPAN: /* type I has no sequence number and no header of its own */
		if (!(flags & 0x1000))
			return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
		return packet_step_erspan(cursor, protocol, packet, extra);
	case PACKET_ETH_ERSPAN_III:
		return packet_step_erspan(cursor, protocol, packet, extra);
	case PACKET_ETH_WCCP:
		return packet_gre_wccp(cursor, packet, extra);
	case PACKET_ETH_PPP:
		return packet_go(packet, cursor, PACKET_NEXT_PPP);
	}
	packet->ethertype = protocol;
	return packet_step_ethertype(cursor, rules, packet, extra);
}

/* ---- tunnels over UDP ------------------------------------------------------------------------ */

/* RFC 7348; generic protocol extension: draft-ietf-nvo3-vxlan-gpe */
PACKET_INLINE enum packet_status packet_udp_vxlan(struct cursor *cursor, __u8 type,
						  struct packet *packet, struct flow_extra *extra)
{
	const __u8 *vxlan = cursor_peek(cursor, 8);
	__u8 next = 3;

	if (!vxlan)
		return PACKET_ENCAP_TRUNCATED;
	if (!(vxlan[0] & 0x08))
		return PACKET_IP_BAD_HEADER;
	if (type == FLOW_TUNNEL_VXLAN_GPE && (vxlan[0] & 0x04))
		next = vxlan[3];
	packet_in_tunnel(packet, extra, type, packet_u32(vxlan + 4) >> 8);
	cursor_skip(cursor, 8);
	if (next == 1 || next == 2)
		return packet_go(packet, cursor, PACKET_NEXT_IP);
	if (next == 4)
		return packet_go(packet, cursor, PACKET_NEXT_NSH);
	return packet_go(packet, cursor, next == 5 ? PACKET_NEXT_MPLS : PACKET_NEXT_ETHERNET);
}

/* RFC 8926, 3.4 */
PACKET_INLINE enum packet_status packet_udp_geneve(struct cursor *cursor,
						   const struct packet_rules *rules,
						   struct packet *packet, struct flow_extra *extra)
{
	const __u8 *geneve = cursor_peek(cursor, 8);

	if (!geneve)
		return PACKET_ENCAP_TRUNCATED;
	if (geneve[0] >> 6)
		return PACKET_IP_BAD_HEADER;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_GENEVE, packet_u32(geneve + 4) >> 8);
	packet->ethertype = packet_u16(geneve + 2);
	cursor_skip_some(cursor, 8 + (geneve[0] & 0x3fu) * 4);
	if (packet->ethertype == ETH_P_TEB)
		return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
	return packet_step_ethertype(cursor, rules, packet, extra);
}

/* The chain of extension headers behind the optional fields (3GPP TS 29.281, 5.2.1). */
PACKET_INLINE int packet_skip_gtp_extensions(struct cursor *cursor)
{
	const __u8 *options = cursor_peek(cursor, 4);
	__u8 type;

	if (!options)
		return 0;
	type = options[3];
	cursor_skip(cursor, 4);
	for (int i = 0; i < PACKET_GTP_EXT_MAX && type; i++) {
		__u32 bytes;

		if (!cursor_peek(cursor, 1))
			return 0;
		bytes = cursor->pos[0] * 4u;
		if (!bytes)
			return 0;
		cursor_skip_some(cursor, bytes - 1);
		if (!cursor_peek(cursor, 1))
			return 0;
		type = cursor->pos[0];
		cursor_skip(cursor, 1);
	}
	return !type;
}

/* 3GPP TS 29.281, 5.1: version 1, only G-PDUs hold a packet. */
PACKET_INLINE enum packet_status packet_udp_gtp(struct cursor *cursor, struct packet *packet,
						struct flow_extra *extra)
{
	const __u8 *gtp = cursor_peek(cursor, 8);

	if (!gtp || gtp[0] >> 4 != 3 || gtp[1] != 255)
		return PACKET_OK;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_GTP_U, packet_u32(gtp + 4));
	cursor_skip(cursor, 8);
	if ((gtp[0] & 7) && !packet_skip_gtp_extensions(cursor))
		return PACKET_ENCAP_TRUNCATED;
	return packet_go(packet, cursor, PACKET_NEXT_IP);
}

/* RFC 4380, 5.1.1: authentication, then origin, both optional. */
PACKET_INLINE enum packet_status packet_udp_teredo(struct cursor *cursor, struct packet *packet,
						   struct flow_extra *extra)
{
	const __u8 *header = cursor_peek(cursor, 4);

	if (header && packet_u16(header) == 1) {
		cursor_skip_some(cursor, 13u + header[2] + header[3]);
		header = cursor_peek(cursor, 4);
	}
	if (header && packet_u16(header) == 0) {
		cursor_skip(cursor, 8);
		header = cursor_peek(cursor, 4);
	}
	if (!header || header[0] >> 4 != 6)
		return PACKET_OK;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_TEREDO, 0);
	return packet_go(packet, cursor, PACKET_NEXT_IP);
}

/* RFC 9300, 5.3; control: RFC 9301, 5.8 (encapsulated control message). */
PACKET_INLINE enum packet_status packet_udp_lisp(struct cursor *cursor, __u8 control,
						 struct packet *packet, struct flow_extra *extra)
{
	const __u8 *lisp = cursor_peek(cursor, 4);

	if (!lisp || (control && lisp[0] >> 4 != 8))
		return PACKET_OK;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_LISP, 0);
	cursor_skip_some(cursor, control ? 4 : 8);
	return packet_go(packet, cursor, PACKET_NEXT_IP);
}

/* RFC 2661, 3.1; control messages hold no packet. */
PACKET_INLINE enum packet_status packet_udp_l2tp(struct cursor *cursor, struct packet *packet,
						 struct flow_extra *extra)
{
	const __u8 *l2tp = cursor_peek(cursor, 6);
	__u16 flags = l2tp ? packet_u16(l2tp) : 0x8000;

	if ((flags & 0x8000) || (flags & 0xf) != 2)
		return PACKET_OK;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_L2TP, 0);
	cursor_skip_some(cursor, 6 + (flags >> 14 & 1) * 2u + (flags >> 11 & 1) * 4u);
	if (flags & 0x0200) {
		l2tp = cursor_peek(cursor, 2);
		if (!l2tp)
			return PACKET_ENCAP_TRUNCATED;
		cursor_skip_some(cursor, 2u + (packet_u16(l2tp) & 0x3ff));
	}
	return packet_go(packet, cursor, PACKET_NEXT_PPP);
}

/* draft-ietf-intarea-gue: version 1 is the IP packet itself. */
PACKET_INLINE enum packet_status packet_udp_gue(struct cursor *cursor, struct packet *packet,
						struct flow_extra *extra)
{
	const __u8 *gue = cursor_peek(cursor, 4);
	__u8 next = PACKET_NEXT_IP;

	if (!gue || (gue[0] & 0xe0) == 0x20) /* control */
		return PACKET_OK;
	packet_in_tunnel(packet, extra, FLOW_TUNNEL_GUE, 0);
	if (!(gue[0] >> 6)) {
		next = packet_protocol_next(gue[1]);
		cursor_skip_some(cursor, 4 + (gue[0] & 0x1fu) * 4);
	}
	return next ? packet_go(packet, cursor, next) : PACKET_ETHERTYPE_OTHER;
}

/* The rule of the destination port, else of the source port, else the empty one. */
PACKET_INLINE struct packet_udp_rule packet_udp_rule(const struct packet_rules *rules,
						     const struct flow_key *key)
{
	struct packet_udp_rule found = { 0 };

	for (int i = 0; i < PACKET_UDP_TUNNELS; i++) {
		if (rules->udp[i].port == key->dst_port)
			return rules->udp[i];
		if (rules->udp[i].port == key->src_port)
			found = rules->udp[i];
	}
	return found;
}

PACKET_INLINE enum packet_status packet_step_udp(struct cursor *cursor,
						 const struct packet_rules *rules,
						 struct packet *packet, struct flow_extra *extra)
{
	struct packet_udp_rule rule = packet_udp_rule(rules, &packet->key);

	switch (rule.tunnel) {
	case FLOW_TUNNEL_VXLAN:
	case FLOW_TUNNEL_VXLAN_GPE:
		return packet_udp_vxlan(cursor, rule.tunnel, packet, extra);
	case FLOW_TUNNEL_GENEVE:
		return packet_udp_geneve(cursor, rules, packet, extra);
	case FLOW_TUNNEL_GTP_U:
		return packet_udp_gtp(cursor, packet, extra);
	case FLOW_TUNNEL_TEREDO:
		return packet_udp_teredo(cursor, packet, extra);
	case FLOW_TUNNEL_LISP:
		return packet_udp_lisp(cursor, rule.variant, packet, extra);
	case FLOW_TUNNEL_L2TP:
		return packet_udp_l2tp(cursor, packet, extra);
	case FLOW_TUNNEL_GUE:
		return packet_udp_gue(cursor, packet, extra);
	case FLOW_TUNNEL_MPLS_IP:
		packet_in_tunnel(packet, extra, FLOW_TUNNEL_MPLS_IP, 0);
		return packet_go(packet, cursor, PACKET_NEXT_MPLS);
	case FLOW_TUNNEL_GRE:
		return packet_go(packet, cursor, PACKET_NEXT_GRE);
	}
	return PACKET_OK;
}

#endif
