/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one packet of a DNS port carried, from the kernel or from a capture. */
#ifndef DNS_DNS_PACKET_H
#define DNS_DNS_PACKET_H

#include <stdint.h>

#include "bpf-common/flow_abi.h"

struct dns_packet {
	struct flow_key key;
	uint64_t time_ns;    /* on the caller's axis */
	const uint8_t *data; /* behind the transport header, or the IP header of a later fragment */
	uint32_t captured;   /* bytes at `data` */
	uint32_t length;     /* bytes there were; at least `captured` */
	uint32_t tcp_seq;    /* of the first byte */
	uint32_t fragment_id;
	uint16_t fragment_at; /* as in struct packet; 0: no fragment */
	uint16_t flags;	      /* FLOW_TCP_* */
	uint32_t point;	      /* FLOW_POINT(): where it was seen */
	uint8_t eth_src[6];   /* zeros: the link has none */
};

#endif
