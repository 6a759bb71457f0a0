/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_WAITS 1000 /* yields granted to a writer that has reserved and not yet submitted */

int ring_open(struct ring *ring, int map_fd, uint64_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer, *producer;
	int err;

	ring->wrapped = malloc(size);
	if (!ring->wrapped)
		return -ENOMEM;
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (consumer == MAP_FAILED) {
		err = -errno;
		free(ring->wrapped);
		return err;
	}
	producer = mmap(NULL, page + size, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (producer == MAP_FAILED) {
		err = -errno;
		munmap(consumer, page);
		free(ring->wrapped);
		return err;
	}
	ring->consumer = consumer;
	ring->producer = producer;
	ring->size = size;
	ring->page = page;
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring->consumer)
		return;
	munmap(ring->consumer, ring->page);
	munmap((void *)ring->producer, ring->page + ring->size);
	free(ring->wrapped);
	ring->consumer = NULL;
}

uint64_t ring_head(const struct ring *ring)
{
	return __atomic_load_n((const unsigned long *)ring->producer, __ATOMIC_ACQUIRE);
}

static const uint8_t *ring_data(const struct ring *ring)
{
	return (const uint8_t *)ring->producer + ring->page;
}

/* The record's length word; never split, because records begin at multiples of 8. */
static const uint32_t *ring_record(const struct ring *ring, uint64_t position)
{
	return (const uint32_t *)(ring_data(ring) + (position & (ring->size - 1)));
}

/* `size` bytes from `position` on in one piece: in place, or copied where the ring's end splits
 * them. */
static const void *ring_sample(const struct ring *ring, uint64_t position, uint32_t size)
{
	uint64_t offset = position & (ring->size - 1), first = ring->size - offset;

	if (size <= first)
		return ring_data(ring) + offset;
	memcpy(ring->wrapped, ring_data(ring) + offset, first);
	memcpy((uint8_t *)ring->wrapped + first, ring_data(ring), size - first);
	return ring->wrapped;
}

/* The record's length word once it is submitted; with the busy bit when its writer does not come
 * back. */
static uint32_t ring_wait(const uint32_t *record)
{
	uint32_t length = __atomic_load_n(record, __ATOMIC_ACQUIRE);

	for (int i = 0; (length & BPF_RINGBUF_BUSY_BIT) && i < RING_WAITS; i++) {
		sched_yield();
		length = __atomic_load_n(record, __ATOMIC_ACQUIRE);
	}
	return length;
}

bool ring_read(struct ring *ring, uint64_t head, ring_sample_fn sample, void *context)
{
	uint64_t position = *ring->consumer;

	while (position < head) {
		const uint32_t *record = ring_record(ring, position);
		uint32_t length = ring_wait(record);
		uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (length & BPF_RINGBUF_BUSY_BIT)
			return false;
		if (!(length & BPF_RINGBUF_DISCARD_BIT))
			sample(context, ring_sample(ring, position + BPF_RINGBUF_HDR_SZ, size),
			       size);
		position += (size + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
		__atomic_store_n(ring->consumer, (unsigned long)position, __ATOMIC_RELEASE);
	}
	return true;
}
