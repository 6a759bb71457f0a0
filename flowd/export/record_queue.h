/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pages of records and losses on their way from the pipeline's thread to an exporter's. Bounded by
 * records; the pipeline never waits: what finds no room stays in history and is read later. The
 * texts of the records are borrowed as they are in history.
 */
#ifndef EXPORT_RECORD_QUEUE_H
#define EXPORT_RECORD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/store/history.h"

#define RECORD_PAGE 256

struct record_page {
	struct record_page *next;
	bool is_loss;
	struct flow_loss loss;
	size_t count;
	void *parts; /* what the records borrow, owned */
	struct flow_record records[];
};
/* Accepts NULL. */
void record_page_free(struct record_page *page);

struct record_queue;
int record_queue_open(struct record_queue **out, size_t capacity);
void record_queue_close(struct record_queue *queue);

/* Records there is room for. */
size_t record_queue_room(struct record_queue *queue);
/* A page for so many records, from malloc; NULL = no memory. */
struct record_page *record_page_alloc(size_t room);
/* The page becomes the queue's. */
void record_queue_put(struct record_queue *queue, struct record_page *page);
/*
 * On history's thread: puts the records after *position that match, as far as there is room, and
 * moves *position on; true while there is more. `missed`: what left history unread, room or not,
 * by missed, missed_first_ns and missed_last_ns; may be NULL.
 */
bool record_queue_fill(struct record_queue *queue, struct history *history,
		       const struct filter *filter, uint64_t *position,
		       struct history_page *missed);
void record_queue_put_loss(struct record_queue *queue, const struct flow_loss *loss);
/* Waits `wait_ns` for a page at most; the caller frees it. NULL: none came, or the end. */
struct record_page *record_queue_get(struct record_queue *queue, uint64_t wait_ns);
/* No more will be put: getters do not wait any more. */
void record_queue_end(struct record_queue *queue);
bool record_queue_ended(struct record_queue *queue);
/* Position of the oldest record in the queue or in the hands of who took the last page; UINT64_MAX:
 * there is none. What the records borrow must be there until it has passed them. */
uint64_t record_queue_oldest(struct record_queue *queue);
/* Records ever put. */
uint64_t record_queue_total(struct record_queue *queue);

/* pthread_cond_timedwait() by CLOCK_MONOTONIC, which the condition must have been made for. */
struct timespec record_queue_deadline(uint64_t wait_ns);

#endif
