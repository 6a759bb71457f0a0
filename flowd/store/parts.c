/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/store/parts.h"

#include <stdlib.h>

#define CHUNK_BYTES 4096

struct parts_chunk {
	struct parts_chunk *next;
	size_t used, size;
	max_align_t data[];
};

static struct parts_chunk *chunk_add(struct parts *parts, size_t least)
{
	size_t size = least > CHUNK_BYTES ? least : CHUNK_BYTES;
	struct parts_chunk *chunk = malloc(sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	*chunk = (struct parts_chunk){ parts->chunks, 0, size };
	parts->chunks = chunk;
	parts->bytes += sizeof(*chunk) + size;
	return chunk;
}

void *parts_alloc(struct parts *parts, size_t size)
{
	struct parts_chunk *chunk = parts->chunks;
	size_t aligned =
		(size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);

	if (!chunk || chunk->size - chunk->used < aligned)
		chunk = chunk_add(parts, aligned);
	if (!chunk)
		return NULL;
	chunk->used += aligned;
	return (char *)chunk->data + chunk->used - aligned;
}

void parts_fini(struct parts *parts)
{
	while (parts->chunks) {
		struct parts_chunk *chunk = parts->chunks;

		parts->chunks = chunk->next;
		free(chunk);
	}
	parts->bytes = 0;
}
