/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The link-layer headers between Ethernet and IP: LLC, MPLS, PPPoE, NSH and tags; one header a
 * step of packet_encap.h.
 */
#ifndef PACKET_LINK_H
#define PACKET_LINK_H

#include "bpf-common/packet_parse.h"

#define PACKET_MPLS_MAX 8 /* labels followed */

PACKET_INLINE enum packet_status packet_go(struct packet *packet, const struct cursor *cursor,
					   __u8 next)
{
	packet->next = next;
	packet->offset = (__u16)cursor->offset;
	return PACKET_MORE;
}

/* Only the outermost tunnel is kept; it is one when an IP header follows (packet_begin_ip). */
PACKET_INLINE void packet_in_tunnel(const struct packet *packet, struct flow_extra *extra,
				    __u8 type, __u32 id)
{
	if (packet->layers != 1)
		return;
	extra->outer.type = type;
	extra->outer.id = id;
}

/* Behind a link header, from packet->ethertype on. */
PACKET_INLINE enum packet_status packet_step_ethertype(struct cursor *cursor,
						       const struct packet_rules *rules,
						       struct packet *packet,
						       struct flow_extra *extra)
{
	enum packet_status status = packet_parse_vlans(cursor, packet, !packet->layers);

	return status == PACKET_OK ? packet_parse_network(cursor, rules, packet, extra) : status;
}

PACKET_INLINE enum packet_status packet_step_ethernet(struct cursor *cursor,
						      const struct packet_rules *rules,
						      struct packet *packet,
						      struct flow_extra *extra)
{
	enum packet_status status = packet_parse_ethernet(cursor, packet, !packet->layers);

	return status == PACKET_OK ? packet_parse_network(cursor, rules, packet, extra) : status;
}

/* ---- between Ethernet and IP ----------------------------------------------------------------- */

/* IEEE 802.2; SNAP: RFC 1042. */
PACKET_INLINE enum packet_status packet_step_llc(struct cursor *cursor,
						 const struct packet_rules *rules,
						 struct packet *packet, struct flow_extra *extra)
{
	const __u8 *llc = cursor_peek(cursor, 3);
	__u32 oui;

	if (!llc)
		return PACKET_ENCAP_TRUNCATED;
	switch (packet_u16(llc)) {
	case 0x4242:
		return PACKET_STP;
	case 0xfefe:
		return PACKET_ISIS;
	case 0xe0e0:
	case 0xffff:
		return PACKET_IPX;
	case 0x0606:
		cursor_skip(cursor, 3);
		return packet_go(packet, cursor, PACKET_NEXT_IP);
	case 0xaaaa:
		break;
	default:
		return PACKET_LLC;
	}
	llc = cursor_peek(cursor, 8);
	if (!llc)
		return PACKET_ENCAP_TRUNCATED;
	oui = packet_u32(llc + 2) & 0xffffff;
	packet->ethertype = packet_u16(llc + 6);
	if ((oui && oui != 0x0000f8) || packet->ethertype < ETH_P_802_3_MIN)
		return PACKET_SNAP;
	cursor_skip(cursor, 8);
	return packet_step_ethertype(cursor, rules, packet, extra);
}

/* Whether an Ethernet header with something known behind it may stand here. */
PACKET_INLINE int packet_is_ethernet(const struct cursor *cursor)
{
	const __u8 *ethernet = cursor_peek(cursor, ETH_HLEN);
	__u16 ethertype = ethernet ? packet_u16(ethernet + 12) : 0;

	return ethertype == ETH_P_IP || ethertype == ETH_P_IPV6 || ethertype == ETH_P_ARP ||
	       packet_is_vlan(ethertype);
}

/* RFC 3032; what follows the stack is not named, so it is told by its first four bits (RFC 4928),
 * with the control word of a pseudowire before Ethernet or without (RFC 4448). */
PACKET_INLINE enum packet_status packet_step_mpls(struct cursor *cursor, struct packet *packet)
{
	const __u8 *label = 0;
	__u8 first;

	for (int depth = 0; depth < PACKET_MPLS_MAX; depth++) {
		label = cursor_peek(cursor, 4);
		if (!label)
			return PACKET_ENCAP_TRUNCATED;
		cursor_skip(cursor, 4);
		if (label[2] & 1)
			break;
	}
	if (!label || !(label[2] & 1))
		return PACKET_ENCAP_TOO_DEEP;
	label = cursor_peek(cursor, 4);
	if (!label)
		return PACKET_ENCAP_TRUNCATED;
	first = label[0] >> 4;
	if (first == 4 || first == 6)
		return packet_go(packet, cursor, PACKET_NEXT_IP);
	if (packet_is_ethernet(cursor))
		return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
	if (first)
		return PACKET_MPLS;
	cursor_skip(cursor, 4);
	return packet_is_ethernet(cursor) ? packet_go(packet, cursor, PACKET_NEXT_ETHERNET)
					  : PACKET_MPLS;
}

