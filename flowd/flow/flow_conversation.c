/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_conversation.h"

#include <netinet/in.h>
#include <string.h>

/* Messages that answer each other: RFC 792, RFC 950, RFC 4443, RFC 4861. */
static const struct {
	uint8_t protocol, request, reply;
} icmp_pairs[] = {
	{ IPPROTO_ICMP, 8, 0 },	      /* echo */
	{ IPPROTO_ICMP, 13, 14 },     /* timestamp */
	{ IPPROTO_ICMP, 17, 18 },     /* address mask */
	{ IPPROTO_ICMPV6, 128, 129 }, /* echo */
	{ IPPROTO_ICMPV6, 135, 136 }, /* neighbour solicitation, advertisement */
};

static bool is_icmp(const struct flow_key *key)
{
	return key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;
}

/* NO: a request, YES: a reply, UNKNOWN: neither; *other is the type that belongs to it. */
static enum flow_reply icmp_role(const struct flow_key *key, uint16_t *other)
{
	for (size_t i = 0; i < sizeof(icmp_pairs) / sizeof(icmp_pairs[0]); i++) {
		if (icmp_pairs[i].protocol != key->protocol)
			continue;
		if (icmp_pairs[i].request == key->src_port) {
			*other = icmp_pairs[i].reply;
			return FLOW_REPLY_NO;
		}
		if (icmp_pairs[i].reply == key->src_port) {
			*other = icmp_pairs[i].request;
			return FLOW_REPLY_YES;
		}
	}
	return FLOW_REPLY_UNKNOWN;
}

bool flow_key_reverse(const struct flow_key *key, struct flow_key *out)
{
	*out = *key;
	if (is_icmp(key)) {
		if (icmp_role(key, &out->src_port) == FLOW_REPLY_UNKNOWN)
			return false;
	} else {
		out->src_port = key->dst_port;
		out->dst_port = key->src_port;
	}
	memcpy(out->src, key->dst, sizeof(out->src));
	memcpy(out->dst, key->src, sizeof(out->dst));
	return !flow_key_equal(key, out);
}

enum flow_reply flow_conversation_evidence(const struct flow_key *key, uint16_t flags,
					   uint64_t packets)
{
	uint16_t other;

	if (is_icmp(key))
		return icmp_role(key, &other);
	if (key->protocol != IPPROTO_TCP || !(flags & FLOW_TCP_SYN))
		return FLOW_REPLY_UNKNOWN;
	if (!(flags & FLOW_TCP_ACK))
		return FLOW_REPLY_NO;
	return packets == 1 ? FLOW_REPLY_YES : FLOW_REPLY_UNKNOWN;
}

static bool towards_lower_port(const struct flow_key *key)
{
	return key->dst_port <= key->src_port;
}

void flow_conversation_settle(struct flow *flow, struct flow *peer)
{
	bool opened;

	if (flow->first_ns != peer->first_ns)
		opened = flow->first_ns < peer->first_ns;
	else
		opened = towards_lower_port(&flow->key);
	flow->reply = opened ? FLOW_REPLY_NO : FLOW_REPLY_YES;
	peer->reply = (uint8_t)flow_reply_opposite(flow->reply);
	flow->guessed = peer->guessed = 0;
}

void flow_conversation_settle_alone(struct flow *flow)
{
	const uint16_t both = FLOW_TCP_SYN | FLOW_TCP_ACK;
	bool opened = true;

	if (is_icmp(&flow->key))
		return;
	if (flow->key.protocol == IPPROTO_TCP && (flow->flags & both) == both)
		opened = towards_lower_port(&flow->key);
	flow->reply = opened ? FLOW_REPLY_NO : FLOW_REPLY_YES;
	flow->guessed = 1;
}

void flow_roles_remember(struct flow_roles *roles, uint32_t hash, const struct flow *flow)
{
	struct flow_role *role = &roles->role[hash % FLOW_ROLES];

	role->hash = hash;
	role->reply = flow->reply;
	role->closed = flow->closing;
}

const struct flow_role *flow_roles_recall(const struct flow_roles *roles, uint32_t hash)
{
	const struct flow_role *role = &roles->role[hash % FLOW_ROLES];

	return role->hash == hash && role->reply != FLOW_REPLY_UNKNOWN ? role : NULL;
}
