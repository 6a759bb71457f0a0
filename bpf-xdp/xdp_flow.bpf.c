/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP: ingress of physical cards whose driver has it, before the kernel has made a buffer of the
 * packet. The verdict is XDP_PASS, always. A VLAN tag that the card has stripped is not visible
 * here.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/flow_account.bpf.h"

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
	sighting->status = PACKET_OK;
	sighting->packet.next = PACKET_NEXT_NONE;
	sighting->packet.key.scope |= FLOW_SCOPE_CARRIER;
	sighting->carrier = 1;
	return flow_account(sighting);
}

SEC("xdp")
int xdp_ingress(struct xdp_md *context)
{
	const struct flow_device *device = flow_device(context->ingress_ifindex);
	const void *data = (const void *)(long)context->data;
	const void *end = (const void *)(long)context->data_end;
	struct sighting sighting;

	sighting_set_device(&sighting, device, FLOW_DEVICE_COUNT_INGRESS);
	if (unlikely(sighting_parse(&sighting, data, end, PACKET_LINK_ETHERNET, &flow_rules)))
		sighting.status = xdp_parse_rest(context, &sighting.packet);
	sighting.length =
		cfg_xdp_frags ? (__u32)bpf_xdp_get_buff_len(context) : (__u32)(end - data);
	sighting.segments = 1;
	sighting.ifindex = context->ingress_ifindex;
	sighting.vlan = 0;
	sighting.hook = FLOW_HOOK_XDP_INGRESS;
	sighting.pulled = 0;
	flow_account(&sighting);
	if (unlikely(sighting.packet.flags & FLOW_FLAG_TUNNEL) && flow_rules.both)
		xdp_account_carrier(context, &sighting);
	return XDP_PASS;
}
