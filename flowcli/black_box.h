/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last packets, kept in a ring of fixed size until something happens to one of their flows:
 * then those of the flow, both ways, are taken out in their order. Pure.
 */
#ifndef FLOWCLI_BLACK_BOX_H
#define FLOWCLI_BLACK_BOX_H

#include <stdint.h>

#include "bpf-common/flow_abi.h"

#define BLACK_BOX_BYTES 256 /* kept of a packet */

struct black_box_packet {
	struct flow_key key;
	uint64_t time_ns;
	uint32_t captured, original;
	uint8_t bytes[BLACK_BOX_BYTES];
};

struct black_box;
/* 0 or -ENOMEM. */
int black_box_open(struct black_box **out, uint32_t packets);
/* Accepts NULL. */
void black_box_close(struct black_box *box);
void black_box_add(struct black_box *box, const struct flow_key *key, uint64_t time_ns,
		   const uint8_t *bytes, uint32_t captured, uint32_t original);
/* Hands over the packets of the flow, and of its answers, oldest first, and forgets them. Returns
 * their number. */
typedef void (*black_box_fn)(void *context, const struct black_box_packet *packet);
uint32_t black_box_take(struct black_box *box, const struct flow_key *key, black_box_fn take,
			void *context);

#endif
