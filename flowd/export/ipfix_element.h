/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The information elements (IANA's registry, and our own under IPFIX_ENTERPRISE) of a flow: one row
 * each. The template is made of the rows, so a new element is a new row.
 */
#ifndef EXPORT_IPFIX_ELEMENT_H
#define EXPORT_IPFIX_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/field.h"

/*
 * What `enterprise` of an element says, until the operator's number takes its place: the one that
 * RFC 5612 gives to examples. docs/decisions/export.md lists our elements.
 */
#define IPFIX_ENTERPRISE 32473
#define IPFIX_REVERSE	 29305 /* RFC 5103: what an IANA element says of the other direction */
#define IPFIX_VARLEN	 65535

/* What a record looks like: its IP version, and whether there is more to tell than of a plain flow,
 * whose records stay small. */
enum ipfix_family { IPFIX_IPV4 = 1, IPFIX_IPV6 = 2, IPFIX_BOTH = 3, IPFIX_FACTS = 4 };

struct ipfix_element {
	uint16_t id;
	uint16_t length; /* bytes, or IPFIX_VARLEN */
	uint32_t enterprise;
	unsigned int family; /* those that have it; with IPFIX_FACTS: only where there are some */
	/* Writes `length` bytes, or a text of at most 254. */
	size_t (*write)(uint8_t *out, const struct flow_record *record);
	const char *field; /* instead of write: a field as text, empty where it is absent */
	bool reverse;	   /* a record of both directions has it for the other one too */
};

const struct ipfix_element *ipfix_elements(size_t *count);
/* The row is in the template of this family: known to this program. */
bool ipfix_element_used(const struct ipfix_element *element, unsigned int family);
unsigned int ipfix_family_of(const struct flow_record *record);
/* Appends the record. 0 or -ENOMEM. */
int ipfix_write_record(const struct flow_record *record, struct buffer *out);
/* Where an element of plain flows stands in every record of this IP version. */
size_t ipfix_element_offset(uint32_t enterprise, uint16_t id, unsigned int family);
/* What both directions' record has behind the one of `body`: the reverse elements of `other` and
 * biflowDirection. Returns the bytes written; at most IPFIX_REVERSE_MAX. */
#define IPFIX_REVERSE_MAX 128
size_t ipfix_write_reverse(uint8_t *out, const uint8_t *other, unsigned int family);

/* The lower bytes of a number, most significant first. */
static inline uint8_t *ipfix_put(uint8_t *out, uint64_t number, size_t bytes)
{
	for (size_t i = bytes; i-- > 0; number >>= 8)
		out[i] = (uint8_t)number;
	return out + bytes;
}

#endif
