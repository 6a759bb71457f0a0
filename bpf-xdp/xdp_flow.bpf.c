/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP: ingress of physical cards whose driver has it, before the kernel has made a buffer of the
 * packet. The verdict is XDP_PASS, always. A VLAN tag that the card has stripped is not visible
 * here.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/flow_account.bpf.h"

/* The rare rest of a packet, as a function of its own (packet_parse.h tells why). */
__weak int xdp_parse_rest(struct xdp_md *context, struct packet *packet)
{
	if (!packet)
		return PACKET_L3_TRUNCATED;
	return packet_parse_rest((const void *)(long)context->data,
				 (const void *)(long)context->data_end, packet);
}

SEC("xdp")
int xdp_ingress(struct xdp_md *context)
{
	__u32 role = flow_device_role(context->ingress_ifindex);
	const void *data = (const void *)(long)context->data;
	const void *end = (const void *)(long)context->data_end;
	struct sighting sighting;

	if (unlikely(sighting_parse(&sighting, data, end, PACKET_LINK_ETHERNET)))
		sighting.status = xdp_parse_rest(context, &sighting.packet);
	sighting.length =
		cfg_xdp_frags ? (__u32)bpf_xdp_get_buff_len(context) : (__u32)(end - data);
	sighting.segments = 1;
	sighting.ifindex = context->ingress_ifindex;
	sighting.vlan = 0;
	sighting.hook = FLOW_HOOK_XDP_INGRESS;
	sighting.counts = !!(role & FLOW_DEVICE_COUNT_INGRESS);
	sighting.known = !!(role & FLOW_DEVICE_KNOWN);
	sighting.pulled = 0;
	flow_account(&sighting);
	return XDP_PASS;
}
