/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a record borrows and only few records have, for whoever keeps records: copied in one piece.
 */
#ifndef PROTO_RECORD_PARTS_H
#define PROTO_RECORD_PARTS_H

#include <stddef.h>

#include "proto/flow_record.h"

/* Bytes of them all, a multiple of 8; 0: it has none. */
size_t record_parts_size(const struct flow_record *record);
/* Copies them to `room` (that many bytes, aligned for any type), where the record then finds them.
 */
void record_parts_move(struct flow_record *record, void *room);
/* For want of memory: as little of them as keeps the record whole. */
void record_parts_drop(struct flow_record *record);

#endif
