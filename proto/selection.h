/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From filter options to one filter tree: the same option again is OR, different options are AND,
 * and each negated one stands alone: it excludes what it matches, whatever else is given. Options
 * that test the same fields (-4, -6, --ip-version) count as the same option.
 */
#ifndef PROTO_SELECTION_H
#define PROTO_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/filter.h"

#define SELECTION_TERMS 64

struct selection_term {
	const char *fields[2];
	struct filter *any;
};

/* All zero is an empty selection. */
struct selection {
	struct selection_term terms[SELECTION_TERMS];
	size_t term_count;
	struct filter *excluded; /* AND of NOTs */
};

/* fields[1] may be NULL. 0, -ENOMEM, or -EINVAL with a sentence in `why`. */
int selection_add(struct selection *selection, const char *const fields[2], const char *text,
		  bool negate, char *why, size_t why_size);
/* "FIELD=VALUE" */
int selection_where(struct selection *selection, const char *text, bool negate, char *why,
		    size_t why_size);

/* A number alone as "that and more", for options that mean at least; in `room`, or `text` itself.
 */
const char *selection_at_least(const char *text, char *room, size_t size);

/* Moves the tree out, owned by the caller; NULL in *out matches everything. 0 or -ENOMEM. */
int selection_take(struct selection *selection, struct filter **out);
void selection_fini(struct selection *selection);

#endif
