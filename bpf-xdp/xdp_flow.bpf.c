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

/* 1: the packet was plain, and sighting->packet holds it. */
__weak int xdp_parse_plain(struct xdp_md *context, struct sighting *sighting)
{
	return sighting && packet_parse_plain((const void *)(long)context->data,
					      (const void *)(long)context->data_end, &flow_rules,
					      &sighting->packet);
}

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

/* The outer packet of a tunnel, to be entered beside the inner one. */
__weak int xdp_parse_carrier(struct xdp_md *context, struct sighting *sighting)
{
	if (!sighting)
		return 0;
	sighting_parse(sighting, (const void *)(long)context->data,
		       (const void *)(long)context->data_end, PACKET_LINK_ETHERNET, 0);
	sighting_set_carrier(sighting);
	return 0;
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
	struct flow_ledger *ledger = flow_this_ledger();

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

FLOW_INLINE __u32 xdp_length(struct xdp_md *context)
{
	return cfg_xdp_frags ? (__u32)bpf_xdp_get_buff_len(context)
			     : (__u32)(context->data_end - context->data);
}

struct xdp_plain {
	struct xdp_md *xdp;
	__u32 length;
};

FLOW_INLINE enum flow_plain xdp_plain_tell(void *context, struct flow_plain_frame *frame)
{
	const struct xdp_plain *plain = context;
	__u32 ifindex = plain->xdp->ingress_ifindex;

	frame->length = plain->length;
	frame->vlan = 0;
	frame->segments = 1;
	frame->point = FLOW_POINT(ifindex, FLOW_HOOK_XDP_INGRESS);
	return flow_plain_device(flow_device(ifindex), FLOW_DEVICE_COUNT_INGRESS);
}

/* The length is asked for first: a call leaves nothing in registers. */
FLOW_INLINE enum flow_plain xdp_plain(struct xdp_md *context, struct flow_cpu *cpu)
{
	struct xdp_plain plain = { context, xdp_length(context) };
	struct flow_plain_packet packet = {
		.data = (const void *)(long)context->data,
		.end = (const void *)(long)context->data_end,
		.context = &plain,
		.tell = xdp_plain_tell,
	};
	const struct flow_hot *made;

	return flow_plain(cpu, &packet, &made);
}

/* As tc_end() of tc_flow.bpf.c. */
FLOW_INLINE int xdp_end(struct xdp_md *context, int watched)
{
	if (cfg_tcp_watch && watched)
		bpf_tail_call(context, &xdp_watchers, 0);
	return XDP_PASS;
}

/* Of a packet that was plain. */
FLOW_INLINE void xdp_plain_dns(struct xdp_md *context, struct sighting *sighting)
{
	sighting_set_link(sighting, (const void *)(long)context->data,
			  (const void *)(long)context->data_end, PACKET_LINK_ETHERNET);
	sighting->ifindex = context->ingress_ifindex;
	sighting->hook = FLOW_HOOK_XDP_INGRESS;
	sighting->length = xdp_length(context);
	xdp_dns(context, sighting);
}

/* What the hook knows of the packet before a byte is parsed. */
FLOW_INLINE void xdp_begin(struct xdp_md *context, __u32 filter, struct sighting *sighting)
{
	sighting->filter = filter;
	sighting->cgroups = 0; /* there is no socket yet */
	sighting->length = xdp_length(context);
	sighting->segments = 1;
	sighting->ifindex = context->ingress_ifindex;
	sighting->vlan = 0;
	sighting->hook = FLOW_HOOK_XDP_INGRESS;
	sighting->pulled = 0;
}

/* As tc_sight() and tc_enter() of tc_flow.bpf.c. */
__weak int xdp_sight(struct xdp_md *context, struct sighting *sighting, __u32 filter, int plain)
{
	struct flow_device device = flow_device(context->ingress_ifindex);
	const void *data = (const void *)(long)context->data;
	const void *end = (const void *)(long)context->data_end;

	if (!sighting)
		return 0;
	if (!flow_lock()) {
		if (device.role & FLOW_DEVICE_COUNT_INGRESS)
			flow_refuse(1);
		return 0;
	}
	xdp_begin(context, filter, sighting);
	sighting_set_device(sighting, device, FLOW_DEVICE_COUNT_INGRESS);
	sighting->link = PACKET_LINK_ETHERNET;
	sighting->excluded = plain == FLOW_PLAIN_EXCLUDED;
	sighting->hashed = plain == FLOW_PLAIN_READ;
	if (plain == FLOW_PLAIN_READ ||
	    (plain != FLOW_PLAIN_OTHER && xdp_parse_plain(context, sighting)))
		sighting_take_plain(sighting, data, end);
	else if (unlikely(sighting_parse(sighting, data, end, PACKET_LINK_ETHERNET, &flow_rules)))
		sighting->status = xdp_parse_rest(context, &sighting->packet);
	return 1;
}

__weak int xdp_enter(struct xdp_md *context, struct sighting *sighting)
{
	int watched;

	if (!sighting)
		return 0;
	if (unlikely(flow_account(sighting)))
		xdp_show(context, sighting);
	if (unlikely(sighting->packet.dns) && sighting->counts && !sighting->excluded)
		xdp_dns(context, sighting);
	if (unlikely(sighting->packet.flags & FLOW_FLAG_TUNNEL) && flow_rules.both &&
	    !sighting->excluded) {
		xdp_parse_carrier(context, sighting);
		flow_account(sighting);
	}
	watched = cfg_tcp_watch && sighting_is_watched(sighting);
	flow_unlock();
	return watched;
}

/* The long way; `plain`: what is known of the packet. */
FLOW_INLINE int xdp_long(struct xdp_md *context, struct flow_cpu *cpu, __u32 filter, int plain)
{
	struct sighting *sighting = &flow_scratch(cpu)->sighting;

	return xdp_end(context,
		       xdp_sight(context, sighting, filter, plain) && xdp_enter(context, sighting));
}

/* The short way where it will do; no rule is asked of the packet. */
FLOW_INLINE int xdp_short(struct xdp_md *context, struct flow_cpu *cpu, __u32 filter)
{
	int plain = xdp_plain(context, cpu);

	if (unlikely(plain < FLOW_PLAIN_DONE))
		return xdp_long(context, cpu, filter, plain);
	if (unlikely(plain == FLOW_PLAIN_DNS))
		xdp_plain_dns(context, &flow_scratch(cpu)->sighting);
	return xdp_end(context, 1);
}

/* Returns only where no program is in the slot. */
FLOW_INLINE void xdp_ask_pcap(struct xdp_md *context)
{
	__u32 link = !!(flow_device(context->ingress_ifindex).role & FLOW_DEVICE_L3);

	bpf_tail_call(context, &xdp_pcap_filters, FLOW_PCAP_SLOT(0, link));
}

/* 1: outside the scope; there is no socket yet, so the device decides. */
FLOW_INLINE int xdp_leave(struct xdp_md *context)
{
	struct flow_device device = flow_device(context->ingress_ifindex);

	if (flow_scope_has_device(device))
		return 0;
	if (device.role & FLOW_DEVICE_COUNT_INGRESS)
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
	struct flow_cpu *cpu = flow_this_cpu();
	__u32 filter = flow_filter_read_state();

	if (unlikely(!cpu))
		return XDP_PASS;
	if (unlikely(filter & (FLOW_FILTER_FIRST | FLOW_FILTER_ON))) {
		if (xdp_ask_first(context, filter))
			return XDP_PASS;
		if (filter & FLOW_FILTER_ON)
			return xdp_long(context, cpu, filter, FLOW_PLAIN_NOT);
	}
	return xdp_short(context, cpu, filter);
}

/* What a pcap filter jumps to; loaded when there is one. */
SEC("?xdp")
int xdp_ingress_accepted(struct xdp_md *context)
{
	struct flow_cpu *cpu = flow_this_cpu();
	__u32 filter = flow_filter_read_state();

	if (unlikely(!cpu))
		return XDP_PASS;
	return filter & FLOW_FILTER_ON ? xdp_long(context, cpu, filter, FLOW_PLAIN_NOT)
				       : xdp_short(context, cpu, filter);
}

SEC("?xdp")
int xdp_ingress_excluded(struct xdp_md *context)
{
	struct flow_cpu *cpu = flow_this_cpu();

	return likely(cpu) ? xdp_long(context, cpu, 0, FLOW_PLAIN_EXCLUDED) : XDP_PASS;
}
