/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conversations: which key is the other direction of which, and who opened. The strongest word is
 * the handshake (SYN, SYN+ACK, echo request and reply), then what was known of the same connection
 * before, then who was seen first, then the lower port as the server's.
 */
#ifndef FLOW_FLOW_CONVERSATION_H
#define FLOW_FLOW_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"
#include "flowd/flow/flow_pool.h"
#include "proto/flow_record.h"

/* False: nothing answers this key (an ICMP error; a key that is its own reverse). */
bool flow_key_reverse(const struct flow_key *key, struct flow_key *out);

static inline enum flow_reply flow_reply_opposite(enum flow_reply reply)
{
	return reply == FLOW_REPLY_UNKNOWN ? reply
	       : reply == FLOW_REPLY_NO	   ? FLOW_REPLY_YES
					   : FLOW_REPLY_NO;
}

/*
 * What the first delta of a flow says by itself; UNKNOWN when it says nothing. Flags are or-ed over
 * the delta, so SYN with ACK is an answer only when the delta is one packet.
 */
enum flow_reply flow_conversation_evidence(const struct flow_key *key, uint16_t flags,
					   uint64_t packets);
/* Decides between two flows of which neither is known. */
void flow_conversation_settle(struct flow *flow, struct flow *peer);
/* Decides for a flow that has no peer (yet). */
void flow_conversation_settle_alone(struct flow *flow);

/*
 * Roles of TCP flows that ended, kept in a small array where a newer one overwrites: a straggler,
 * or a connection that goes on after its flow ended as idle or evicted, is then not taken for a
 * new conversation opened by the wrong side. A new connection of the same ports starts with SYN,
 * which never asks.
 */
#define FLOW_ROLES 8192u
struct flow_role {
	uint32_t hash;
	uint8_t reply;
	uint8_t closed; /* ended by FIN or RST: what comes now are stragglers */
	uint16_t pad;
};
struct flow_roles {
	struct flow_role role[FLOW_ROLES];
};
void flow_roles_remember(struct flow_roles *roles, uint32_t hash, const struct flow *flow);
/* The role kept under `hash`, or NULL. */
const struct flow_role *flow_roles_recall(const struct flow_roles *roles, uint32_t hash);

#endif
