/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_sampled.h"

struct flow_note *flow_sampled_note(struct flow_table *table, struct flow *flow)
{
	struct flow_note *note = flow->noted ? flow_notes_find(&table->notes, flow->id)
					     : flow_notes_add(&table->notes, flow->id);

	if (!note || flow->noted)
		return note;
	flow->noted = 1;
	if (flow->flags & FLOW_FLAG_SAMPLED)
		return note;
	note->certain_packets = flow->packets;
	note->certain_bytes = flow->bytes;
	note->told_packets = flow->told_packets;
	note->told_bytes = flow->told_bytes;
	return note;
}

void flow_sampled_count(struct flow_table *table, struct flow *flow, const struct flow_delta *delta)
{
	bool sampled = delta->flags & FLOW_FLAG_SAMPLED;
	struct flow_note *note = flow_sampled_note(table, flow);

	if (!note)
		return;
	note->certain_packets += sampled ? delta->certain_packets : delta->packets;
	note->certain_bytes += sampled ? delta->certain_bytes : delta->bytes;
}
