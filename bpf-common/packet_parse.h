/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* (body under construction; the interface is final) */
#ifndef PACKET_PARSE_H
#define PACKET_PARSE_H
#include "bpf-common/flow_abi.h"

/* What the packet starts with. */
enum packet_link { PACKET_LINK_ETHERNET, PACKET_LINK_IP };

struct packet {
	struct flow_key key;
	__u32 l3_bytes;	      /* length of the IP packet by its own header, bytes */
	__u16 flags;	      /* FLOW_TCP_* | FLOW_FLAG_* of this packet */
	__u16 ethertype;      /* host order, after VLAN tags */
	__u16 vlan[2];	      /* as in struct flow_cold */
	__u16 l3_offset;      /* from the start of the packet, bytes */
	__u16 l4_offset;
	__u16 payload_offset; /* behind the transport header where there is one */
	__u16 pad;
};

/* data..end are the bytes at hand. Fills *packet; everything but l3_bytes.. and key is set also when the
 * status is not PACKET_OK as far as it was read. */
static inline enum packet_status packet_parse(const void *data, const void *end, enum packet_link link,
					      struct packet *packet);
/* The same from a known ethertype on: `data` points at the layer 3 header (SLL, SLL2, NULL/LOOP links). */
static inline enum packet_status packet_parse_l3(const void *data, const void *end, __u16 ethertype,
						 struct packet *packet);
#endif
