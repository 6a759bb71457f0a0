/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a delta does to the table: it continues a flow, begins one (and finds its other direction
 * and who opened), or ends an old instance and begins the next.
 */
#ifndef FLOW_FLOW_JOIN_H
#define FLOW_FLOW_JOIN_H

#include "flowd/flow/flow_state.h"

/* `hash` is flow_pool_hash() of the delta's key. */
void flow_join(struct flow_table *table, uint32_t hash, const struct flow_delta *delta);

#endif
