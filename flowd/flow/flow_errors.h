/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors and the flows they are about: the flow that an error quotes tells of it in its next
 * record.
 */
#ifndef FLOW_FLOW_ERRORS_H
#define FLOW_FLOW_ERRORS_H

#include "flowd/flow/flow_state.h"

/* `delta` has packets and FLOW_FLAG_QUOTE. */
void flow_errors_take(struct flow_table *table, const struct flow_delta *delta);
/* After a drain: looks again for flows that were not known. */
void flow_errors_retry(struct flow_table *table);

#endif
