/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet that an ICMP error is about, as far as the error quotes it. */
#ifndef PACKET_QUOTE_H
#define PACKET_QUOTE_H

#include "bpf-common/packet_parse.h"

/* 0 when the ports, or what ICMP has instead, are not all there. */
PACKET_INLINE int packet_quote_ports(const struct cursor *cursor, struct flow_key *quoted)
{
	const __u8 *l4 = cursor->pos;
	int icmp = quoted->protocol == IPPROTO_ICMP || quoted->protocol == IPPROTO_ICMPV6;
	int ports = quoted->protocol == IPPROTO_TCP || quoted->protocol == IPPROTO_UDP ||
		    quoted->protocol == IPPROTO_SCTP || quoted->protocol == IPPROTO_UDPLITE ||
		    quoted->protocol == IPPROTO_DCCP;

	if (!cursor_peek(cursor, 4))
		return !icmp && !ports;
	if (icmp) {
		quoted->src_port = l4[0];
		quoted->dst_port = l4[1];
		if (packet_icmp_has_id(quoted->protocol, l4[0])) {
			if (!cursor_peek(cursor, 6))
				return 0;
			quoted->icmp_id = packet_u16(l4 + 4);
		}
	} else if (ports) {
		quoted->src_port = packet_u16(l4);
		quoted->dst_port = packet_u16(l4 + 2);
	}
	return 1;
}

/* The quoted header into `quoted`; 0 when it is not all there. Ports that are not leave a note. */
PACKET_INLINE int packet_quote_ip(struct cursor *cursor, struct packet *packet,
				  struct flow_key *quoted)
{
	const __u8 *ip = cursor_peek(cursor, sizeof(struct iphdr));
	__u16 later;

	if (!ip)
		return 0;
	if (ip[0] >> 4 == 4) {
		packet_map_ipv4(quoted->src, ip + offsetof(struct iphdr, saddr));
		packet_map_ipv4(quoted->dst, ip + offsetof(struct iphdr, daddr));
		quoted->protocol = ip[offsetof(struct iphdr, protocol)];
		later = packet_u16(ip + offsetof(struct iphdr, frag_off)) & 0x1fff;
		cursor_skip_some(cursor, (ip[0] & 0x0fu) * 4);
		if (!later && !packet_quote_ports(cursor, quoted))
			packet->note = PACKET_NOTE_QUOTE_SHORT;
		return 1;
	}
	ip = cursor_peek(cursor, sizeof(struct ipv6hdr));
	if (!ip || ip[0] >> 4 != 6)
		return 0;
	packet_copy_ipv6(quoted->src, ip + offsetof(struct ipv6hdr, saddr));
	packet_copy_ipv6(quoted->dst, ip + offsetof(struct ipv6hdr, daddr));
	quoted->scope = FLOW_SCOPE_IPV6;
	quoted->protocol = ip[offsetof(struct ipv6hdr, nexthdr)];
	cursor_skip_some(cursor, sizeof(struct ipv6hdr));
	if (!packet_quote_ports(cursor, quoted))
		packet->note = PACKET_NOTE_QUOTE_SHORT;
	return 1;
}

/* Tells apart the flows that one router's errors are about. */
PACKET_INLINE __u16 packet_quote_id(const struct flow_key *quoted)
{
	const __u64 *words = (const __u64 *)quoted;
	__u64 sum = 0;

	for (int i = 0; i < 5; i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return (__u16)(sum >> 48) | 1;
}

PACKET_INLINE enum packet_status packet_step_quote(struct cursor *cursor, struct packet *packet,
						   struct flow_extra *extra)
{
	struct flow_key *quoted = &extra->quoted;

	packet->flags &= (__u16)~FLOW_FLAG_TUNNEL; /* the two share their place */
	__builtin_memset(quoted, 0, sizeof(*quoted));
	if (!packet_quote_ip(cursor, packet, quoted)) {
		packet->note = PACKET_NOTE_QUOTE_SHORT;
		return PACKET_OK;
	}
	packet->flags |= FLOW_FLAG_QUOTE;
	packet->key.icmp_id = packet_quote_id(quoted);
	return PACKET_OK;
}

#endif
