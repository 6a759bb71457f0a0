/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an entry of the flow table to the record that is handed out: names, wall clock, direction,
 * totals. Keeps the emitted times monotonic and the emitted counts exact.
 */
#ifndef FLOW_FLOW_PUBLISH_H
#define FLOW_FLOW_PUBLISH_H

#include "flowd/flow/flow_notes.h"
#include "flowd/flow/flow_path.h"
#include "flowd/flow/flow_pool.h"
#include "flowd/flow/flow_table.h"

struct flow_publisher {
	flow_record_fn emit;
	void *context;
	flow_ifname_fn ifname;
	void *ifname_context;
	const char *node_name;
	int64_t wall_offset_ns;
	uint64_t time_ns; /* of the last record */
	uint64_t records, packets, bytes;
};

struct flow_news {
	struct flow *flow;
	const struct flow_path *path;
	struct flow_note *note; /* NULL: it has none */
	uint64_t handshake_ns;	/* 0: not known */
	enum flow_kind kind;
	enum flow_end_reason reason;
};

/* Hands out what is new in the flow and in its note as one record and counts it as told. */
void flow_publish(struct flow_publisher *publisher, const struct flow_news *news, uint64_t now_ns);

#endif
