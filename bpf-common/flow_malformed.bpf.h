/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of packets that were not understood, for the daemon's log while it is at level debug.
 * Never asked about by a packet that is understood.
 */
#ifndef FLOW_MALFORMED_BPF_H
#define FLOW_MALFORMED_BPF_H

#include "bpf-common/flow_table.bpf.h"

FLOW_INLINE int flow_wants_status(__u32 status)
{
	return flow_show_malformed && FLOW_MALFORMED_STATUSES >> (status & 31) & 1;
}

FLOW_INLINE int flow_wants_note(__u32 note)
{
	return flow_show_malformed && FLOW_MALFORMED_NOTES >> (note & 31) & 1;
}

FLOW_INLINE __u32 flow_malformed_outcome(const struct sighting *sighting)
{
	__u32 outcome = sighting->status;

	if (outcome == PACKET_OK)
		outcome = PACKET_STATUS_COUNT + sighting->packet.note;
	PACKET_OPAQUE(outcome);
	return outcome;
}

/* One a second and CPU for each outcome. */
FLOW_INLINE int flow_malformed_has_turn(__u32 outcome)
{
	__u32 zero = 0, now = (__u32)bpf_jiffies64();
	struct flow_malformed_turns *turns = bpf_map_lookup_elem(&flow_malformed_turns, &zero);

	if (!turns || outcome >= PACKET_STATUS_COUNT + PACKET_NOTE_COUNT)
		return 0;
	if (turns->jiffies[outcome] && now - turns->jiffies[outcome] < cfg_hz)
		return 0;
	turns->jiffies[outcome] = now;
	return 1;
}

FLOW_INLINE void flow_fill_malformed(struct flow_ledger *ledger, const struct sighting *sighting,
				     struct flow_malformed *malformed, __u32 outcome)
{
	malformed->event.type = FLOW_EVENT_FLOW_MALFORMED;
	malformed->event.size = sizeof(*malformed);
	malformed->event.cpu = bpf_get_smp_processor_id();
	malformed->event.time_ns = bpf_ktime_get_ns();
	malformed->event.seq = ++ledger->events;
	malformed->ifindex = sighting->ifindex;
	malformed->length = sighting->length;
	malformed->outcome = (__u16)outcome;
	malformed->captured = 0;
	malformed->hook = sighting->hook;
	malformed->pad[0] = malformed->pad[1] = malformed->pad[2] = 0;
}

/* data..end: what the hook has at hand. */
FLOW_INLINE void flow_send_malformed(struct flow_ledger *ledger, const struct sighting *sighting,
				     const __u8 *data, const __u8 *end)
{
	__u32 outcome = flow_malformed_outcome(sighting);
	struct flow_malformed *malformed;

	malformed = flow_malformed_has_turn(outcome)
			    ? bpf_ringbuf_reserve(&events, sizeof(*malformed), 0)
			    : 0;
	if (!malformed) {
		ledger->malformed_suppressed++;
		return;
	}
	flow_fill_malformed(ledger, sighting, malformed, outcome);
	for (__u32 i = 0; i < FLOW_MALFORMED_BYTES; i++) {
		if (data + i + 1 > end)
			break;
		malformed->bytes[i] = data[i];
		malformed->captured = (__u16)(i + 1);
	}
	bpf_ringbuf_submit(malformed, flow_ring_flags(ledger->events));
}

#endif
