/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/ipfix_biflow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/protocol.h"

#define KIND_ELEMENT 2

uint32_t ipfix_item_type(const struct flow_record *record, bool biflow)
{
	unsigned int family = ipfix_family_of(record);
	uint32_t type = IPFIX_ITEM;

	if (family & IPFIX_IPV6)
		type |= IPFIX_ITEM_IPV6;
	if (family & IPFIX_FACTS)
		type |= IPFIX_ITEM_FACTS;
	if (!biflow || flow_kind_is_event(record->kind) ||
	    !protocol_has_ports(record->key.protocol))
		return type;
	if (record->reply == FLOW_REPLY_NO)
		type |= IPFIX_ITEM_FORWARD;
	else if (record->reply == FLOW_REPLY_YES)
		type |= IPFIX_ITEM_REPLY;
	return type;
}

unsigned int ipfix_item_family(const struct export_item *item)
{
	return (item->type & IPFIX_ITEM_IPV6 ? IPFIX_IPV6 : IPFIX_IPV4) |
	       (item->type & IPFIX_ITEM_FACTS ? IPFIX_FACTS : 0u);
}

/* A body begins with both addresses, both ports and the protocol. */
static bool are_mates(const struct export_item *forward, const struct export_item *reply)
{
	unsigned int family = ipfix_item_family(forward);
	size_t address = family & IPFIX_IPV6 ? 16 : 4, ports = 2 * address;
	size_t kind = ipfix_element_offset(IPFIX_ENTERPRISE, KIND_ELEMENT, family);
	const uint8_t *a = forward->body, *b = reply->body;

	return !((forward->type ^ reply->type) & IPFIX_ITEM_IPV6) &&
	       !memcmp(a, b + address, address) && !memcmp(a + address, b, address) &&
	       !memcmp(a + ports, b + ports + 2, 2) && !memcmp(a + ports + 2, b + ports, 2) &&
	       a[ports + 4] == b[ports + 4] && a[kind] == b[kind];
}

static int make_room(struct ipfix_pairs *pairs, size_t count)
{
	size_t room = 64;

	while (room < 2 * count)
		room *= 2;
	if (room > pairs->room) {
		ipfix_pairs_fini(pairs);
		pairs->mate = calloc(room / 2, sizeof(*pairs->mate));
		pairs->slots = calloc(room, sizeof(*pairs->slots));
		pairs->room = pairs->mate && pairs->slots ? room : 0;
	}
	if (!pairs->room)
		return -ENOMEM;
	memset(pairs->slots, 0, pairs->room * sizeof(*pairs->slots));
	return 0;
}

/* The slot of the conversation's item that waits for a mate, or the free one where it would be. */
static size_t slot_of(const struct ipfix_pairs *pairs, const struct export_item *items,
		      uint64_t conversation)
{
	size_t mask = pairs->room - 1, slot = (conversation * 0x9e3779b97f4a7c15ull >> 32) & mask;

	while (pairs->slots[slot] && items[pairs->slots[slot] - 1].conversation != conversation)
		slot = (slot + 1) & mask;
	return slot;
}

/* The latest one of a conversation waits; the two may come in either order. */
static void pair_one(struct ipfix_pairs *pairs, const struct export_item *items, uint32_t index)
{
	const uint32_t sides = IPFIX_ITEM_FORWARD | IPFIX_ITEM_REPLY;
	size_t slot = slot_of(pairs, items, items[index].conversation);
	uint32_t other = pairs->slots[slot] ? pairs->slots[slot] - 1 : index;
	bool forward = items[index].type & IPFIX_ITEM_FORWARD;
	uint32_t first = forward ? index : other, second = forward ? other : index;

	pairs->slots[slot] = index + 1;
	if (other == index || pairs->mate[other] != IPFIX_ALONE ||
	    (items[index].type & sides) == (items[other].type & sides) ||
	    !are_mates(&items[first], &items[second]))
		return;
	pairs->mate[first] = second;
	pairs->mate[second] = IPFIX_TAKEN;
}

int ipfix_pair(struct ipfix_pairs *pairs, const struct export_item *items, size_t count)
{
	int error = make_room(pairs, count);

	for (size_t i = 0; i < count && !error; i++) {
		pairs->mate[i] = IPFIX_ALONE;
		if (items[i].type & (IPFIX_ITEM_FORWARD | IPFIX_ITEM_REPLY))
			pair_one(pairs, items, (uint32_t)i);
	}
	return error;
}

void ipfix_pairs_fini(struct ipfix_pairs *pairs)
{
	free(pairs->mate);
	free(pairs->slots);
	*pairs = (struct ipfix_pairs){ 0 };
}
