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

/* What a plain packet says; the rest of struct packet follows from it. */
struct packet_plain {
	struct flow_key key __attribute__((aligned(8)));
	__u32 l3_bytes;
	__u16 l4_word; /* data offset and flags as TCP has them; of UDP, PACKET_PLAIN_UDP_WORD */
	__u8 dns;      /* one of its ports is DNS's */
};
#define PACKET_PLAIN_UDP_WORD (PACKET_PLAIN_UDP_BYTES / 4 << 12)

PACKET_INLINE __u16 packet_plain_flags(const struct packet_plain *plain)
{
	return plain->l4_word & FLOW_TCP_MASK;
}

/* From the end of the IP header. */
PACKET_INLINE __u32 packet_plain_payload_offset(const struct packet_plain *plain)
{
	return (__u32)(plain->l4_word >> 12) * 4;
}

/* Both structs begin at a word. A plain store: of a copy the compiler would have to think that it
 * may lie anywhere, and make eight of it. */
PACKET_INLINE void packet_put(void *to, __u32 offset, __u64 word)
{
	*(__u64 *)((__u8 *)to + offset) = word;
}

/* The lower half of ::ffff:a.b.c.d. */
PACKET_INLINE __u64 packet_mapped(const __u8 *address)
{
	return packet_word(0, 0xffff, 0, 0) | packet_halves(0, PACKET_LOAD(__u32, address));
}

