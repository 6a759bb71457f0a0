/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_dns.h"

#include <string.h>

int capture_dns_open(struct dns **out, const char *node_name,
		     void (*emit)(void *context, const struct flow_record *record), void *context)
{
	struct dns_options options = DNS_OPTIONS_DEFAULT;
	int error;

	options.emit = emit;
	options.context = context;
	error = dns_open(out, &options);
	if (!error)
		dns_set_names(*out, NULL, NULL, node_name);
	return error;
}

/* Where the payload ends by the IP header; by the frame, where that does not say. */
static uint32_t payload_end(const struct capture_frame *frame, uint32_t original)
{
	const struct packet *packet = &frame->packet;

	if (packet->l3_bytes)
		return packet->l3_offset + packet->l3_bytes;
	return original > frame->link_bytes ? original - frame->link_bytes : 0;
}

static uint32_t tcp_seq(const struct capture_frame *frame, const uint8_t *start)
{
	const uint8_t *seq = start + frame->packet.l4_offset + 4;

	return seq + 4 <= frame->end ? packet_u32(seq) : 0;
}

void capture_dns_take(struct dns *dns, const struct capture_frame *frame, uint32_t original,
		      uint64_t time_ns)
{
	const struct packet *packet = &frame->packet;
	const uint8_t *start = frame->data + frame->link_bytes;
	const uint8_t *payload = start + packet->payload_offset;
	uint32_t end = payload_end(frame, original);
	struct dns_packet seen = {
		.key = packet->key,
		.time_ns = time_ns,
		.data = payload,
		.length = end > packet->payload_offset ? end - packet->payload_offset : 0,
		.fragment_id = packet->fragment_id,
		.fragment_at = packet->fragment_at,
		.flags = packet->flags,
		.point = FLOW_POINT(frame->ifindex, FLOW_HOOK_CAPTURE),
	};

	if (payload < frame->end)
		seen.captured = (uint32_t)(frame->end - payload);
	if (seen.captured > seen.length)
		seen.captured = seen.length;
	if (packet->key.protocol == IPPROTO_TCP)
		seen.tcp_seq = tcp_seq(frame, start);
	memcpy(seen.eth_src, frame->eth_src, sizeof(seen.eth_src));
	if (seen.length || (seen.flags & (FLOW_TCP_SYN | FLOW_TCP_FIN | FLOW_TCP_RST)))
		dns_take(dns, &seen);
}
