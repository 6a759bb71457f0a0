/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names both ends of every record, as of the flow's own time: asks the sources in order, keeps one
 * copy of each answer for the records (endpoint_pool.h), and keeps a flow's answer while the flow
 * lasts, so that its end is told as its beginning was. Not thread-safe; runs on the daemon's loop.
 */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include "flowd/identity/source.h"

#define IDENTITY_SOURCES_MAX 16

struct identity;
struct identity_options {
	uint32_t most_flows; /* answers kept */
	uint64_t grace_ns;   /* see endpoint_pool_open() */
};
/* 0 or -ENOMEM. */
int identity_open(struct identity **out, const struct identity_options *options);
/* Closes the sources too. Accepts NULL. */
void identity_close(struct identity *identity);
/* Behind those added before. Takes it over, also on failure (-ENOSPC). */
int identity_add(struct identity *identity, const struct identity_source *source);

/* Fills record->ends; times of the record are CLOCK_REALTIME, `wall_offset_ns` before it. */
void identity_name(struct identity *identity, struct flow_record *record, int64_t wall_offset_ns);
/* The record has gone into history at this position. */
void identity_stored(struct identity *identity, const struct flow_record *record,
		     uint64_t position);
/* Once a second; `oldest` is the oldest position in history. */
void identity_tick(struct identity *identity, uint64_t oldest);

struct identity_stats {
	uint64_t named[IDENTITY_FROM_COUNT];	  /* ends of new flows, by what identified them */
	uint64_t missing[IDENTITY_MISSING_COUNT]; /* and by why they have no process */
	uint64_t endpoints;
};
void identity_stats(const struct identity *identity, struct identity_stats *stats);

#endif
