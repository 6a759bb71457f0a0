/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two directions of a conversation in one record (RFC 5103). Their records are made at the same
 * time, so they are looked for in one batch; nothing is held back for a partner that may not come:
 * what finds none goes as it is.
 */
#ifndef EXPORT_IPFIX_BIFLOW_H
#define EXPORT_IPFIX_BIFLOW_H

#include "flowd/export/export_kind.h"
#include "flowd/export/ipfix_element.h"

/* Types of items: IPFIX_ITEM, and what more is known of it. */
#define IPFIX_ITEM	   16
#define IPFIX_ITEM_IPV6	   1
#define IPFIX_ITEM_FORWARD 2 /* of a flow: sent by who opened, */
#define IPFIX_ITEM_REPLY   4 /* or by the other; neither: it has no partner */
#define IPFIX_ITEM_FACTS   8 /* IPFIX_FACTS */

uint32_t ipfix_item_type(const struct flow_record *record, bool biflow);
unsigned int ipfix_item_family(const struct export_item *item);

#define IPFIX_ALONE UINT32_MAX	     /* goes as it is */
#define IPFIX_TAKEN (UINT32_MAX - 1) /* goes with another */

struct ipfix_pairs {
	uint32_t *mate; /* of each item: index of the one that goes with it, or one of the above */
	uint32_t *slots;
	size_t room;
};

/* 0 or -ENOMEM. */
int ipfix_pair(struct ipfix_pairs *pairs, const struct export_item *items, size_t count);
void ipfix_pairs_fini(struct ipfix_pairs *pairs);

#endif
