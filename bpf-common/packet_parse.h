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

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <stddef.h>

#include "bpf-common/flow_abi.h"

#ifdef __bpf__
#define PACKET_INLINE static __attribute__((always_inline)) inline
#else
#define PACKET_INLINE static inline
#endif

#define PACKET_VLANS_MAX    4 /* tags followed; the outermost two are reported */
#define PACKET_IPV6_EXT_MAX 8 /* extension headers followed */

/* Internal to the two steps of parsing; never leaves packet_parse(). */
#define PACKET_MORE ((enum packet_status)PACKET_STATUS_COUNT)

/* What the packet starts with. */
enum packet_link { PACKET_LINK_ETHERNET, PACKET_LINK_IP };

struct packet {
	struct flow_key key __attribute__((aligned(8)));
	__u32 l3_bytes;	      /* length of the IP packet by its own header; 0 where that says 0 */
	__u16 flags;	      /* FLOW_TCP_* | FLOW_FLAG_* of this packet */
	__u16 ethertype;      /* host order, behind the VLAN tags */
	__u16 vlan[2];	      /* as in struct flow_cold */
	__u16 l3_offset;      /* from the start of the packet, bytes */
	__u16 l4_offset;      /* behind the IP header and its extensions */
	__u16 payload_offset; /* behind the transport header where it was read, else l4_offset */
};

/* Where the parser stands: `pos` moves forward, never beyond `end`; `offset` counts from the start.
 */
struct cursor {
	const __u8 *pos;
	const __u8 *end;
	__u32 offset;
};

/* NULL when fewer than `size` bytes are left; else they are behind the returned pointer. */
PACKET_INLINE const __u8 *cursor_peek(const struct cursor *cursor, __u32 size)
{
	return cursor->pos + size > cursor->end ? 0 : cursor->pos;
}

PACKET_INLINE void cursor_skip(struct cursor *cursor, __u32 size)
{
	cursor->pos += size;
	cursor->offset += size;
}

/*
 * Header fields lie at any alignment. BPF loads them as they are, which x86-64 and arm64 allow;
 * native C must not, and its compiler makes the same instruction of the copy.
 */
#ifdef __bpf__
#define PACKET_LOAD(type, bytes) (*(const type *)(bytes))
#else
#define PACKET_LOAD(type, bytes)                                 \
	({                                                       \
		type loaded_;                                    \
		__builtin_memcpy(&loaded_, bytes, sizeof(type)); \
		loaded_;                                         \
	})
#endif

