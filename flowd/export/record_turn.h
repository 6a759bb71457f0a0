/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record as the side that opened the conversation sees it. */
#ifndef EXPORT_RECORD_TURN_H
#define EXPORT_RECORD_TURN_H

#include "proto/flow_record.h"

/*
 * The same record; of a reply, a copy in *room whose ends are swapped, so that the source is who
 * called. Its counts still are the reply's: ask the original which way they went.
 */
const struct flow_record *record_turn(const struct flow_record *record, struct flow_record *room);

#endif
