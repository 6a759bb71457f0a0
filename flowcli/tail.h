/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last N records of a source that cannot look back, with their texts. */
#ifndef FLOWCLI_TAIL_H
#define FLOWCLI_TAIL_H

#include <stdint.h>

#include "flowd/flow/flow_table.h"
#include "proto/flow_record.h"

struct tail;

/* Memory grows with what is kept, to `limit` records. 0 or -ENOMEM. */
int tail_open(struct tail **out, uint64_t limit);
void tail_close(struct tail *tail);
/* 0 or -ENOMEM: the record is not kept. */
int tail_add(struct tail *tail, const struct flow_record *record);
/* Oldest first. */
void tail_each(const struct tail *tail, flow_record_fn visit, void *context);

#endif
