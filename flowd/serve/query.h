/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The query service: what clients ask and how it is answered. A query is a cursor: records after a
 * position that match a filter, at most so many; at the end of history it waits for more, so that
 * history and live follow are the same call. Work per turn of the loop is bounded.
 *
 * Answer.position is opaque to clients: the low 48 bits are the history position, the high 16 say
 * which losses the reader has been told, so that each is told once. The position of a record is
 * valid too.
 */
#ifndef SERVE_QUERY_H
#define SERVE_QUERY_H

#include "flowd/base/loop.h"
#include "flowd/serve/service.h"
#include "flowd/store/history.h"
#include "flowd/store/losses.h"
#include "proto/codec.h"

#define QUERY_RECORDS_MAX 1024	/* of one answer: about 300 kB */
#define QUERY_WAIT_MAX_MS 30000 /* after which a waiting query is answered empty */

struct query_options {
	struct history *history;
	struct losses *losses;
	uint64_t epoch;
	const char *node_name;
	/* Fills the status; what it points to is valid until the next call. */
	void (*status)(void *context, struct status *status);
	/* REQUEST_LIST, REQUEST_SCOPE: the table that is asked for, after the change if there is
	 * one; `local`: who asks is on this machine. The listing is zero, and freed afterwards. 0,
	 * or negative errno with a sentence in `why`. NULL: there is nothing to list. */
	int (*listing)(void *context, const struct request *asked, bool local, struct listing *out,
		       char *why, size_t why_size);
	void *context;
	unsigned int max_waiting; /* queries that may wait at once; more are refused */
	const struct listen_options *listen;
	size_t listen_count;
	gid_t group;
};

struct query_service;
/* 0 or negative errno, logged. */
int query_service_open(struct query_service **out, struct loop *loop,
		       const struct query_options *options);
/* Answers what waits, with what there is. Accepts NULL. */
void query_service_close(struct query_service *queries);

/* Records or losses have been added: looks whether waiting queries can be answered. */
void query_service_wake(struct query_service *queries);

/* Told with each answer: as many entries has the scope that is active; 0: everything is looked at.
 */
void query_service_scope(struct query_service *queries, uint32_t entries);

struct query_stats {
	uint64_t requests, refused, waiting;
};
void query_service_stats(const struct query_service *queries, struct query_stats *stats);

#endif
