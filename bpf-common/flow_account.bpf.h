/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every hook does with a packet once it knows its bytes: decide by the device's role whether
 * this point counts or only observes, parse, enter the packet in the ledger, and add it to its
 * flow. A hook file is context to struct sighting, one call, verdict.
 */
#ifndef FLOW_ACCOUNT_BPF_H
#define FLOW_ACCOUNT_BPF_H

#include "bpf-common/flow_table.bpf.h"
#include "bpf-common/packet_parse.h"

/* One packet at one hook: what the hook hands to flow_account(). */
struct sighting {
	struct packet packet;
	__u32 status;	/* enum packet_status */
	__u32 length;	/* with the link header; a GSO packet counts as one here */
	__u32 segments; /* packets on the wire that it stands for, at least 1 */
	__u32 ifindex;
	__u32 eth[3]; /* destination and source link address as in the packet; zeros without */
	__u16 vlan;  /* a tag that the card or the stack took off: id | FLOW_VLAN_PRESENT, else 0 */
	__u8 hook;   /* enum flow_hook */
	__u8 counts; /* this point counts the packet; else it observes */
	__u32 pulled; /* 1: its headers had to be made linear */
};

/* The device's role, 0 when user space has not told. */
FLOW_INLINE __u32 flow_device_role(__u32 ifindex)
{
	__u32 slot = ifindex % FLOW_DEVICE_SLOTS;
	struct flow_device *device = bpf_map_lookup_elem(&device_slots, &slot);

	if (device && device->ifindex == ifindex)
		return device->role;
	device = bpf_map_lookup_elem(&device_extra, &ifindex);
	return device ? device->role : 0;
}

FLOW_INLINE struct flow_ledger *flow_ledger_of(__u32 cpu)
{
	struct flow_ledger_slot *slot = bpf_map_lookup_elem(&flow_ledgers, &cpu);

	return slot ? &slot->ledger : 0;
}

/* The bytes at hand into the sighting. Returns 1 when packet_parse_rest() has to go on. */
FLOW_INLINE int sighting_parse(struct sighting *sighting, const void *data, const void *end,
			       enum packet_link link)
{
	const __u32 *words = data;

	sighting->eth[0] = sighting->eth[1] = sighting->eth[2] = 0;
	if (link == PACKET_LINK_ETHERNET && data + 12 <= end) {
		sighting->eth[0] = words[0];
		sighting->eth[1] = words[1];
		sighting->eth[2] = words[2];
	}
	sighting->status = packet_parse_first(data, end, link, &sighting->packet);
	return sighting->status == PACKET_MORE;
}

/* Bytes on the wire: each further segment of a GSO packet has its own copy of the headers. */
FLOW_INLINE __u32 flow_wire_bytes(const struct sighting *sighting)
{
	__u32 tag = sighting->vlan ? 4 : 0;
	__u32 bytes = sighting->length + tag;

	if (sighting->segments > 1)
		bytes += (sighting->segments - 1) * (sighting->packet.payload_offset + tag);
	return bytes;
}

/* The share of `bytes` that is not IP. Where the header does not say its length, all behind the
 * link is. */
FLOW_INLINE __u32 flow_l2_bytes(const struct sighting *sighting, __u32 bytes)
{
	const struct packet *packet = &sighting->packet;
	__u32 l2 = packet->l3_offset + (sighting->vlan ? 4 : 0);

	if (sighting->segments > 1)
		return l2 * sighting->segments;
	if (packet->l3_bytes && packet->l3_bytes < bytes)
		return bytes - packet->l3_bytes;
	return l2;
}

FLOW_INLINE void flow_count_status(struct flow_ledger *ledger, __u32 status, __u32 packets,
				   __u32 bytes)
{
	if (status >= PACKET_STATUS_COUNT)
		return;
	ledger->status_packets[status] += packets;
	ledger->status_bytes[status] += bytes;
}

/* A packet that parsed: into the table. */
FLOW_INLINE void flow_add(struct flow_ledger *ledger, __u32 cpu, const struct sighting *sighting,
			  __u32 bytes)
{
	const struct packet *packet = &sighting->packet;
	struct flow_update update;

	update.key = &packet->key;
	update.ledger = ledger;
	update.eth = sighting->eth;
	update.cpu = cpu;
	update.point = FLOW_POINT(sighting->ifindex, sighting->hook);
	update.packets = sighting->counts ? sighting->segments : 0;
	update.bytes = sighting->counts ? bytes : 0;
	update.l2_bytes = sighting->counts ? flow_l2_bytes(sighting, bytes) : 0;
	update.flags = packet->flags;
	update.vlan[0] = sighting->vlan ? sighting->vlan : packet->vlan[0];
	update.vlan[1] = sighting->vlan ? packet->vlan[0] : packet->vlan[1];
	flow_table_add(&update);
}

/* With the ledger in hand, and the table ours. */
FLOW_INLINE void flow_enter(struct flow_ledger *ledger, __u32 cpu, const struct sighting *sighting)
{
	__u32 bytes = flow_wire_bytes(sighting);

	ledger->pulled_packets += sighting->pulled;
	if (sighting->counts) {
		ledger->seen_packets += sighting->segments;
		ledger->seen_bytes += bytes;
		if (sighting->status != PACKET_OK)
			flow_count_status(ledger, sighting->status, sighting->segments, bytes);
	} else {
		ledger->observed_packets += sighting->segments;
	}
	if (sighting->status == PACKET_OK)
		flow_add(ledger, cpu, sighting, bytes);
}

/*
 * Enters one packet. A function of its own for the verifier, which so checks parser and table one
 * after the other instead of the table once for each way through the parser. On PREEMPT_RT a task
 * can be preempted in here by another that gets here on the same CPU: the second one's packet is
 * refused and counted.
 */
__weak int flow_account(struct sighting *sighting)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct flow_ledger *ledger = flow_ledger_of(cpu);

	if (!sighting || !ledger)
		return 0;
	if (cfg_guard && __sync_lock_test_and_set(&ledger->busy, 1)) {
		if (sighting->counts)
			__sync_fetch_and_add(&ledger->reentered_packets, sighting->segments);
		return 0;
	}
	flow_enter(ledger, cpu, sighting);
	if (cfg_guard)
		*(volatile __u64 *)&ledger->busy = 0;
	return 0;
}

#endif
