/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which of a flow's packets sampling could not have left out. What was counted before sampling
 * began, or where there is none, is certain.
 */
#ifndef FLOW_FLOW_SAMPLED_H
#define FLOW_FLOW_SAMPLED_H

#include "flowd/flow/flow_state.h"

/* The flow's note, made where there is none: NULL where it cannot be. */
struct flow_note *flow_sampled_note(struct flow_table *table, struct flow *flow);
/* Before the delta is added to the flow, which has a note or is sampled from now on. */
void flow_sampled_count(struct flow_table *table, struct flow *flow,
			const struct flow_delta *delta);

#endif
