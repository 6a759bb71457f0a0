/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Items between the thread that makes them and the one that sends them: in memory, or in a spool on
 * disk that outlives the process. First in, first out; what was taken stays where it is until it is
 * acknowledged. Not thread-safe: the exporter has the lock; bodies of taken items are read without
 * it.
 */
#ifndef EXPORT_BACKLOG_H
#define EXPORT_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "flowd/export/item.h"

#define BACKLOG_MEMORY_MAX (16u << 20) /* bytes, of what was taken too */

struct backlog;
struct spool;

/* `spool` NULL: in memory, `capacity` items; else the spool becomes the backlog's. */
int backlog_open(struct backlog **out, size_t capacity, struct spool *spool);
void backlog_close(struct backlog *backlog);

/* Adds `count` items that item_end() ended; `items` is empty then and may have other memory. 0;
 * -EAGAIN: no room until some are acknowledged; any other: the disk's. Nothing is added then. */
int backlog_append(struct backlog *backlog, struct buffer *items, size_t count);
/* At most `most` items, valid until they are acknowledged; of a spool, until the next call. Returns
 * how many. */
size_t backlog_take(struct backlog *backlog, size_t most, struct export_item *items);
/* The `count` oldest taken are done with. */
void backlog_acknowledge(struct backlog *backlog, size_t count);
/* Items waiting to be taken. */
uint64_t backlog_waiting(const struct backlog *backlog);
/* Items given up since the last call, because the spool is bounded or was damaged. */
uint64_t backlog_given_up(struct backlog *backlog);
/* Items and bytes on disk that are not acknowledged; zeros in memory. */
void backlog_spooled(const struct backlog *backlog, uint64_t *items, uint64_t *bytes);

#endif
