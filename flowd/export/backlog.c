/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/backlog.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/export/spool.h"

#define CHUNK_BYTES  (256u << 10)
#define CHUNK_COPIED (64u << 10) /* fewer bytes are copied into the last chunk; more are one */
#define SPARES_MAX   4

/* Its memory does not move: what was taken is read while more is appended. */
struct chunk {
	struct chunk *next;
	struct buffer items;
	size_t head;	       /* bytes taken */
	size_t waiting, taken; /* items; `taken` and not acknowledged */
};

struct backlog {
	struct spool *spool;	   /* NULL: in memory */
	struct buffer spool_taken; /* out of the spool */
	struct chunk *first, *last, *spares;
	size_t capacity, waiting, bytes, spare_count;
};

int backlog_open(struct backlog **out, size_t capacity, struct spool *spool)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog));

	if (!backlog)
		return -ENOMEM;
	backlog->spool = spool;
	backlog->capacity = capacity;
	*out = backlog;
	return 0;
}

static void chunks_free(struct chunk *chunk)
{
	while (chunk) {
		struct chunk *next = chunk->next;

		buffer_fini(&chunk->items);
		free(chunk);
		chunk = next;
	}
}

void backlog_close(struct backlog *backlog)
{
	if (!backlog)
		return;
	spool_close(backlog->spool);
	buffer_fini(&backlog->spool_taken);
	chunks_free(backlog->first);
	chunks_free(backlog->spares);
	free(backlog);
}

/* ---- in memory ------------------------------------------------------------------------------- */

static struct chunk *chunk_take_spare(struct backlog *backlog)
{
	struct chunk *chunk = backlog->spares;

	if (!chunk)
		return calloc(1, sizeof(*chunk));
	backlog->spares = chunk->next;
	backlog->spare_count--;
	chunk->next = NULL;
	return chunk;
}

static void chunk_give_back(struct backlog *backlog, struct chunk *chunk)
{
	chunk->items.size = chunk->head = 0;
	chunk->next = NULL;
	if (backlog->spare_count == SPARES_MAX) {
		chunks_free(chunk);
		return;
	}
	chunk->next = backlog->spares;
	backlog->spares = chunk;
	backlog->spare_count++;
}

static void chunk_link(struct backlog *backlog, struct chunk *chunk)
{
	if (backlog->last)
		backlog->last->next = chunk;
	else
		backlog->first = chunk;
	backlog->last = chunk;
	backlog->bytes += chunk->items.capacity;
}

/* The buffer becomes a chunk; `items` gets the memory of a spare one. */
static struct chunk *chunk_of(struct backlog *backlog, struct buffer *items)
{
	struct chunk *chunk = chunk_take_spare(backlog);
	struct buffer spare;

	if (!chunk)
		return NULL;
	spare = chunk->items;
	chunk->items = *items;
	*items = spare;
	chunk_link(backlog, chunk);
	return chunk;
}

/* The last chunk, which has room for few bytes more. */
static struct chunk *chunk_with_room(struct backlog *backlog, size_t bytes)
{
	struct chunk *chunk = backlog->last;

	if (chunk && chunk->items.capacity - chunk->items.size >= bytes)
		return chunk;
	chunk = chunk_take_spare(backlog);
	if (!chunk || buffer_reserve(&chunk->items, CHUNK_BYTES)) {
		chunks_free(chunk);
		return NULL;
	}
	chunk_link(backlog, chunk);
	return chunk;
}

static int memory_append(struct backlog *backlog, struct buffer *items, size_t count)
{
	struct chunk *chunk;

	if (backlog->waiting && (backlog->waiting >= backlog->capacity ||
				 backlog->bytes + items->size > BACKLOG_MEMORY_MAX))
		return -EAGAIN;
	if (items->size > CHUNK_COPIED) {
		chunk = chunk_of(backlog, items);
	} else {
		chunk = chunk_with_room(backlog, items->size);
		if (chunk)
			buffer_append(&chunk->items, items->data, items->size);
	}
	if (!chunk)
		return -ENOMEM;
	items->size = 0;
	chunk->waiting += count;
	backlog->waiting += count;
	return 0;
}

static size_t memory_take(struct backlog *backlog, size_t most, struct export_item *items)
{
	size_t count = 0;

	for (struct chunk *chunk = backlog->first; chunk; chunk = chunk->next) {
		for (; chunk->waiting && count < most; count++) {
			chunk->head += item_view(chunk->items.data + chunk->head,
						 chunk->items.size - chunk->head, &items[count]);
			chunk->waiting--;
			chunk->taken++;
		}
	}
	backlog->waiting -= count;
	return count;
}

static void memory_acknowledge(struct backlog *backlog, size_t count)
{
	struct chunk *chunk;

	while ((chunk = backlog->first) && (count || !(chunk->taken + chunk->waiting))) {
		size_t some = count < chunk->taken ? count : chunk->taken;

		chunk->taken -= some;
		count -= some;
		if (chunk->taken || chunk->waiting)
			return;
		backlog->first = chunk->next;
		if (!backlog->first)
			backlog->last = NULL;
		backlog->bytes -= chunk->items.capacity;
		chunk_give_back(backlog, chunk);
	}
}

/* ---- both ------------------------------------------------------------------------------------ */

int backlog_append(struct backlog *backlog, struct buffer *items, size_t count)
{
	int error;

	if (!backlog->spool)
		return memory_append(backlog, items, count);
	error = spool_append(backlog->spool, items, count);
	if (!error)
		items->size = 0;
	return error;
}

size_t backlog_take(struct backlog *backlog, size_t most, struct export_item *items)
{
	struct buffer *taken = &backlog->spool_taken;
	size_t count, at = 0;

	if (!backlog->spool)
		return memory_take(backlog, most, items);
	taken->size = 0;
	count = spool_take(backlog->spool, most, taken);
	for (size_t i = 0; i < count; i++)
		at += item_view(taken->data + at, taken->size - at, &items[i]);
	return count;
}

void backlog_acknowledge(struct backlog *backlog, size_t count)
{
	if (backlog->spool)
		spool_acknowledge(backlog->spool, count);
	else
		memory_acknowledge(backlog, count);
}

uint64_t backlog_waiting(const struct backlog *backlog)
{
	return backlog->spool ? spool_waiting(backlog->spool) : backlog->waiting;
}

uint64_t backlog_given_up(struct backlog *backlog)
{
	return backlog->spool ? spool_given_up(backlog->spool) : 0;
}

void backlog_spooled(const struct backlog *backlog, uint64_t *items, uint64_t *bytes)
{
	*items = *bytes = 0;
	if (backlog->spool)
		spool_size(backlog->spool, items, bytes);
}
