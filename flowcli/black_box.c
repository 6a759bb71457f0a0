/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/black_box.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct black_box {
	uint32_t size, next; /* next: the place of the next packet, over the oldest */
	struct black_box_packet packets[];
};

int black_box_open(struct black_box **out, uint32_t packets)
{
	struct black_box *box = calloc(1, sizeof(*box) + packets * sizeof(box->packets[0]));

	if (!box)
		return -ENOMEM;
	box->size = packets;
	*out = box;
	return 0;
}

void black_box_close(struct black_box *box)
{
	free(box);
}

void black_box_add(struct black_box *box, const struct flow_key *key, uint64_t time_ns,
		   const uint8_t *bytes, uint32_t captured, uint32_t original)
{
	struct black_box_packet *packet = &box->packets[box->next++ % box->size];

	packet->key = *key;
	packet->time_ns = time_ns;
	packet->original = original;
	packet->captured = captured < BLACK_BOX_BYTES ? captured : BLACK_BOX_BYTES;
	memcpy(packet->bytes, bytes, packet->captured);
}

/* Addresses, protocol and ports, there or back. */
static bool is_of(const struct flow_key *left, const struct flow_key *right, bool back)
{
	const uint8_t *src = back ? right->dst : right->src, *dst = back ? right->src : right->dst;

	return left->protocol == right->protocol &&
	       left->src_port == (back ? right->dst_port : right->src_port) &&
	       left->dst_port == (back ? right->src_port : right->dst_port) &&
	       !memcmp(left->src, src, sizeof(left->src)) &&
	       !memcmp(left->dst, dst, sizeof(left->dst));
}

uint32_t black_box_take(struct black_box *box, const struct flow_key *key, black_box_fn take,
			void *context)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < box->size; i++) {
		struct black_box_packet *packet = &box->packets[(box->next + i) % box->size];

		if (!packet->captured ||
		    (!is_of(&packet->key, key, false) && !is_of(&packet->key, key, true)))
			continue;
		take(context, packet);
		packet->captured = 0;
		taken++;
	}
	return taken;
}
