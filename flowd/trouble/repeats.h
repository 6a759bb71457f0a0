/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drops that repeat: the first of a flow, reason and place is told at once, what follows within the
 * interval as one record with its count. Bounded; what finds no room is told at once. Pure.
 */
#ifndef TROUBLE_REPEATS_H
#define TROUBLE_REPEATS_H

#include "proto/flow_record.h"

struct repeats;
typedef void (*repeats_fn)(void *context, const struct flow_record *record);
/* 0 or -ENOMEM. */
int repeats_open(struct repeats **out, repeats_fn tell, void *context);
/* Accepts NULL. */
void repeats_close(struct repeats *repeats);
/* One event with one reason in drops[0]. */
void repeats_take(struct repeats *repeats, const struct flow_record *record);
/* Once an interval: tells what has come together. `time_ns`: of the records. */
void repeats_flush(struct repeats *repeats, uint64_t time_ns);

#endif