/* RFC 1661; address, control and the first byte of the protocol may have been compressed away. */
PACKET_INLINE enum packet_status packet_step_ppp(struct cursor *cursor, struct packet *packet)
{
	const __u8 *ppp = cursor_peek(cursor, 2);
	__u16 protocol;

	if (ppp && packet_u16(ppp) == 0xff03) {
		cursor_skip(cursor, 2);
		ppp = cursor_peek(cursor, 2);
	}
	if (!ppp)
		return PACKET_ENCAP_TRUNCATED;
	protocol = ppp[0] & 1 ? ppp[0] : packet_u16(ppp);
	cursor_skip_some(cursor, ppp[0] & 1 ? 1 : 2);
	if (protocol == 0x0021 || protocol == 0x0057)
		return packet_go(packet, cursor, PACKET_NEXT_IP);
	if (protocol == 0x0281 || protocol == 0x0283)
		return packet_go(packet, cursor, PACKET_NEXT_MPLS);
	return PACKET_PPPOE;
}

/* RFC 8300, 2.2 */
PACKET_INLINE enum packet_status packet_step_nsh(struct cursor *cursor, struct packet *packet)
{
	const __u8 *nsh = cursor_peek(cursor, 8);
	__u32 bytes;
	__u8 next;

	if (!nsh)
		return PACKET_ENCAP_TRUNCATED;
	bytes = (nsh[1] & 0x3fu) * 4;
	next = nsh[3];
	if (bytes < 8)
		return PACKET_IP_BAD_HEADER;
	cursor_skip_some(cursor, bytes);
	if (next == 1 || next == 2)
		return packet_go(packet, cursor, PACKET_NEXT_IP);
	if (next == 3)
		return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
	return next == 5 ? packet_go(packet, cursor, PACKET_NEXT_MPLS) : PACKET_ETHERTYPE_OTHER;
}

/* IEEE 802.1AE, 9.3 */
PACKET_INLINE __u32 packet_macsec_bytes(__u8 tci)
{
	return tci & 0x20 ? 14 : 6;
}

/* A tag of `bytes` and the ethertype of what follows. */
PACKET_INLINE enum packet_status packet_step_tag(struct cursor *cursor, __u32 bytes,
						 const struct packet_rules *rules,
						 struct packet *packet, struct flow_extra *extra)
{
	const __u8 *ethertype;

	cursor_skip_some(cursor, bytes);
	ethertype = cursor_peek(cursor, 2);
	if (!ethertype)
		return PACKET_ENCAP_TRUNCATED;
	packet->ethertype = packet_u16(ethertype);
	cursor_skip(cursor, 2);
	return packet_step_ethertype(cursor, rules, packet, extra);
}

PACKET_INLINE enum packet_status packet_step_link(struct cursor *cursor,
						  const struct packet_rules *rules,
						  struct packet *packet, struct flow_extra *extra)
{
	const __u8 *header = cursor_peek(cursor, 2);

	if (packet->ethertype < ETH_P_802_3_MIN)
		return packet_step_llc(cursor, rules, packet, extra);
	if (!header)
		return PACKET_ENCAP_TRUNCATED;
	switch (packet->ethertype) {
	case ETH_P_MPLS_UC:
	case ETH_P_MPLS_MC:
		return packet_step_mpls(cursor, packet);
	case ETH_P_PPP_SES: /* RFC 2516, 4 */
		cursor_skip(cursor, 6);
		return packet_go(packet, cursor, PACKET_NEXT_PPP);
	case ETH_P_NSH:
		return packet_step_nsh(cursor, packet);
	case ETH_P_MACSEC:
		if (header[0] & 0x0c) /* encrypted or changed */
			return PACKET_MACSEC;
		return packet_step_tag(cursor, packet_macsec_bytes(header[0]), rules, packet,
				       extra);
	case PACKET_ETH_CMD: /* the ethertype comes first */
		packet->ethertype = packet_u16(header);
		cursor_skip(cursor, 8);
		return packet_step_ethertype(cursor, rules, packet, extra);
	case ETH_P_8021AH: /* IEEE 802.1Q, 9.7: I-TAG, then the customer's addresses */
		cursor_skip(cursor, 4);
		return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
	case PACKET_ETH_TRILL: /* RFC 6325, 3 */
		cursor_skip_some(cursor, 6 + (packet_u16(header) >> 6 & 0x1f) * 4);
		return packet_go(packet, cursor, PACKET_NEXT_ETHERNET);
	}
	return packet_step_tag(cursor, 4, rules, packet, extra); /* HSR, VN-Tag */
}

#endif
