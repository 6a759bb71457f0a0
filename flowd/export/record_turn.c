/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/record_turn.h"

#include <string.h>

#include "proto/protocol.h"

static void turn_key(struct flow_key *turned, const struct flow_key *key)
{
	memcpy(turned->src, key->dst, sizeof(turned->src));
	memcpy(turned->dst, key->src, sizeof(turned->dst));
	if (!protocol_has_ports(key->protocol))
		return; /* ICMP: type and code are no ends */
	turned->src_port = key->dst_port;
	turned->dst_port = key->src_port;
}

const struct flow_record *record_turn(const struct flow_record *record, struct flow_record *room)
{
	if (record->reply != FLOW_REPLY_YES)
		return record;
	*room = *record;
	turn_key(&room->key, &record->key);
	memcpy(room->eth_src, record->eth_dst, sizeof(room->eth_src));
	memcpy(room->eth_dst, record->eth_src, sizeof(room->eth_dst));
	room->ends[FLOW_SOURCE] = record->ends[FLOW_DESTINATION];
	room->ends[FLOW_DESTINATION] = record->ends[FLOW_SOURCE];
	room->source_names = record->destination_names;
	room->destination_names = record->source_names;
	room->reply = FLOW_REPLY_NO;
	return room;
}
