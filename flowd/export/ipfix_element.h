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

/* The number that RFC 5612 gives to examples; docs/decisions/export.md lists our elements. */
#define IPFIX_ENTERPRISE 32473
#define IPFIX_VARLEN	 65535

enum ipfix_family { IPFIX_IPV4 = 1, IPFIX_IPV6 = 2, IPFIX_BOTH = 3 };

struct ipfix_element {
	uint16_t id;
	uint16_t length; /* bytes, or IPFIX_VARLEN */
	uint32_t enterprise;
	enum ipfix_family family;
	/* Writes `length` bytes, or a text of at most 254. */
	size_t (*write)(uint8_t *out, const struct flow_record *record);
	const char *field; /* instead of write: a field as text, empty where it is absent */
};

const struct ipfix_element *ipfix_elements(size_t *count);
/* The row is in the template of this family: known to this program. */
bool ipfix_element_used(const struct ipfix_element *element, enum ipfix_family family);
/* Appends the record. 0 or -ENOMEM. */
int ipfix_write_record(const struct flow_record *record, struct buffer *out);

/* The lower bytes of a number, most significant first. */
static inline uint8_t *ipfix_put(uint8_t *out, uint64_t number, size_t bytes)
{
	for (size_t i = bytes; i-- > 0; number >>= 8)
		out[i] = (uint8_t)number;
	return out + bytes;
}

#endif
