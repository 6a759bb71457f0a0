/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fragments: what goes into the table of first fragments, and out of it; the caller keeps it. */
#ifndef PACKET_FRAGMENT_H
#define PACKET_FRAGMENT_H

#include "bpf-common/packet_parse.h"

/* In IPv6 the protocol is not part of it (RFC 8200, 4.5). */
PACKET_INLINE void packet_fragment_id(const struct packet *packet, struct flow_fragment_id *id)
{
	packet_copy_ipv6(id->src, packet->key.src);
	packet_copy_ipv6(id->dst, packet->key.dst);
	id->id = packet->fragment_id;
	id->scope = packet->key.scope;
	id->protocol = packet->key.scope & FLOW_SCOPE_IPV6 ? 0 : packet->key.protocol;
	id->pad = 0;
}

/* What a first fragment says for those that follow. */
PACKET_INLINE void packet_fragment_first(const struct packet *packet, struct flow_fragment *first)
{
	first->src_port = packet->key.src_port;
	first->dst_port = packet->key.dst_port;
	first->icmp_id = packet->key.icmp_id;
	first->protocol = packet->key.protocol;
	first->dns = packet->dns;
	first->jiffies = 0;
}

/* A later fragment; first NULL: not seen, or too long ago. */
PACKET_INLINE void packet_fragment_later(struct packet *packet, const struct flow_fragment *first)
{
	if (!first) {
		packet->flags |= FLOW_FLAG_ORPHAN;
		packet->note = PACKET_NOTE_FRAGMENT_ORPHAN;
		return;
	}
	packet->key.src_port = first->src_port;
	packet->key.dst_port = first->dst_port;
	packet->key.icmp_id = first->icmp_id;
	packet->key.protocol = first->protocol;
	packet->dns = first->dns;
}

#endif
