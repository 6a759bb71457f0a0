/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reader of one BPF ring buffer, in place. Unlike libbpf's it can be told to read up to a position:
 * the drain must know that everything submitted before a moment has been seen
 * (docs/decisions/drain.md). One reader a ring; not thread-safe.
 */
#ifndef KERNEL_RING_H
#define KERNEL_RING_H

#include <stdbool.h>
#include <stdint.h>

/* Of the data only what is being read is mapped, while it is read: mapped pages count as memory of
 * ours, and a ring is mostly empty. */
struct ring {
	unsigned long *consumer;       /* page written by us */
	const unsigned long *producer; /* page of the kernel's position */
	int map_fd;		       /* borrowed */
	uint64_t size, page;
};

typedef void (*ring_sample_fn)(void *context, const void *sample, uint32_t size);

/* `size` is the map's max_entries. 0 or negative errno. */
int ring_open(struct ring *ring, int map_fd, uint64_t size);
void ring_close(struct ring *ring);
/* Where the next record will be put; every record submitted by now lies before it. */
uint64_t ring_head(const struct ring *ring);
/*
 * Hands over what is submitted before `head`. True when all of it was; false when a record is still
 * being written after a bounded wait (its writer was interrupted), or there is no memory to map it.
 */
bool ring_read(struct ring *ring, uint64_t head, ring_sample_fn sample, void *context);

#endif
