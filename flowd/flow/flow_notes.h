/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes: what only few flows have and struct flow has no room for. Found by the flow's id, which
 * is never used again. Takes memory as notes come; bounded by the number of flows.
 */
#ifndef FLOW_FLOW_NOTES_H
#define FLOW_FLOW_NOTES_H

#include <stdint.h>

#include "proto/flow_record.h"

/* What went wrong, as flow_trouble.h adds it up. */
struct flow_trouble {
	struct flow_drop drops[FLOW_DROP_REASONS];
	uint64_t dropped, dropped_told;
	struct flow_tcp tcp; /* without averages */
	uint64_t srtt_sum_us, srtt_samples;
	uint8_t news; /* since the last record: worth one without packets */
	uint8_t pad[7];
};

struct flow_note {
	uint64_t flow_id;
	uint64_t certain_packets, certain_bytes; /* since the last record */
	uint64_t told_packets, told_bytes;	 /* certain ones, in records so far */
	struct flow_icmp_error error;
	uint32_t errors_told;	      /* error.packets at the last record */
	struct flow_trouble *trouble; /* owned; NULL: none */
	uint32_t next;		      /* in its bucket, or next free one; 0 ends */
};

struct flow_notes {
	struct flow_note *notes; /* [0] is not used */
	uint32_t *buckets;
	uint32_t capacity, high, free, mask, max;
};

void flow_notes_init(struct flow_notes *notes, uint32_t max);
void flow_notes_fini(struct flow_notes *notes);
/* The note, until the next flow_notes_add(), or NULL. */
struct flow_note *flow_notes_find(const struct flow_notes *notes, uint64_t flow_id);
/* A zeroed one for a flow that has none. NULL: full, or no memory. */
struct flow_note *flow_notes_add(struct flow_notes *notes, uint64_t flow_id);
/* There must be one; its trouble is freed. */
void flow_notes_drop(struct flow_notes *notes, uint64_t flow_id);

#endif
