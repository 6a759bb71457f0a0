/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parser is given and what it returns: the bytes as a cursor, the rules, struct packet.
 * UAPI headers only; compiled for the kernel programs and natively.
 */
#ifndef PACKET_H
#define PACKET_H

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

#define PACKET_VLANS_MAX    4  /* tags followed; the outermost two are reported */
#define PACKET_IPV6_EXT_MAX 8  /* extension headers followed, in each IPv6 packet */
#define PACKET_STEPS_MAX    16 /* headers followed beyond those of packet_parse_first() */

/* Ethertypes that <linux/if_ether.h> does not have: IEEE 802.1BR, RFC 6325. */
#define PACKET_ETH_VNTAG       0x8926
#define PACKET_IPPROTO_ETHERIP 97 /* RFC 3378 */
#define PACKET_ETH_TRILL       0x22f3
#define PACKET_ETH_CMD	       0x8909 /* Cisco metadata */
#ifndef ETH_P_NSH
#define ETH_P_NSH 0x894f
#endif

/* Keeps the compiler from making branches of arithmetic, or from leaving out what only the verifier
 * needs. */
#define PACKET_OPAQUE(variable) asm volatile("" : "+r"(variable))

/* Internal to the two steps of parsing; never leaves packet_parse(). */
#define PACKET_MORE ((enum packet_status)PACKET_STATUS_COUNT)

/* What the packet starts with. */
enum packet_link { PACKET_LINK_ETHERNET, PACKET_LINK_IP };

/* What the header at packet->offset is, where packet_parse_rest() has to go on. */
enum packet_next {
	PACKET_NEXT_NONE,
	PACKET_NEXT_EXTENSIONS, /* of IPv6; key.protocol says which */
	PACKET_NEXT_QUOTE,	/* IP packet that an ICMP error quotes */
	PACKET_NEXT_LINK,	/* packet->ethertype is neither IP nor VLAN */
	PACKET_NEXT_ETHERNET,
	PACKET_NEXT_IP, /* its first four bits say which */
	PACKET_NEXT_MPLS,
	PACKET_NEXT_PPP,
	PACKET_NEXT_NSH,
	PACKET_NEXT_GRE,
	PACKET_NEXT_ETHERIP,
	PACKET_NEXT_UDP, /* behind the UDP header of a port in packet_rules */
};

enum packet_fragment { PACKET_WHOLE, PACKET_FRAGMENT_FIRST, PACKET_FRAGMENT_LATER };
#define PACKET_FRAGMENT_MORE 1 /* in fragment_at: it is not the last */

/* Which UDP ports, at either end, mean a tunnel, and which UDP and TCP ports DNS; all zeros:
 * neither is followed. */
#define PACKET_UDP_TUNNELS 16
struct packet_ports {
	__u64 some; /* bit n: one of them is n modulo 64; settles nearly all with one load */
	__u8 bits[65536 / 8];
};
struct packet_rules {
	struct packet_ports dns_ports;
	struct packet_ports udp_ports; /* the ports of `udp`, and those of DNS */
	struct packet_udp_rule {
		__u16 port;   /* 0 ends the list */
		__u8 tunnel;  /* enum flow_tunnel; its header follows the UDP header */
		__u8 variant; /* LISP: 1 = control message */
	} udp[PACKET_UDP_TUNNELS];
	__u8 tunnels; /* follow them at all */
	__u8 jumbo; /* a UDP length of 0 is that of a packet beyond 64 KiB (BIG TCP), as hooks see;
		       else it is no tunnel's */
	__u8 both;  /* the outer flow has its own entry beside the inner one's */
	__u8 pad[5];
};

/*
 * The innermost IP packet: key, l3_bytes and the offsets are its own; what it is wrapped in, or
 * what it quotes, is in struct flow_extra, as the flags say.
 */
struct packet {
	struct flow_key key __attribute__((aligned(8)));
	__u32 l3_bytes;	      /* length of the IP packet by its own header; 0 where that says 0 */
	__u16 flags;	      /* FLOW_TCP_* | FLOW_FLAG_* of this packet */
	__u16 ethertype;      /* host order, behind the VLAN tags */
	__u16 vlan[2];	      /* as in struct flow_cold; of the outermost link header */
	__u16 l3_offset;      /* from the start of the packet, bytes */
	__u16 l4_offset;      /* behind the IP header and its extensions */
	__u16 payload_offset; /* behind the transport header where it was read, else l4_offset */
	__u16 offset;	      /* of what `next` says */
	__u8 next;	      /* enum packet_next */
	__u8 note;	      /* enum packet_note */
	__u8 layers;	      /* IP headers read */
	__u8 fragment;	      /* enum packet_fragment */
	__u32 fragment_id;    /* of a fragment; host order */
	__u16 fragment_at;    /* of a fragment: where it begins, bytes, + PACKET_FRAGMENT_MORE */
	__u8 dns;	      /* one of its ports is in dns_bits */
	__u8 pad;
};

/* Where the parser stands: `pos` moves forward, never beyond `end`; `offset` counts from the start.
 */
struct cursor {
	const __u8 *pos;
	const __u8 *end;
	__u32 offset;
};

/* Keeps the compiler from making branches of arithmetic, or from leaving out what only the verifier
 * needs. */
#define PACKET_OPAQUE(variable) asm volatile("" : "+r"(variable))

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

PACKET_INLINE __u32 packet_u32(const void *bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap32(PACKET_LOAD(__u32, bytes));
#else
	return PACKET_LOAD(__u32, bytes);
#endif
}

PACKET_INLINE int packet_port_bit(const struct packet_ports *ports, __u16 port)
{
	__u32 bit = port;

	PACKET_OPAQUE(bit); /* Linux 6.1 does not know that 16 swapped bytes are below 65,536 */
	return ports->bits[bit >> 3 & 0x1fff] >> (bit & 7) & 1;
}

/* 0: neither is in the set, as the lower byte tells of most. Asked of every packet of TCP, UDP. */
PACKET_INLINE int packet_may_have_port(const struct packet_ports *ports, __u8 src_low, __u8 dst_low)
{
	__u64 some = ports->some >> (src_low & 63) | ports->some >> (dst_low & 63);

	return __builtin_expect(some & 1, 0);
}

/* One of the two is in the set. */
PACKET_INLINE int packet_has_port(const struct packet_ports *ports, __u16 src_port, __u16 dst_port)
{
	return packet_may_have_port(ports, (__u8)src_port, (__u8)dst_port) &&
	       (packet_port_bit(ports, src_port) || packet_port_bit(ports, dst_port));
}

PACKET_INLINE int packet_is_of(const struct packet_ports *ports, const struct packet *packet)
{
	return packet_has_port(ports, packet->key.src_port, packet->key.dst_port);
}

#endif
