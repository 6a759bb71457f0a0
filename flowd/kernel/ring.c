/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_WAITS 1000 /* yields granted to a writer that has reserved and not yet submitted */

int ring_open(struct ring *ring, int map_fd, uint64_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer, *producer;
	int err;

	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (producer == MAP_FAILED) {
		err = -errno;
		munmap(consumer, page);
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
	munmap((void *)ring->producer, ring->page + 2 * ring->size);
	ring->consumer = NULL;
}

uint64_t ring_head(const struct ring *ring)
{
	return __atomic_load_n((const unsigned long *)ring->producer, __ATOMIC_ACQUIRE);
}

static const uint32_t *ring_record(const struct ring *ring, uint64_t position)
{
	const uint8_t *data = (const uint8_t *)ring->producer + ring->page;

	return (const uint32_t *)(data + (position & (ring->size - 1)));
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
			sample(context, (const uint8_t *)record + BPF_RINGBUF_HDR_SZ, size);
		position += (size + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
		__atomic_store_n(ring->consumer, (unsigned long)position, __ATOMIC_RELEASE);
	}
	return true;
}
