/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP: ingress of physical cards whose driver has it, before the kernel has made a buffer of the
 * packet. The verdict is XDP_PASS, always. A VLAN tag that the card has stripped is not visible
 * here.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/flow_dns.bpf.h"
#include "bpf-common/flow_plain.bpf.h"
#include "bpf-common/flow_scope.bpf.h"

/* One header more, as a function of its own (packet_parse.h tells why). */
__weak int xdp_parse_step(struct xdp_md *context, struct packet *packet)
{
	struct flow_extra *extra = flow_scratch_extra();

	if (!packet || !extra)
		return PACKET_ENCAP_TRUNCATED;
	return packet_parse_step((const void *)(long)context->data,
				 (const void *)(long)context->data_end, &flow_rules, packet, extra);
}

__weak int xdp_parse_rest(struct xdp_md *context, struct packet *packet)
{
	int status = PACKET_MORE;

	if (!packet)
		return PACKET_ENCAP_TRUNCATED;
	for (int step = 0; step < PACKET_STEPS_MAX; step++) {
		status = xdp_parse_step(context, packet);
		if (status != PACKET_MORE)
			return status;
	}
	return packet_give_up(packet);
}

/* The outer flow of a tunnel, beside the inner one. */
__weak int xdp_account_carrier(struct xdp_md *context, struct sighting *sighting)
{
	if (!sighting)
		return 0;
	sighting_parse(sighting, (const void *)(long)context->data,
		       (const void *)(long)context->data_end, PACKET_LINK_ETHERNET, 0);
	sighting_set_carrier(sighting);
	return flow_account(sighting);
}

FLOW_INLINE long xdp_load(void *context, __u32 offset, void *to, __u32 size)
{
	return bpf_xdp_load_bytes(context, offset, to, size);
}

__weak int xdp_dns_piece(struct xdp_md *context, struct sighting *sighting,
			 struct flow_dns_rest *rest)
{
	return sighting && rest && cfg_xdp_frags ? flow_dns_piece(context, sighting, rest, xdp_load)
						 : 0;
}

/* The helper that reads came with the one that cfg_xdp_frags tells of (Linux 5.18). */
FLOW_INLINE void xdp_dns_lost(void)
{
	struct flow_ledger *ledger = flow_ledger_of(bpf_get_smp_processor_id());

	if (ledger)
		ledger->dns_lost_events++;
}

/* The payload of a packet of a DNS port; a segment is never longer than a few pages here. */
__weak int xdp_dns(struct xdp_md *context, struct sighting *sighting)
{
	struct flow_dns_rest rest;
	__u8 seq[4];

	if (!sighting)
		return 0;
	if (!cfg_xdp_frags) {
		xdp_dns_lost();
		return 0;
	}
	flow_dns_begin(sighting, sighting->length, &rest);
	if (!flow_dns_has_news(sighting, &rest))
		return 0;
	if (sighting->packet.key.protocol == IPPROTO_TCP &&
	    !bpf_xdp_load_bytes(context, sighting->packet.l4_offset + 4, seq, sizeof(seq)))
		rest.tcp_seq = packet_u32(seq);
	for (int piece = 0; piece < FLOW_DNS_PIECES; piece++) {
		xdp_dns_piece(context, sighting, &rest);
		if (!rest.at_hand || sighting->packet.key.protocol != IPPROTO_TCP)
			break;
	}
	return 0;
}

__weak int xdp_show(struct xdp_md *context, struct sighting *sighting)
{
	if (sighting)
		flow_show(sighting, (const void *)(long)context->data,
			  (const void *)(long)context->data_end);
	return 0;
}

/* Not inlined: its stack is not needed by what follows. */
static __attribute__((noinline)) int xdp_plain(struct xdp_md *context, __u32 length,
					       const struct flow_device *device,
					       struct sighting *sighting)
{
	const struct flow_plain_size size = { .length = length, .segments = 1 };

	if (!flow_plain_device(device, FLOW_DEVICE_COUNT_INGRESS))
		return FLOW_PLAIN_NOT;
	return flow_plain((const void *)(long)context->data, (const void *)(long)context->data_end,
			  &size, sighting);
}

