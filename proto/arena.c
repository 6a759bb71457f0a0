/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN	_Alignof(max_align_t)
#define ARENA_BLOCK_MAX ((size_t)4 << 20)
#define ARENA_RECYCLE	((size_t)256) /* smaller blocks are not worth keeping */

/* In front of every allocation: its size. */
union arena_head {
	size_t size;
	max_align_t align;
};

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	max_align_t data[];
};

struct arena {
	struct arena_block *blocks;
	size_t total;
	size_t limit;
	int failure;
	union arena_head
		*spare; /* one recycled block: protobuf-c frees its scan table per message */
};

static size_t arena_round(size_t size)
{
	return (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
}

static struct arena_block *arena_block_add(struct arena *arena, size_t size)
{
	arena->failure = -EMSGSIZE;
	if (size > arena->limit - arena->total)
		return NULL;
	struct arena_block *block = malloc(sizeof(*block) + size);
	arena->failure = -ENOMEM;
	if (!block)
		return NULL;
	arena->failure = 0;
	*block = (struct arena_block){ .next = arena->blocks, .size = size };
	arena->blocks = block;
	arena->total += size;
	return block;
}

/* The next block: twice the last one while that stays reasonable, but never past the limit. */
static struct arena_block *arena_grow(struct arena *arena, size_t need)
{
	size_t size = arena->blocks->size * 2;
	if (size > ARENA_BLOCK_MAX)
		size = ARENA_BLOCK_MAX;
	if (size > arena->limit - arena->total)
		size = arena->limit - arena->total;
	return arena_block_add(arena, size < need ? need : size);
}

struct arena *arena_open(size_t hint, size_t limit)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	if (!arena)
		return NULL;
	arena->limit = limit;
	hint = arena_round(hint < 1024 ? 1024 : hint);
	if (!arena_block_add(arena, hint < limit ? hint : limit)) {
		free(arena);
		return NULL;
	}
	return arena;
}

static void *arena_take_spare(struct arena *arena, size_t size)
{
	union arena_head *head = arena->spare;
	if (!head || head->size < size || head->size / 2 > size)
		return NULL;
	arena->spare = NULL;
	return memset(head + 1, 0, head->size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = arena_round(size ? size : 1);
	void *spare = arena_take_spare(arena, size);
	if (spare)
		return spare;
	struct arena_block *block = arena->blocks;
	size_t need = sizeof(union arena_head) + size;
	if (need > block->size - block->used) {
		block = arena_grow(arena, need);
		if (!block)
			return NULL;
	}
	union arena_head *head = (union arena_head *)((char *)block->data + block->used);
	block->used += need;
	head->size = size;
	return memset(head + 1, 0, size);
}

int arena_failure(const struct arena *arena)
{
	return arena->failure;
}

void arena_recycle(struct arena *arena, void *memory)
{
	if (!memory)
		return;
	union arena_head *head = (union arena_head *)memory - 1;
	if (head->size >= ARENA_RECYCLE && (!arena->spare || arena->spare->size < head->size))
		arena->spare = head;
}

void arena_close(struct arena *arena)
{
	if (!arena)
		return;
	for (struct arena_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}
