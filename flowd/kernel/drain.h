/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Differences out of the kernel's flow tables, read while they are written: every count that the
 * kernel makes comes out exactly once, whether it is read in place, arrives with an evicted entry,
 * or both (docs/decisions/drain.md). Works on mapped memory and events handed in; no system call,
 * no log. Not thread-safe.
 *
 * One pass: drain_begin; then until drain_collect says there is no more: collect a chunk of
 * copies, feed the events submitted until then, apply the chunk.
 */
#ifndef KERNEL_DRAIN_H
#define KERNEL_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"
#include "flowd/flow/flow_table.h"
#include "flowd/kernel/flow_cpus.h"
#include "flowd/kernel/jiffies.h"

struct drain_tables {
	struct flow_cpus cpus;
	struct flow_cold_set *colds;
	/* Asked for where an entry's flags call for it; good until the pass ends. NULL: no memory.
	 */
	const struct flow_extra_set *(*extras)(void *context);
	void *context;
};

typedef void (*drain_delta_fn)(void *context, const struct flow_delta *delta);

/* For events of other types than the table's. False: not one of those known, or not of its size. */
struct drain_listener {
	bool (*take)(void *context, const struct flow_event *event);
	void *context;
};

struct drain_stats {
	uint64_t deltas, packets, bytes;
	uint64_t event_gaps, events_unknown, torn_reads;
};

struct drain;
/* The tables are borrowed. 0, -EINVAL or -ENOMEM. */
int drain_open(struct drain **out, const struct drain_tables *tables);
void drain_close(struct drain *drain);

void drain_begin(struct drain *drain, const struct jiffies_sample *now, drain_delta_fn emit,
		 void *context);
/* Copies what changed, up to a chunk. `everything`: looks at sets that were not touched, too.
 * False: this was the last chunk of the pass. */
bool drain_collect(struct drain *drain, bool everything);
/* One record of the ring buffer. */
void drain_event(struct drain *drain, const void *sample, uint32_t size);
/* Who gets the events that are not the table's; without one they count as unknown. */
void drain_set_listener(struct drain *drain, struct drain_listener listener);
/* `events_complete`: all events submitted before this call have been fed. Otherwise entries that
 * replaced others wait for the next pass. */
void drain_apply(struct drain *drain, bool events_complete);

void drain_stats(const struct drain *drain, struct drain_stats *stats);

#endif
