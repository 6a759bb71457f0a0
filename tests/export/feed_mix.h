/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records beside plain flows, for the feed: events with all their facts, and both directions of
 * conversations. */
#ifndef TESTS_FEED_MIX_H
#define TESTS_FEED_MIX_H

#include "proto/flow_record.h"

/* Of eight records one is a drop, one a DNS answer, one a DNS timeout, and one a flow with TCP
 * trouble between a pod and the world, sampled 1 in 4; they keep time, node and the source's
 * address of `record`.
 */
void feed_mix(struct flow_record *record, uint64_t n);
/* Record 2k + 1 is the reply of record 2k, with ten times its bytes; TCP or UDP. */
void feed_pair(struct flow_record *record, uint64_t n);

#endif
