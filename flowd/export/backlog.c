/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/item.h"
#include "flowd/export/spool.h"

struct backlog {
	struct spool *spool; /* NULL: in memory */
	struct buffer items;
	size_t head; /* bytes of `items` taken */
	size_t capacity, waiting;
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

void backlog_close(struct backlog *backlog)
{
	if (!backlog)
		return;
	spool_close(backlog->spool);
	buffer_fini(&backlog->items);
	free(backlog);
}

static void backlog_compact(struct backlog *backlog)
{
	if (backlog->head < backlog->items.size / 2 || !backlog->head)
		return;
	backlog->items.size -= backlog->head;
	memmove(backlog->items.data, backlog->items.data + backlog->head, backlog->items.size);
	backlog->head = 0;
}

int backlog_append(struct backlog *backlog, const struct buffer *items, size_t count)
{
	size_t held = backlog->items.size - backlog->head;
	int error;

	if (backlog->spool)
		return spool_append(backlog->spool, items, count);
	if (backlog->waiting &&
	    (backlog->waiting >= backlog->capacity || held + items->size > BACKLOG_MEMORY_MAX))
		return -EAGAIN;
	backlog_compact(backlog);
	error = buffer_append(&backlog->items, items->data, items->size);
	if (!error)
		backlog->waiting += count;
	return error;
}

size_t backlog_take(struct backlog *backlog, size_t most, struct buffer *out)
{
	struct export_item item;
	size_t count = 0, end = backlog->head;

	if (backlog->spool)
		return spool_take(backlog->spool, most, out);
	for (; count < most && count < backlog->waiting; count++)
		end += item_view(backlog->items.data + end, backlog->items.size - end, &item);
	if (buffer_append(out, backlog->items.data + backlog->head, end - backlog->head))
		return 0;
	backlog->head = end;
	backlog->waiting -= count;
	return count;
}

void backlog_acknowledge(struct backlog *backlog, size_t count)
{
	if (backlog->spool)
		spool_acknowledge(backlog->spool, count);
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