/* As tc_end() of tc_flow.bpf.c. */
FLOW_INLINE int xdp_end(struct xdp_md *context, int watched)
{
	if (cfg_tcp_watch && watched)
		bpf_tail_call(context, &xdp_watchers, 0);
	return XDP_PASS;
}

FLOW_INLINE int xdp_sight(struct xdp_md *context, __u32 filter, __u32 excluded)
{
	const struct flow_device *device = flow_device(context->ingress_ifindex);
	const void *data = (const void *)(long)context->data;
	const void *end = (const void *)(long)context->data_end;
	__u32 length = cfg_xdp_frags ? (__u32)bpf_xdp_get_buff_len(context) : (__u32)(end - data);
	int plain = FLOW_PLAIN_NOT;
	struct sighting sighting;

	if (likely(!(filter & FLOW_FILTER_ON) && !excluded))
		plain = xdp_plain(context, length, device, &sighting);
	if (likely(plain == FLOW_PLAIN_DONE))
		return xdp_end(context, 1);
	sighting_set_device(&sighting, device, FLOW_DEVICE_COUNT_INGRESS);
	sighting.filter = filter;
	sighting.cgroups = 0; /* there is no socket yet */
	sighting.excluded = excluded;
	sighting.hashed = plain == FLOW_PLAIN_READ;
	if (likely(plain == FLOW_PLAIN_READ))
		sighting_take_plain(&sighting, data, end);
	else if (unlikely(sighting_parse(&sighting, data, end, PACKET_LINK_ETHERNET, &flow_rules)))
		sighting.status = xdp_parse_rest(context, &sighting.packet);
	sighting.length = length;
	sighting.segments = 1;
	sighting.ifindex = context->ingress_ifindex;
	sighting.vlan = 0;
	sighting.hook = FLOW_HOOK_XDP_INGRESS;
	sighting.pulled = 0;
	if (unlikely(flow_account(&sighting)))
		xdp_show(context, &sighting);
	if (unlikely(sighting.packet.dns) && sighting.counts && !sighting.excluded)
		xdp_dns(context, &sighting);
	if (unlikely(sighting.packet.flags & FLOW_FLAG_TUNNEL) && flow_rules.both &&
	    !sighting.excluded)
		xdp_account_carrier(context, &sighting);
	return xdp_end(context, cfg_tcp_watch && sighting_is_watched(&sighting));
}

/* Returns only where no program is in the slot. */
FLOW_INLINE void xdp_ask_pcap(struct xdp_md *context)
{
	const struct flow_device *device = flow_device(context->ingress_ifindex);
	__u32 link = device && (device->role & FLOW_DEVICE_L3);

	bpf_tail_call(context, &xdp_pcap_filters, FLOW_PCAP_SLOT(0, link));
}

/* 1: outside the scope; there is no socket yet, so the device decides. */
FLOW_INLINE int xdp_leave(struct xdp_md *context)
{
	const struct flow_device *device = flow_device(context->ingress_ifindex);

	if (flow_scope_has_device(device))
		return 0;
	if (device && (device->role & FLOW_DEVICE_COUNT_INGRESS))
		flow_scope_turn_away(1, (__u32)(context->data_end - context->data));
	return 1;
}

/* Scope and pcap filter. 1: the packet is left alone. */
FLOW_INLINE int xdp_ask_first(struct xdp_md *context, __u32 filter)
{
	if ((filter & FLOW_FILTER_SCOPE) && xdp_leave(context))
		return 1;
	if (filter & FLOW_FILTER_PCAP)
		xdp_ask_pcap(context);
	return 0;
}

SEC("xdp")
int xdp_ingress(struct xdp_md *context)
{
	__u32 filter = flow_filter_read_state();

	if (unlikely(filter & FLOW_FILTER_FIRST) && xdp_ask_first(context, filter))
		return XDP_PASS;
	return xdp_sight(context, filter, 0);
}

/* What a pcap filter jumps to; loaded when there is one. */
SEC("?xdp")
int xdp_ingress_accepted(struct xdp_md *context)
{
	return xdp_sight(context, flow_filter_read_state(), 0);
}

SEC("?xdp")
int xdp_ingress_excluded(struct xdp_md *context)
{
	return xdp_sight(context, 0, 1);
}
