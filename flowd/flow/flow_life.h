/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a flow after it began: when it is looked at next, its records, its end.
 */
#ifndef FLOW_FLOW_LIFE_H
#define FLOW_FLOW_LIFE_H

#include "flowd/flow/flow_state.h"

/* Ticks until the conversation of `flow` has been idle (or quiet, when closing) long enough. */
int64_t flow_life_idle_left(const struct flow_table *table, const struct flow *flow);
/* Ticks until what is new in `flow` is due as an UPDATE. */
int64_t flow_life_active_left(const struct flow_table *table, const struct flow *flow);
/* Puts a flow that is in no list where its next look is due. */
void flow_life_schedule(struct flow_table *table, uint32_t number);
/* The same for one that is in a list; a fresh flow stays there until its START went out. */
void flow_life_reschedule(struct flow_table *table, uint32_t number);
/* Packets, or trouble, that no record has told yet. */
bool flow_life_has_news(const struct flow_table *table, const struct flow *flow);
/* Trouble came to a flow without other news: its record is due an active period from now at the
 * latest. */
void flow_life_wake(struct flow_table *table, uint32_t number);
void flow_life_emit(struct flow_table *table, struct flow *flow, enum flow_kind kind,
		    enum flow_end_reason reason);
void flow_life_unpair(struct flow_table *table, struct flow *flow);
/* END of one direction; the entry is free afterwards. */
void flow_life_end(struct flow_table *table, uint32_t number, enum flow_end_reason reason);
/* END of both directions, of the one that opened first: FIN or RST when closing, else `otherwise`.
 */
void flow_life_end_both(struct flow_table *table, uint32_t number, enum flow_end_reason otherwise);

#endif
