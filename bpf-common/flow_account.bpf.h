/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every hook does with a packet once it knows its bytes: decide by the device's role whether
 * this point counts or only observes, parse, enter the packet in the ledger, and add it to its
 * flow. A hook file is context to struct sighting, one call, verdict.
 */
#ifndef FLOW_ACCOUNT_BPF_H
#define FLOW_ACCOUNT_BPF_H

#include "bpf-common/flow_filter.bpf.h"
#include "bpf-common/flow_fragment.bpf.h"
#include "bpf-common/flow_malformed.bpf.h"
#include "bpf-common/flow_sampling.bpf.h"
#include "bpf-common/flow_table.bpf.h"

/* Zeros where user space has not told of it. */
FLOW_INLINE struct flow_device flow_device(__u32 ifindex)
{
	const __u64 *slots = (const __u64 *)device_slots;
	const struct flow_device *other;
	union {
		__u64 word;
		struct flow_device device;
	} slot = { .word = *(const volatile __u64 *)&slots[ifindex % FLOW_DEVICE_SLOTS] };

	if (likely(slot.device.ifindex == ifindex))
		return slot.device;
	other = bpf_map_lookup_elem(&device_extra, &ifindex);
	slot.word = other ? *(const volatile __u64 *)other : 0;
	return slot.device;
}

FLOW_INLINE void flow_count_status(struct flow_ledger *ledger, __u32 status, __u32 packets,
				   __u32 bytes)
{
	PACKET_OPAQUE(status); /* joined with a test before it, the verifier of 6.1 cannot follow */
	if (status >= PACKET_STATUS_COUNT)
		return;
	ledger->status_packets[status] += packets;
	ledger->status_bytes[status] += bytes;
}

FLOW_INLINE void flow_count_note(struct flow_ledger *ledger, __u32 note, __u32 packets)
{
	PACKET_OPAQUE(note);
	if (note < PACKET_NOTE_COUNT)
		ledger->note_packets[note] += packets;
}

/* The ledger's sums; a carrier is in them as the packet that it carries. */
FLOW_INLINE void flow_enter_sums(struct flow_ledger *ledger, const struct sighting *sighting,
				 __u32 bytes)
{
	if (unlikely(sighting->carrier)) {
		if (sighting->counts)
			ledger->carrier_packets += sighting->segments;
	} else if (likely(sighting->counts)) {
		ledger->seen_packets += sighting->segments;
		ledger->seen_bytes += bytes;
	} else {
		ledger->observed_packets += sighting->segments;
		if (unlikely(!sighting->known))
			ledger->unknown_device_packets += sighting->segments;
	}
}

/* Nothing is known of a packet that was not understood but what the pcap filter said. */
FLOW_INLINE int flow_is_excluded(struct sighting *sighting)
{
	if (unlikely(sighting->filter & FLOW_FILTER_ON) && sighting->status == PACKET_OK)
		sighting->excluded |= !flow_filter(&sighting->packet.key, sighting->ifindex,
						   sighting->filter, sighting->cgroups);
	return sighting->excluded;
}

/* Counted, but in no flow. */
FLOW_INLINE void flow_turn_away(struct flow_ledger *ledger, const struct sighting *sighting,
				__u32 bytes)
{
	if (!sighting->counts)
		return;
	if (sighting->excluded) {
		ledger->filtered_packets += sighting->segments;
		ledger->filtered_bytes += bytes;
	} else {
		flow_count_status(ledger, sighting->status, sighting->segments, bytes);
	}
}

/* See enum sighting_carry. */
static __attribute__((noinline)) int flow_carry(struct flow_ledger *ledger,
						struct sighting *sighting)
{
	__u64 carried = flow_hash(&sighting->packet.key) | 1ull << 32;

	if (sighting->carry != CARRY_WRAPPED) {
		ledger->carried = sighting->carry == CARRY_COUNTED ? carried : 0;
	} else if ((sighting->packet.flags & FLOW_FLAG_TUNNEL) && ledger->carried == carried) {
		sighting->counts = 0;
		sighting->carry = CARRY_SAME;
	}
	return 0;
}

/* With the ledger in hand, and the table ours. 1: a sample of the packet is wanted. */
FLOW_INLINE int flow_enter(struct flow_cpu *cpu, struct sighting *sighting)
{
	struct flow_ledger *ledger = &cpu->ledger;
	__u32 bytes = sighting_bytes(sighting);
	int show = 0;

	if (unlikely(sighting->packet.fragment) && sighting->status == PACKET_OK)
		flow_join_fragment(ledger, &sighting->packet);
	if (unlikely(sighting->carry) && sighting->status == PACKET_OK)
		flow_carry(ledger, sighting);
	flow_enter_sums(ledger, sighting, bytes);
	if (unlikely(sighting->pulled))
		ledger->pulled_packets++;
	if (unlikely(flow_is_excluded(sighting)) || unlikely(sighting->status != PACKET_OK)) {
		flow_turn_away(ledger, sighting, bytes);
		return sighting->counts && !sighting->excluded &&
		       flow_wants_status(sighting->status);
	}
	if (unlikely(sighting->packet.note) && sighting->counts) {
		flow_count_note(ledger, sighting->packet.note, sighting->segments);
		show = flow_wants_note(sighting->packet.note);
	}
	if (unlikely(sighting->sampling > 1) && sighting->counts)
		flow_sample(ledger, sighting);
	flow_table_add(cpu, sighting, bytes);
	return show;
}

/*
 * Enters one packet. A function of its own for the verifier, which so checks parser and table one
 * after the other instead of the table once for each way through the parser. 1: flow_show() it.
 */
__weak int flow_account(struct sighting *sighting)
{
	struct flow_cpu *cpu = flow_this_cpu();

	return sighting && cpu ? flow_enter(cpu, sighting) : 0;
}

FLOW_INLINE void flow_show(const struct sighting *sighting, const void *data, const void *end)
{
	struct flow_ledger *ledger = flow_this_ledger();

	if (ledger)
		flow_send_malformed(ledger, sighting, data, end);
}

#endif
