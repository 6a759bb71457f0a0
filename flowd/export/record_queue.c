/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/record_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "flowd/base/clock.h"
#include "proto/record_parts.h"

struct record_queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct record_page *first, **last;
	size_t capacity, length;
	uint64_t total;
	uint64_t in_hand; /* oldest position of the page taken last; UINT64_MAX: none */
	bool ended;
};

int record_queue_open(struct record_queue **out, size_t capacity)
{
	struct record_queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t attributes;

	if (!queue)
		return -ENOMEM;
	queue->capacity = capacity;
	queue->last = &queue->first;
	queue->in_hand = UINT64_MAX;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attributes);
	pthread_condattr_destroy(&attributes);
	*out = queue;
	return 0;
}

void record_queue_close(struct record_queue *queue)
{
	struct record_page *page, *next;

	if (!queue)
		return;
	for (page = queue->first; page; page = next) {
		next = page->next;
		record_page_free(page);
	}
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static size_t record_queue_length(struct record_queue *queue)
{
	size_t length;

	pthread_mutex_lock(&queue->lock);
	length = queue->length;
	pthread_mutex_unlock(&queue->lock);
	return length;
}

uint64_t record_queue_total(struct record_queue *queue)
{
	uint64_t total;

	pthread_mutex_lock(&queue->lock);
	total = queue->total;
	pthread_mutex_unlock(&queue->lock);
	return total;
}

static uint64_t page_oldest(const struct record_page *page)
{
	return page && page->count ? page->records[0].position : UINT64_MAX;
}

uint64_t record_queue_oldest(struct record_queue *queue)
{
	uint64_t oldest;

	pthread_mutex_lock(&queue->lock);
	oldest = queue->in_hand;
	for (struct record_page *page = queue->first; page && oldest == UINT64_MAX;
	     page = page->next)
		oldest = page_oldest(page);
	pthread_mutex_unlock(&queue->lock);
	return oldest;
}

size_t record_queue_room(struct record_queue *queue)
{
	size_t length = record_queue_length(queue);

	return length < queue->capacity ? queue->capacity - length : 0;
}

struct record_page *record_page_alloc(size_t room)
{
	struct record_page *page = malloc(sizeof(*page) + room * sizeof(struct flow_record));

	if (page)
		*page = (struct record_page){ .count = 0 };
	return page;
}

void record_page_free(struct record_page *page)
{
	if (page)
		free(page->parts);
	free(page);
}

/* History keeps what its records borrow only until it is read again, and readers of pages are other
 * threads: a page has its own. */
static void record_page_keep(struct record_page *page)
{
	size_t size = 0;
	char *room;

	for (size_t i = 0; i < page->count; i++)
		size += record_parts_size(&page->records[i]);
	if (!size)
		return;
	page->parts = room = malloc(size);
	for (size_t i = 0; i < page->count; i++) {
		size_t bytes = record_parts_size(&page->records[i]);

		if (!bytes)
			continue;
		if (!page->parts) {
			record_parts_drop(&page->records[i]);
			continue;
		}
		record_parts_move(&page->records[i], room);
		room += bytes;
	}
}

void record_queue_put(struct record_queue *queue, struct record_page *page)
{
	pthread_mutex_lock(&queue->lock);
	*queue->last = page;
	queue->last = &page->next;
	queue->length += page->count;
	queue->total += page->count;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

static void missed_add(struct history_page *missed, const struct history_page *found)
{
	if (!missed || !found->missed)
		return;
	if (!missed->missed)
		missed->missed_first_ns = found->missed_first_ns;
	missed->missed += found->missed;
	missed->missed_last_ns = found->missed_last_ns;
}

bool record_queue_fill(struct record_queue *queue, struct history *history,
		       const struct filter *filter, uint64_t *position, struct history_page *missed)
{
	const struct history_match match = { .filter = filter };
	struct history_page found = { .at_end = false };

	while (!found.at_end && record_queue_room(queue)) {
		uint64_t fresh = history_newest(history) - *position;
		struct record_page *page;

		if (!fresh)
			return false;
		found.room = fresh < RECORD_PAGE ? fresh : RECORD_PAGE;
		page = record_page_alloc(found.room);
		if (!page)
			return true;
		found.records = page->records;
		history_read(history, *position, &match, &found);
		*position = found.position;
		page->count = found.count;
		record_page_keep(page);
		missed_add(missed, &found);
		if (page->count)
			record_queue_put(queue, page);
		else
			record_page_free(page);
	}
	if (!found.at_end && missed) { /* no room: yet what history forgets is lost now */
		found.room = 0;
		history_read(history, *position, &match, &found);
		*position = found.position;
		missed_add(missed, &found);
	}
	return !found.at_end;
}

void record_queue_put_loss(struct record_queue *queue, const struct flow_loss *loss)
{
	struct record_page *page = record_page_alloc(0);

	if (!page)
		return;
	page->is_loss = true;
	page->loss = *loss;
	record_queue_put(queue, page);
}

struct timespec record_queue_deadline(uint64_t wait_ns)
{
	uint64_t end_ns = clock_monotonic_ns() + wait_ns;

	return (struct timespec){ (time_t)(end_ns / CLOCK_S), (long)(end_ns % CLOCK_S) };
}

struct record_page *record_queue_get(struct record_queue *queue, uint64_t wait_ns)
{
	struct timespec end = record_queue_deadline(wait_ns);
	struct record_page *page;

	pthread_mutex_lock(&queue->lock);
	queue->in_hand = UINT64_MAX;
	while (!queue->first && !queue->ended &&
	       pthread_cond_timedwait(&queue->filled, &queue->lock, &end) != ETIMEDOUT)
		;
	page = queue->first;
	if (page) {
		queue->first = page->next;
		if (!queue->first)
			queue->last = &queue->first;
		queue->length -= page->count;
		queue->in_hand = page_oldest(page);
	}
	pthread_mutex_unlock(&queue->lock);
	return page;
}

void record_queue_end(struct record_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->ended = true;
	pthread_cond_broadcast(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

bool record_queue_ended(struct record_queue *queue)
{
	bool ended;

	pthread_mutex_lock(&queue->lock);
	ended = queue->ended && !queue->first;
	pthread_mutex_unlock(&queue->lock);
	return ended;
}