/* The first word of the key; four bytes of `l4` are at hand. */
PACKET_INLINE int packet_plain_ports(const __u8 *l4, __u8 protocol, __u8 scope,
				     struct packet_plain *plain)
{
	packet_put(
		plain, 0,
		packet_word(packet_u16(l4), packet_u16(l4 + 2), packet_bytes(protocol, scope), 0));
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Which flow it is of, if it is plain; 28 bytes are at hand. */
PACKET_INLINE int packet_plain_ipv4(const __u8 *ip, struct packet_plain *plain)
{
	if (ip[0] != 0x45 || (PACKET_LOAD(__u16, ip + 6) & PACKET_BE16(0x3fff)))
		return 0;
	packet_put(plain, 8, 0);
	packet_put(plain, 16, packet_mapped(ip + 12));
	packet_put(plain, 24, 0);
	packet_put(plain, 32, packet_mapped(ip + 16));
	return packet_plain_ports(ip + sizeof(struct iphdr), ip[9], 0, plain);
}

PACKET_INLINE int packet_plain_ipv6(const __u8 *ip, const void *end, struct packet_plain *plain)
{
	if ((const void *)(ip + sizeof(struct ipv6hdr) + PACKET_PLAIN_UDP_BYTES) > end ||
	    ip[0] >> 4 != 6)
		return 0;
	packet_put(plain, 8, PACKET_LOAD(__u64, ip + 8));
	packet_put(plain, 16, PACKET_LOAD(__u64, ip + 16));
	packet_put(plain, 24, PACKET_LOAD(__u64, ip + 24));
	packet_put(plain, 32, PACKET_LOAD(__u64, ip + 32));
	return packet_plain_ports(ip + sizeof(struct ipv6hdr), ip[6], FLOW_SCOPE_IPV6, plain);
}

PACKET_INLINE int packet_plain_has_port(const struct packet_ports *ports, const __u8 *l4)
{
	return packet_may_have_port(ports, l4[1], l4[3]) &&
	       packet_has_port(ports, packet_u16(l4), packet_u16(l4 + 2));
}

/* The rest of a packet whose flow is read, with an IP header of `header_bytes`. 0: it is not plain
 * after all. */
PACKET_INLINE int packet_plain_rest(const __u8 *ip, const void *end, __u32 header_bytes,
				    const struct packet_rules *rules, struct packet_plain *plain)
{
	const __u8 *l4 = ip + header_bytes;
	__u8 protocol = header_bytes == sizeof(struct iphdr) ? ip[9] : ip[6];

	plain->l3_bytes = header_bytes == sizeof(struct iphdr) ? packet_u16(ip + 2)
							       : packet_u16(ip + 4) + header_bytes;
	plain->dns = 0;
	if (protocol == IPPROTO_TCP) {
		if ((const void *)(l4 + PACKET_PLAIN_TCP_BYTES) > end)
			return 0;
		plain->l4_word = packet_u16(l4 + 12);
		plain->dns = rules && packet_plain_has_port(&rules->dns_ports, l4);
		return plain->l3_bytes >= header_bytes + PACKET_PLAIN_TCP_BYTES;
	}
	plain->l4_word = PACKET_PLAIN_UDP_WORD;
	if (plain->l3_bytes < header_bytes + PACKET_PLAIN_UDP_BYTES)
		return 0;
	if (!rules || !packet_plain_has_port(&rules->udp_ports, l4))
		return 1;
	plain->dns = (__u8)packet_plain_has_port(&rules->dns_ports, l4);
	return plain->dns; /* else a tunnel */
}

/* The ethertype as it lies in the packet; 0 for one that is too short to be plain. */
PACKET_INLINE __u16 packet_plain_ethertype(const void *data, const void *end)
{
	const __u8 *ethernet = data;

	return ethernet + ETH_HLEN + sizeof(struct iphdr) + PACKET_PLAIN_UDP_BYTES >
			       (const __u8 *)end
		       ? 0
		       : PACKET_LOAD(__u16, ethernet + offsetof(struct ethhdr, h_proto));
}

PACKET_INLINE void packet_fill_plain(const struct packet_plain *plain, __u16 ethertype,
				     __u32 header_bytes, struct packet *packet)
{
	__u32 l4_offset = ETH_HLEN + header_bytes;

	packet->key = plain->key;
	packet_put(packet, offsetof(struct packet, l3_bytes),
		   packet_halves(plain->l3_bytes, 0) |
			   packet_word(0, 0, packet_plain_flags(plain), ethertype));
	packet_put(packet, offsetof(struct packet, vlan), packet_word(0, 0, ETH_HLEN, l4_offset));
	packet_put(packet, offsetof(struct packet, payload_offset),
		   packet_word(l4_offset + packet_plain_payload_offset(plain), 0, 0,
			       packet_bytes(1, 0))); /* one layer */
	packet_put(packet, offsetof(struct packet, fragment_id),
		   packet_word(0, 0, 0, packet_bytes(plain->dns, 0)));
}
FLOW_ABI_ASSERT(offsetof(struct packet, l3_bytes) == 40 && offsetof(struct packet, vlan) == 48);
FLOW_ABI_ASSERT(offsetof(struct packet, payload_offset) == 56 &&
		offsetof(struct packet, fragment_id) == 64 && sizeof(struct packet) == 72);

/* 1: *packet is what the general parser would say, with PACKET_OK. 0: it is to be asked; *packet
 * holds nothing. rules NULL: tunnels are not followed. */
PACKET_INLINE int packet_parse_plain(const void *data, const void *end,
				     const struct packet_rules *rules, struct packet *packet)
{
	__u16 ethertype = packet_plain_ethertype(data, end);
	const __u8 *ip = (const __u8 *)data + ETH_HLEN;
	struct packet_plain plain;

	if (ethertype == PACKET_BE16(ETH_P_IP)) {
		if (!packet_plain_ipv4(ip, &plain) ||
		    !packet_plain_rest(ip, end, sizeof(struct iphdr), rules, &plain))
			return 0;
		packet_fill_plain(&plain, ETH_P_IP, sizeof(struct iphdr), packet);
		return 1;
	}
	if (ethertype != PACKET_BE16(ETH_P_IPV6) || !packet_plain_ipv6(ip, end, &plain) ||
	    !packet_plain_rest(ip, end, sizeof(struct ipv6hdr), rules, &plain))
		return 0;
	packet_fill_plain(&plain, ETH_P_IPV6, sizeof(struct ipv6hdr), packet);
	return 1;
}

#endif
