/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inside of a filter, for the files that build, pack and print one (filter*.c,
 * codec_filter.c). Everyone else sees filter.h.
 */
#ifndef PROTO_FILTER_TREE_H
#define PROTO_FILTER_TREE_H

#include "proto/filter.h"
#include "proto/pattern.h"

enum filter_op { FILTER_TRUE, FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_TEST };

enum filter_operand_kind {
	OPERAND_RANGE,	 /* low <= number <= high */
	OPERAND_TEXT,	 /* glob: * ? and \ before a literal character */
	OPERAND_NETWORK, /* prefix of 16 bytes, IPv4 mapped */
	OPERAND_FLAGS,
	OPERAND_PATTERN
};

enum filter_flags_mode { FLAGS_ALL, FLAGS_EXACT, FLAGS_ANY };

struct filter_operand {
	enum filter_operand_kind kind;
	union {
		struct {
			uint64_t low, high;
		} range;
		char *text; /* owned */
		struct {
			uint8_t address[16]; /* bits beyond the prefix are zero */
			uint8_t prefix;
		} network;
		struct {
			uint16_t mask;
			enum filter_flags_mode mode;
		} flags;
		struct {
			char *text;		 /* owned, like the next */
			struct pattern *pattern; /* what it was compiled to */
		} pattern;
	};
};

struct filter {
	enum filter_op op;
	const struct field *field; /* TEST */
	struct filter_operand *operands;
	size_t operand_count;
	struct filter **children; /* AND, OR: any number; NOT: one */
	size_t child_count;
};

/* A TEST without operands, true for none; NULL = no memory. */
struct filter *filter_leaf(const struct field *field);
/* Takes the operand's text, also when it fails. 0 or -ENOMEM. */
int filter_leaf_add(struct filter *leaf, const struct filter_operand *operand);
/* Which kind of operand tests on fields of this type have. */
enum filter_operand_kind filter_operand_kind_of(enum field_type type);
/* Frees what the operand owns. */
void filter_operand_fini(struct filter_operand *operand);
/* 0, -ENOMEM, or -EINVAL with a sentence in `why`. */
int filter_pattern_make(const char *text, struct filter_operand *operand, char *why,
			size_t why_size);
/* Clears the address's bits beyond the prefix. */
void filter_network_mask(struct filter_operand *operand);

/* filter_text.c. "SYN,ACK", "=SYN", "any:SYN,RST". 0 or -EINVAL. */
int filter_flags_parse(const char *text, struct filter_operand *operand);
int filter_operand_format(const struct field *field, const struct filter_operand *operand,
			  char *text, size_t size);

#endif
