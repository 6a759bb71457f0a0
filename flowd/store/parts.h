/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory for the borrowed parts of one block's records: given out in pieces, given back at once. */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include <stddef.h>

struct parts_chunk;

/* All zero is empty. */
struct parts {
	struct parts_chunk *chunks;
	size_t bytes; /* taken from malloc */
};

/* `size` bytes, aligned for any type; NULL: no memory. */
void *parts_alloc(struct parts *parts, size_t size);
void parts_fini(struct parts *parts);

#endif
