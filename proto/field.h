/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of fields: everything that can be asked of a record. One row each gives the name, the
 * type, the getter, the JSON key and the help text; filters, command-line flags, columns, CSV
 * headers, man page and completion follow from it. A new field is a new row (field.c) and nothing
 * else.
 */
#ifndef PROTO_FIELD_H
#define PROTO_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/flow_record.h"

enum field_type {
	FIELD_NUMBER,	 /* uint64; operands: number, range, list */
	FIELD_PORT,	 /* number that a record of a protocol without ports does not have */
	FIELD_ADDRESS,	 /* 16 bytes, IPv4 mapped; operands: address or CIDR */
	FIELD_TEXT,	 /* operands: exact text or glob (* ?) */
	FIELD_NAME,	 /* number with names (verdict, protocol, direction ...); operands: name or
			    number */
	FIELD_TCP_FLAGS, /* bit set; operands: "SYN,ACK" all of, "=SYN" exactly, "any:SYN,RST" */
	FIELD_TIME,	 /* ns since 1970, printed as time */
	FIELD_DURATION,	 /* ns; operands: "3s", "250ms", ranges of them */
	FIELD_BOOL,
	FIELD_MAC,     /* number of 48 bits; operands: aa:bb:cc:dd:ee:ff */
	FIELD_DOMAIN,  /* lower-case name without the last dot; operands as of FIELD_TEXT, which are
			  made so */
	FIELD_PATTERN, /* text; operands: one regular expression (pattern.h), commas and all */
};

/* What a getter hands out; `present` false: the record has no such fact (a test on it is false). */
struct field_value {
	bool present;
	uint8_t index; /* in: which of several values */
	uint64_t number;
	const uint8_t *address; /* 16 bytes */
	const char *text;
};

/*
 * A name of a FIELD_NAME value; lists end with name NULL. Several names may share a number (the
 * first is printed), and one name may stand for several numbers ("icmp": a test takes them all).
 */
struct field_name {
	const char *name;
	uint64_t number;
};

/* Fills a zeroed value whose index is below the row's `values`; called through field_get(). */
typedef void (*field_get_fn)(const struct flow_record *record, struct field_value *value);

struct field {
	const char *name; /* "source.port": in filters, csv headers */
	enum field_type type;
	field_get_fn get;
	const char *json_key; /* path in our JSON: "l4.TCP.source_port|l4.UDP.source_port"; NULL:
				 not there */
	const char *help;     /* one line */
	const struct field_name *names; /* FIELD_NAME */
	uint64_t max;			/* largest number an operand may be; 0 = any */
	bool prefix;			/* FIELD_TEXT: an operand need only be its beginning */
	bool path;			/* FIELD_TEXT: an operand takes what lies below it, too */
	uint8_t values; /* most values a record can have (interface, vlan); 0 is 1 */
};

/* NULL when there is no such field. */
const struct field *field_find(const char *name);
/* The rows in order; *count is their number. */
const struct field *field_rows(size_t *count);

/*
 * The value with this index, from 0, which is the one to show; not present past the last one. A
 * test on a field with several values is true when any of them passes.
 */
void field_get(const struct field *field, const struct flow_record *record, unsigned index,
	       struct field_value *value);

/* Text of a value as people read it ("10.0.0.1", "TCP", "SYN,ACK"); returns the length snprintf
 * would. */
int field_format(const struct field *field, const struct field_value *value, char *text,
		 size_t size);

#endif
