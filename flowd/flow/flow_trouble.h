/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drops and TCP trouble, told apart from the packets and joined to the flow they belong to: kept in
 * the flow's note, told with its records. Bounded: beyond some thousand flows at a time, trouble is
 * counted as not joined.
 */
#ifndef FLOW_FLOW_TROUBLE_H
#define FLOW_FLOW_TROUBLE_H

#include "flowd/flow/flow_state.h"

/* What waits for its flow, before new flows are told; `last`: this drain brings no more. */
void flow_trouble_retry(struct flow_table *table, bool last);
/* Writes what there is into the record, and takes it as told. */
void flow_trouble_tell(struct flow_trouble *trouble, int64_t wall_offset_ns,
		       struct flow_record *record);

#define FLOW_TROUBLES_HELD 16384u /* flows that tell of trouble, at a time, by default; 5 MB */

/* What the packets of one delta tell of the flow they belong to. */
void flow_trouble_tcp(struct flow_table *table, uint32_t number, const struct flow_tcp *tcp);

/* Adds `news` to `sum`, counts and samples. */
void flow_trouble_add_tcp(struct flow_trouble *sum, const struct flow_tcp *news);

#endif
