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
	producer = mmap(NULL, page, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (producer == MAP_FAILED) {
		err = -errno;
		munmap(consumer, page);
		return err;
	}
	*ring = (struct ring){ .consumer = consumer,
			       .producer = producer,
			       .map_fd = map_fd,
			       .size = size,
			       .page = page };
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring->consumer)
		return;
	munmap(ring->consumer, ring->page);
	munmap((void *)(uintptr_t)ring->producer, ring->page);
	ring->consumer = NULL;
}

uint64_t ring_head(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

/* What lies between two positions, mapped in one piece: behind its end the data is there once more
 * (kernel/bpf/ringbuf.c), so that no record is split. */
struct ring_window {
	uint8_t *at;
	uint64_t from; /* position of at[0] */
	size_t size;
};

static bool ring_window_open(const struct ring *ring, uint64_t from, uint64_t to,
			     struct ring_window *window)
{
	uint64_t offset = from & (ring->size - 1), first = offset & ~(ring->page - 1);

	window->from = from - (offset - first);
	window->size = (to - window->from + ring->page - 1) & ~(ring->page - 1);
	window->at = mmap(NULL, window->size, PROT_READ, MAP_SHARED, ring->map_fd,
			  (off_t)(2 * ring->page + first));
	return window->at != MAP_FAILED;
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

static bool ring_read_window(struct ring *ring, const struct ring_window *window, uint64_t head,
			     ring_sample_fn sample, void *context)
{
	uint64_t position = *ring->consumer;

	while (position < head) {
		const uint8_t *record = window->at + (position - window->from);
		uint32_t length = ring_wait((const uint32_t *)(const void *)record);
		uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (length & BPF_RINGBUF_BUSY_BIT)
			return false;
		if (!(length & BPF_RINGBUF_DISCARD_BIT))
			sample(context, record + BPF_RINGBUF_HDR_SZ, size);
		position += (size + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
		__atomic_store_n(ring->consumer, (unsigned long)position, __ATOMIC_RELEASE);
	}
	return true;
}

bool ring_read(struct ring *ring, uint64_t head, ring_sample_fn sample, void *context)
{
	struct ring_window window;
	bool all;

	if (*ring->consumer >= head)
		return true;
	if (!ring_window_open(ring, *ring->consumer, head, &window))
		return false;
	all = ring_read_window(ring, &window, head, sample, context);
	munmap(window.at, window.size);
	return all;
}