PACKET_INLINE __u16 packet_u16(const void *bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(PACKET_LOAD(__u16, bytes));
#else
	return PACKET_LOAD(__u16, bytes);
#endif
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

PACKET_INLINE enum packet_status packet_parse_vlans(struct cursor *cursor, struct packet *packet)
{
	for (int depth = 0; depth <= PACKET_VLANS_MAX; depth++) {
		const __u8 *tag;

		if (!packet_is_vlan(packet->ethertype))
			return PACKET_OK;
		tag = cursor_peek(cursor, 4);
		if (!tag)
			return PACKET_VLAN_TRUNCATED;
		packet_add_vlan(packet, packet_u16(tag));
		packet->ethertype = packet_u16(tag + 2);
		cursor_skip(cursor, 4);
	}
	return PACKET_VLAN_TOO_DEEP;
}

PACKET_INLINE enum packet_status packet_parse_ethernet(struct cursor *cursor, struct packet *packet)
{
	const __u8 *ethernet = cursor_peek(cursor, ETH_HLEN);

	if (!ethernet)
		return PACKET_L2_TRUNCATED;
	packet->ethertype = packet_u16(ethernet + offsetof(struct ethhdr, h_proto));
	cursor_skip(cursor, ETH_HLEN);
	return packet_parse_vlans(cursor, packet);
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

PACKET_INLINE void packet_parse_icmp(const struct cursor *cursor, __u32 room, struct packet *packet)
{
	const __u8 *icmp = cursor_peek(cursor, 2);

	if (!icmp || room < 2) {
		packet->flags |= FLOW_FLAG_L4_SHORT;
		return;
	}
	packet->key.src_port = icmp[0];
	packet->key.dst_port = icmp[1];
	icmp = cursor_peek(cursor, 6);
	if (icmp && room >= 6 && packet_icmp_has_id(packet->key.protocol, icmp[0]))
		packet->key.icmp_id = packet_u16(icmp + 4);
	packet->payload_offset += 8;
}

PACKET_INLINE void packet_parse_tcp_flags(const struct cursor *cursor, __u32 room,
					  struct packet *packet)
{
	const __u8 *tcp = cursor_peek(cursor, 14);

	if (!tcp || room < 14) {
		packet->flags |= FLOW_FLAG_L4_SHORT;
		return;
	}
	packet->flags |= packet_u16(tcp + 12) & FLOW_TCP_MASK;
	packet->payload_offset += (tcp[12] >> 4) * 4;
}

/* `room`: bytes of the IP packet from here on, by its header (padding behind them is not ours). */
PACKET_INLINE void packet_parse_l4(const struct cursor *cursor, __u32 room, struct packet *packet)
{
	__u8 protocol = packet->key.protocol;
	const __u8 *ports;

	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		packet_parse_icmp(cursor, room, packet);
		return;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP &&
	    protocol != IPPROTO_UDPLITE && protocol != IPPROTO_DCCP)
		return;
	ports = cursor_peek(cursor, 4);
	if (!ports || room < 4) {
		packet->flags |= FLOW_FLAG_L4_SHORT;
		return;
	}
	packet->key.src_port = packet_u16(ports);
	packet->key.dst_port = packet_u16(ports + 2);
	if (protocol == IPPROTO_TCP)
		packet_parse_tcp_flags(cursor, room, packet);
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

PACKET_INLINE enum packet_status packet_parse_ipv4(struct cursor *cursor, struct packet *packet)
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
	packet_map_ipv4(packet->key.src, ip + offsetof(struct iphdr, saddr));
	packet_map_ipv4(packet->key.dst, ip + offsetof(struct iphdr, daddr));
	packet->key.protocol = ip[offsetof(struct iphdr, protocol)];
	packet->l3_bytes = total;
	fragment = packet_u16(ip + offsetof(struct iphdr, frag_off));
	cursor_skip(cursor, header_bytes);
	packet->l4_offset = packet->payload_offset = (__u16)cursor->offset;
	if (fragment & 0x3fff) /* more fragments, or an offset */
		packet->flags |= FLOW_FLAG_FRAGMENT;
	if (!(fragment & 0x1fff))
		packet_parse_l4(cursor, total ? total - header_bytes : ~0u, packet);
	return PACKET_OK;
}

PACKET_INLINE int packet_is_ipv6_extension(__u8 next_header)
{
	return next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_ROUTING ||
	       next_header == IPPROTO_DSTOPTS || next_header == IPPROTO_FRAGMENT;
}

/* Keeps the compiler from making branches of arithmetic. */
#define PACKET_OPAQUE(variable) asm volatile("" : "+r"(variable))

/* All ones when a equals b, else 0; without a branch. Both below 2^31. */
PACKET_INLINE __u32 packet_equal_mask(__u32 a, __u32 b)
{
	__u32 difference = a ^ b;

	PACKET_OPAQUE(difference);
	return (__u32)((__s32)(difference - 1) >> 31);
}

/*
 * Follows hop-by-hop, routing, destination and fragment headers (RFC 8200, 4). The authentication
 * header is not followed: it is a protocol of its own, the flow's (docs/decisions/parser.md). Sets
 * key.protocol to what comes behind them. *later is set for a fragment that is not the first. The
 * four kinds are told apart by arithmetic: with branches the verifier would walk 3^8 ways through
 * here.
 */
PACKET_INLINE enum packet_status packet_parse_extensions(struct cursor *cursor,
							 struct packet *packet, int *later)
{
	for (int depth = 0; depth < PACKET_IPV6_EXT_MAX; depth++) {
		__u32 type = packet->key.protocol, is_fragment, fragment, flag;
		const __u8 *extension;

		if (!packet_is_ipv6_extension((__u8)type))
			return PACKET_OK;
		extension = cursor_peek(cursor, 8);
		if (!extension)
			return PACKET_IPV6_EXT_TRUNCATED;
		is_fragment = packet_equal_mask(type, IPPROTO_FRAGMENT);
		packet->key.protocol = extension[0];
		fragment = packet_u16(extension + 2) & is_fragment;
		flag = ~packet_equal_mask(fragment & 0xfff9, 0) & FLOW_FLAG_FRAGMENT;
		packet->flags |= (__u16)flag;
		cursor_skip(cursor, ((extension[1] & ~is_fragment & 0xff) + 1) * 8);
		if (fragment & 0xfff8) {
			*later = 1;
			return PACKET_OK;
		}
	}
	return packet_is_ipv6_extension(packet->key.protocol) ? PACKET_IPV6_EXT_TOO_DEEP
							      : PACKET_OK;
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
PACKET_INLINE enum packet_status packet_parse_ipv6(struct cursor *cursor, struct packet *packet)
{
	const __u8 *ip = cursor_peek(cursor, sizeof(struct ipv6hdr));
	__u32 payload;

	if (!ip)
		return PACKET_L3_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return PACKET_IP_BAD_VERSION;
	packet_copy_ipv6(packet->key.src, ip + offsetof(struct ipv6hdr, saddr));
	packet_copy_ipv6(packet->key.dst, ip + offsetof(struct ipv6hdr, daddr));
	packet->key.scope = FLOW_SCOPE_IPV6;
	packet->key.protocol = ip[offsetof(struct ipv6hdr, nexthdr)];
	payload = packet_u16(ip + offsetof(struct ipv6hdr, payload_len));
	packet->l3_bytes = payload ? payload + (__u32)sizeof(struct ipv6hdr) : 0;
	cursor_skip(cursor, sizeof(struct ipv6hdr));
	packet->l4_offset = packet->payload_offset = (__u16)cursor->offset;
	if (packet_is_ipv6_extension(packet->key.protocol))
		return PACKET_MORE;
	packet_parse_l4(cursor, packet_ipv6_room(cursor, packet), packet);
	return PACKET_OK;
}

/* From packet->ethertype on; the cursor stands at the layer 3 header. */
PACKET_INLINE enum packet_status packet_parse_network(struct cursor *cursor, struct packet *packet)
{
	packet->l3_offset = (__u16)cursor->offset;
	if (packet->ethertype == ETH_P_IP)
		return packet_parse_ipv4(cursor, packet);
	if (packet->ethertype == ETH_P_IPV6)
		return packet_parse_ipv6(cursor, packet);
	return packet_ethertype_status(packet->ethertype);
}

/* The ethertype of a packet that starts with its IP header; 0 when it does not. */
PACKET_INLINE __u16 packet_ip_ethertype(const void *data, const void *end)
{
	const __u8 *first = data;

	if (first + 1 > (const __u8 *)end)
		return ETH_P_IP; /* too short to tell: reported as a short IP header */
	return *first >> 4 == 4 ? ETH_P_IP : *first >> 4 == 6 ? ETH_P_IPV6 : 0;
}

/*
 * What nearly every packet needs. PACKET_MORE: call packet_parse_rest() with the same bytes and
 * packet. In two steps because a BPF hook makes the second one a function of its own, which the
 * verifier checks once instead of behind each way through the first.
 */
PACKET_INLINE enum packet_status packet_parse_first(const void *data, const void *end,
						    enum packet_link link, struct packet *packet)
{
	struct cursor cursor = { .pos = data, .end = end };
	enum packet_status status = PACKET_OK;

	__builtin_memset(packet, 0, sizeof(*packet));
	if (link == PACKET_LINK_ETHERNET)
		status = packet_parse_ethernet(&cursor, packet);
	else if (!(packet->ethertype = packet_ip_ethertype(data, end)))
		status = PACKET_IP_BAD_VERSION;
	return status == PACKET_OK ? packet_parse_network(&cursor, packet) : status;
}

/* From packet->l4_offset on: IPv6 extension headers and what is behind them. */
PACKET_INLINE enum packet_status packet_parse_rest(const void *data, const void *end,
						   struct packet *packet)
{
	__u32 offset = packet->l4_offset & 0xfff; /* link, tags and IPv6 header: far below */
	struct cursor cursor = { .pos = (const __u8 *)data + offset, .end = end, .offset = offset };
	enum packet_status status;
	int later = 0;

	status = packet_parse_extensions(&cursor, packet, &later);
	if (status != PACKET_OK)
		return status;
	packet->l4_offset = packet->payload_offset = (__u16)cursor.offset;
	if (!later)
		packet_parse_l4(&cursor, packet_ipv6_room(&cursor, packet), packet);
	return PACKET_OK;
}

/*
 * Both steps. data..end are the bytes at hand. On PACKET_OK all of *packet is set; else what was
 * read before the packet ceased to be understood, the rest 0.
 */
PACKET_INLINE enum packet_status packet_parse(const void *data, const void *end,
					      enum packet_link link, struct packet *packet)
{
	enum packet_status status = packet_parse_first(data, end, link, packet);

	return status == PACKET_MORE ? packet_parse_rest(data, end, packet) : status;
}

/*
 * The same from a known ethertype on (host order; VLAN tags may follow): `data` stands behind a
 * link header that the caller has read (Linux cooked, BSD loopback). Offsets count from `data`.
 */
PACKET_INLINE enum packet_status packet_parse_l3(const void *data, const void *end, __u16 ethertype,
						 struct packet *packet)
{
	struct cursor cursor = { .pos = data, .end = end };
	enum packet_status status;

	__builtin_memset(packet, 0, sizeof(*packet));
	packet->ethertype = ethertype;
	status = packet_parse_vlans(&cursor, packet);
	if (status == PACKET_OK)
		status = packet_parse_network(&cursor, packet);
	return status == PACKET_MORE ? packet_parse_rest(data, end, packet) : status;
}

#endif
