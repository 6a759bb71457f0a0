/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Filters: one typed expression tree over the table of fields, built from command-line flags, from
 * the wire or (later) from a language, and evaluated by the same code in daemon, CLI and exporters.
 * A built tree is immutable and may be shared by threads.
 */
#ifndef PROTO_FILTER_H
#define PROTO_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/field.h"

struct filter;

#define FILTER_DEPTH_MAX 32
#define FILTER_NODES_MAX 4096

/* Leaves and branches. Each takes ownership of its children, also when it fails, and returns NULL
 * only when memory is short; filter_free accepts NULL. */
struct filter *filter_true(void);
struct filter *filter_and(struct filter *left,
			  struct filter *right); /* NULL child = the other one */
struct filter *filter_or(struct filter *left, struct filter *right);
struct filter *filter_not(struct filter *child);
void filter_free(struct filter *filter);
struct filter *filter_copy(const struct filter *filter);

/*
 * `text` is what a user wrote for `field`: a list of operands separated by commas (for
 * FIELD_TCP_FLAGS the whole text is one operand). 0, -ENOMEM, or -EINVAL with a sentence in `why`
 * that names the bad operand and what is expected instead.
 */
int filter_test(const struct field *field, const char *text, struct filter **out, char *why,
		size_t why_size);

/* True when the record matches; a NULL filter matches everything. No allocation. */
bool filter_match(const struct filter *filter, const struct flow_record *record);

/* The tree as text with parentheses, for messages and tests; returns the length snprintf would. */
int filter_format(const struct filter *filter, char *text, size_t size);

#endif
