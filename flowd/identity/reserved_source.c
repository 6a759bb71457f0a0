/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/reserved_source.h"

#include <stdio.h>

#include "proto/address.h"

static uint32_t reserved_of(const uint8_t address[16])
{
	if (address_is_mapped(address)) {
		const uint8_t *quad = address + 12;

		if ((quad[0] & 0xf0) == 0xe0)
			return IDENTITY_MULTICAST;
		if (quad[0] == 255 && quad[1] == 255 && quad[2] == 255 && quad[3] == 255)
			return IDENTITY_BROADCAST;
		if (quad[0] == 169 && quad[1] == 254)
			return IDENTITY_LINK_LOCAL;
		return quad[0] == 127 ? IDENTITY_HOST : IDENTITY_WORLD;
	}
	if (address[0] == 0xff)
		return IDENTITY_MULTICAST;
	if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
		return IDENTITY_LINK_LOCAL;
	return IDENTITY_WORLD;
}

/* It has labels or a name of its own: no reserved identity. */
static bool reserved_is_own(const struct identity_draft *draft)
{
	const char *const *text = draft->endpoint.text;

	return text[ENDPOINT_POD] || text[ENDPOINT_POD_UID] || text[ENDPOINT_CONTAINER_ID] ||
	       (text[ENDPOINT_HOST] && draft->endpoint.label_count);
}

static void reserved_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	struct flow_endpoint *endpoint = &draft->endpoint;
	const char *name;
	char label[64];

	(void)ask;
	if (draft->local)
		identity_draft_text(draft, ENDPOINT_NODE, self);
	if (!endpoint->identity && reserved_is_own(draft)) {
		identity_draft_number(draft);
	} else if (!endpoint->identity && !draft->conflict) {
		endpoint->identity = reserved_of(draft->address);
		identity_draft_from(draft, IDENTITY_FROM_RESERVED);
		if (!draft->local)
			identity_draft_missing(draft, IDENTITY_MISSING_REMOTE);
	}
	name = identity_reserved_name(endpoint->identity);
	if (!endpoint->identity || !name)
		return;
	snprintf(label, sizeof(label), "reserved:%s", name);
	identity_draft_label(draft, label);
}

struct identity_source reserved_source(const char *node_name)
{
	return (struct identity_source){ .name = "reserved",
					 .fill = reserved_fill,
					 .self = (void *)(uintptr_t)node_name };
}
