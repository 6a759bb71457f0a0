/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/conversation.h"

#include <stdint.h>
#include <string.h>

static bool is_way(const struct flow_key *left, const struct flow_key *right, bool back)
{
	const uint8_t *src = back ? right->dst : right->src, *dst = back ? right->src : right->dst;

	return left->protocol == right->protocol &&
	       left->src_port == (back ? right->dst_port : right->src_port) &&
	       left->dst_port == (back ? right->src_port : right->dst_port) &&
	       !memcmp(left->src, src, sizeof(left->src)) &&
	       !memcmp(left->dst, dst, sizeof(left->dst));
}

bool conversation_is(const struct flow_key *left, const struct flow_key *right)
{
	return is_way(left, right, false) || is_way(left, right, true);
}
