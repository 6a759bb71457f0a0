/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When to look at a flow next: a timing wheel of lists of pool entries, plus one list of flows that
 * just appeared. Packets do not move a flow; a flow looked at too early is put back where it
 * belongs, so the cost is one look a timeout, not one a packet.
 */
#ifndef FLOW_FLOW_WHEEL_H
#define FLOW_FLOW_WHEEL_H

#include <stdint.h>

#include "flowd/flow/flow_pool.h"

#define FLOW_WHEEL_SLOTS 4096u
#define FLOW_WHEEL_FRESH FLOW_WHEEL_SLOTS /* the list of flows that just appeared */

struct flow_wheel {
	uint32_t heads[FLOW_WHEEL_SLOTS + 1];
};

/* Appends the entry to a list: in 1 to FLOW_WHEEL_SLOTS - 1 ticks from `tick` (clamped), or fresh.
 */
void flow_wheel_add(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number,
		    uint64_t tick, int64_t ticks_ahead);
void flow_wheel_add_fresh(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number);
void flow_wheel_remove(struct flow_wheel *wheel, struct flow_pool *pool, uint32_t number);

/* The first entry of the list of `tick`, or 0. */
static inline uint32_t flow_wheel_first(const struct flow_wheel *wheel, uint64_t tick)
{
	return wheel->heads[tick % FLOW_WHEEL_SLOTS];
}

static inline uint32_t flow_wheel_fresh(const struct flow_wheel *wheel)
{
	return wheel->heads[FLOW_WHEEL_FRESH];
}

#endif
