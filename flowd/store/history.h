/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of the recent past, in memory: a ring of the last `capacity`, each with a position
 * that counts from 1 without gaps. Readers hold nothing but a position; one that fell behind is
 * told how many records it missed. Older records lie compressed in blocks (about a sixth of their
 * size), so a read costs microseconds a block, never a lock. Names of nodes and interfaces are
 * borrowed and must outlive the history; the other parts of records (record_parts.h) are copied,
 * and those of a record that was read stay until the next append. No I/O, no clock; not
 * thread-safe.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/filter.h"
#include "proto/flow_record.h"

#define HISTORY_SCAN_MAX 16384 /* records one call looks at, at most */

struct history;

/* `parts_max`: bytes that parts of records may take, beyond which the oldest block is forgotten
 * before its time; 0: no bound. 0, -EINVAL (capacity 0) or -ENOMEM. */
int history_open(struct history **out, uint64_t capacity, uint64_t parts_max);
/* Accepts NULL. */
void history_close(struct history *history);

/* Keeps a copy and returns its position. When memory is short the block it completes is forgotten
 * and readers are told so. */
uint64_t history_append(struct history *history, const struct flow_record *record);

/* Position of the newest record = records ever appended; 0 = none. */
uint64_t history_newest(const struct history *history);

/* Costs as much as reading the oldest record. */
struct history_stats {
	uint64_t newest;    /* position of the newest record = records ever appended; 0 = none */
	uint64_t oldest;    /* position of the oldest record held; newest + 1 when there is none */
	uint64_t count;	    /* records held */
	uint64_t oldest_ns; /* time of the oldest record held; 0 = none */
	uint64_t bytes;	    /* memory of the records held */
};
void history_stats(struct history *history, struct history_stats *stats);

/* What to look for. Times are those of the records, both inclusive, 0 = open. */
struct history_match {
	const struct filter *filter; /* NULL = everything */
	uint64_t since_ns;
	uint64_t until_ns;
};

struct history_page {
	struct flow_record *records; /* the caller's, room for `room` */
	size_t room;
	size_t count;	   /* found */
	uint64_t position; /* go on from here */
	uint64_t missed;   /* records that were forgotten before they could be looked at */
	uint64_t missed_first_ns, missed_last_ns; /* bounds of their time; 0 = not known */
	bool at_end;				  /* nothing newer is held */
};

/*
 * Fills the page with the records after position `after` that match, oldest first. Looks at
 * HISTORY_SCAN_MAX records at most: a page may be empty and yet not be at the end, and `position`
 * has moved on.
 */
void history_read(struct history *history, uint64_t after, const struct history_match *match,
		  struct history_page *page);

/* A walk back from the end towards the last `wanted` matching records. */
struct history_walk {
	uint64_t position; /* history_read() from here finds them */
	uint64_t wanted;
};
void history_walk_start(struct history *history, struct history_walk *walk, uint64_t wanted);
/* Looks at HISTORY_SCAN_MAX records; true when the walk is done. */
bool history_walk_step(struct history *history, struct history_walk *walk,
		       const struct history_match *match);

#endif
