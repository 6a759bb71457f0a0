/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packets that nearly all packets are: Ethernet without tags, IPv4 without options and
 * fragments or IPv6 without extensions, then TCP or UDP. In a straight line, each word of struct
 * packet written once, whole and from registers: a word that is read after its bytes were written
 * one by one waits for the cache. What has anything about it is left to the general parser, which
 * says the same of what is taken here (tests/unit/test_packet_parse.c).
 */
#ifndef PACKET_PLAIN_H
#define PACKET_PLAIN_H

#include "bpf-common/packet.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PACKET_BE16(number) __builtin_bswap16(number)
#else
#define PACKET_BE16(number) ((__u16)(number))
#endif

#define PACKET_PLAIN_UDP_BYTES 8
#define PACKET_PLAIN_TCP_BYTES 14 /* up to the flags */

/* Four 16-bit numbers as they lie in memory, one behind the other. */
PACKET_INLINE __u64 packet_word(__u64 first, __u64 second, __u64 third, __u64 fourth)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | second << 16 | third << 32 | fourth << 48;
#else
	return first << 48 | second << 32 | third << 16 | fourth;
#endif
}

/* Two bytes and two halves of a word likewise. */
PACKET_INLINE __u64 packet_bytes(__u64 first, __u64 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | second << 8;
#else
	return first << 8 | second;
#endif
}

PACKET_INLINE __u64 packet_halves(__u64 first, __u64 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | second << 32;
#else
	return first << 32 | second;
#endif
}

PACKET_INLINE void packet_put(struct packet *packet, __u32 offset, __u64 word)
{
	__builtin_memcpy((__u8 *)packet + offset, &word, sizeof(word));
}
FLOW_ABI_ASSERT(offsetof(struct packet, l3_bytes) == 40 && offsetof(struct packet, vlan) == 48);
FLOW_ABI_ASSERT(offsetof(struct packet, payload_offset) == 56 && sizeof(struct packet) == 72);

PACKET_INLINE int packet_is_tunnel_port(const struct packet_rules *rules, __u16 port)
{
	__u32 bit = port;

	PACKET_OPAQUE(bit); /* Linux 6.1 does not know that 16 swapped bytes are below 65,536 */
	return rules->udp_bits[bit >> 3 & 0x1fff] >> (bit & 7) & 1;
}

/* What the IP header says. */
struct packet_plain {
	__u32 header_bytes, l3_bytes;
	__u16 ethertype;
	__u8 protocol, scope;
};

/* The words behind the addresses, and the first one. */
PACKET_INLINE int packet_plain_l4(const __u8 *l4, const void *end, const struct packet_plain *plain,
				  const struct packet_rules *rules, struct packet *packet)
{
	__u32 l4_offset = ETH_HLEN + plain->header_bytes, payload_offset = l4_offset + 8;
	__u16 src_port = packet_u16(l4), dst_port = packet_u16(l4 + 2), flags = 0;

	if (plain->protocol == IPPROTO_TCP) {
		if ((const void *)(l4 + PACKET_PLAIN_TCP_BYTES) > end ||
		    plain->l3_bytes < plain->header_bytes + PACKET_PLAIN_TCP_BYTES)
			return 0;
		flags = packet_u16(l4 + 12) & FLOW_TCP_MASK;
		payload_offset = l4_offset + (l4[12] >> 4) * 4;
	} else if (plain->protocol != IPPROTO_UDP ||
		   plain->l3_bytes < plain->header_bytes + PACKET_PLAIN_UDP_BYTES ||
		   (rules && (packet_is_tunnel_port(rules, src_port) ||
			      packet_is_tunnel_port(rules, dst_port)))) {
		return 0;
	}
	packet_put(packet, 0,
		   packet_word(src_port, dst_port, packet_bytes(plain->protocol, plain->scope), 0));
	packet_put(packet, 40,
		   packet_halves(plain->l3_bytes, 0) | packet_word(0, 0, flags, plain->ethertype));
	packet_put(packet, 48, packet_word(0, 0, ETH_HLEN, l4_offset));
	packet_put(packet, 56, packet_word(payload_offset, 0, 0, packet_bytes(1, 0))); /* layers */
	packet_put(packet, 64, 0);
	return 1;
}

/* The lower half of ::ffff:a.b.c.d. */
PACKET_INLINE __u64 packet_mapped(const __u8 *address)
{
	return packet_word(0, 0xffff, 0, 0) | packet_halves(0, PACKET_LOAD(__u32, address));
}

PACKET_INLINE int packet_plain_ipv4(const __u8 *ip, const void *end,
				    const struct packet_rules *rules, struct packet *packet)
{
	struct packet_plain plain = { .header_bytes = sizeof(struct iphdr),
				      .l3_bytes = packet_u16(ip + 2),
				      .ethertype = ETH_P_IP,
				      .protocol = ip[9] };

	if (ip[0] != 0x45 || (PACKET_LOAD(__u16, ip + 6) & PACKET_BE16(0x3fff)))
		return 0;
	packet_put(packet, 8, 0);
	packet_put(packet, 16, packet_mapped(ip + 12));
	packet_put(packet, 24, 0);
	packet_put(packet, 32, packet_mapped(ip + 16));
	return packet_plain_l4(ip + sizeof(struct iphdr), end, &plain, rules, packet);
}

PACKET_INLINE int packet_plain_ipv6(const __u8 *ip, const void *end,
				    const struct packet_rules *rules, struct packet *packet)
{
	struct packet_plain plain = { .header_bytes = sizeof(struct ipv6hdr),
				      .ethertype = ETH_P_IPV6,
				      .scope = FLOW_SCOPE_IPV6 };

	if ((const void *)(ip + sizeof(struct ipv6hdr) + PACKET_PLAIN_UDP_BYTES) > end ||
	    ip[0] >> 4 != 6)
		return 0;
	plain.l3_bytes = packet_u16(ip + 4) + (__u32)sizeof(struct ipv6hdr);
	plain.protocol = ip[6];
	packet_put(packet, 8, PACKET_LOAD(__u64, ip + 8));
	packet_put(packet, 16, PACKET_LOAD(__u64, ip + 16));
	packet_put(packet, 24, PACKET_LOAD(__u64, ip + 24));
	packet_put(packet, 32, PACKET_LOAD(__u64, ip + 32));
	return packet_plain_l4(ip + sizeof(struct ipv6hdr), end, &plain, rules, packet);
}

/* 1: *packet is what the general parser would say, with PACKET_OK. 0: it is to be asked; *packet
 * holds nothing. rules NULL: tunnels are not followed. */
PACKET_INLINE int packet_parse_plain(const void *data, const void *end,
				     const struct packet_rules *rules, struct packet *packet)
{
	const __u8 *ethernet = data;
	__u16 ethertype;

	if ((const void *)(ethernet + ETH_HLEN + sizeof(struct iphdr) + PACKET_PLAIN_UDP_BYTES) >
	    end)
		return 0;
	ethertype = PACKET_LOAD(__u16, ethernet + offsetof(struct ethhdr, h_proto));
	if (ethertype == PACKET_BE16(ETH_P_IP))
		return packet_plain_ipv4(ethernet + ETH_HLEN, end, rules, packet);
	if (ethertype == PACKET_BE16(ETH_P_IPV6))
		return packet_plain_ipv6(ethernet + ETH_HLEN, end, rules, packet);
	return 0;
}

#endif
