/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The link types of captures: what stands before the packet, and from where the parser goes on. */
#ifndef FLOWCLI_CAPTURE_LINK_H
#define FLOWCLI_CAPTURE_LINK_H

#include <netinet/in.h> /* before <linux/in.h>, which then leaves out what it has */
#include <stdint.h>

#include "bpf-common/packet_encap.h"

/* Where in a frame its packet starts, and what the link header says of it. */
struct capture_frame {
	const uint8_t *data, *end;
	uint32_t link_bytes; /* read before the parser, beside packet.l3_offset */
	struct packet packet;
	struct flow_extra extra; /* as packet.flags say */
	uint8_t eth_src[6], eth_dst[6];
	uint32_t ifindex;
};
/* Fills packet, extra and what the link header tells. */
typedef enum packet_status (*capture_link_fn)(struct capture_frame *frame,
					      const struct packet_rules *rules);

/* Of a DLT_ number of libpcap; NULL: not read. */
capture_link_fn capture_link_find(int type);

#endif
