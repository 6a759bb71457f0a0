/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/black_box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/conversation.h"

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

uint32_t black_box_take(struct black_box *box, const struct flow_key *key, black_box_fn take,
			void *context)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < box->size; i++) {
		struct black_box_packet *packet = &box->packets[(box->next + i) % box->size];

		if (!packet->captured || !conversation_is(&packet->key, key))
			continue;
		take(context, packet);
		packet->captured = 0;
		taken++;
	}
	return taken;
}
