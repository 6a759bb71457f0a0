/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One record between struct flow_record and message Flow. */
#include <errno.h>
#include <string.h>

#include "proto/address.h"
#include "proto/codec_parts.h"
#include "proto/json.h"
#include "proto/protocol.h"
#include "proto/tcp_flags.h"

#define NS_PER_S ((uint64_t)1000000000)

/* Generated names are lower case. */
#define flag_FIN fin
#define flag_SYN syn
#define flag_RST rst
#define flag_PSH psh
#define flag_ACK ack
#define flag_URG urg
#define flag_ECE ece
#define flag_CWR cwr
#define flag_NS	 ns

/* ---- record to message ---------------------------------------------------------------------- */

static void image_flags(Flowd__TCPFlags *message, uint16_t flags)
{
	flowd__tcpflags__init(message);
#define SET_FLAG(name) message->flag_##name = (flags & FLOW_TCP_##name) != 0;
	TCP_FLAGS_MESSAGE(SET_FLAG)
}

static void image_tcp(struct flow_image *image, const struct flow_record *record)
{
	flowd__tcp__init(&image->tcp);
	image->tcp.source_port = record->key.src_port;
	image->tcp.destination_port = record->key.dst_port;
	if (record->flags & FLOW_TCP_MASK) {
		image_flags(&image->tcp_flags, record->flags);
		image->tcp.flags = &image->tcp_flags;
	}
	image->l4.protocol_case = FLOWD__LAYER4__PROTOCOL_TCP;
	image->l4.tcp = &image->tcp;
}

static void image_udp(struct flow_image *image, const struct flow_key *key)
{
	flowd__udp__init(&image->udp);
	image->udp.source_port = key->src_port;
	image->udp.destination_port = key->dst_port;
	image->l4.protocol_case = FLOWD__LAYER4__PROTOCOL_UDP;
	image->l4.udp = &image->udp;
}

static void image_sctp(struct flow_image *image, const struct flow_key *key)
{
	flowd__sctp__init(&image->sctp);
	image->sctp.source_port = key->src_port;
	image->sctp.destination_port = key->dst_port;
	image->l4.protocol_case = FLOWD__LAYER4__PROTOCOL_SCTP;
	image->l4.sctp = &image->sctp;
}

static void image_icmpv4(struct flow_image *image, const struct flow_key *key)
{
	flowd__icmpv4__init(&image->icmpv4);
	image->icmpv4.type = key->src_port;
	image->icmpv4.code = key->dst_port;
	image->l4.protocol_case = FLOWD__LAYER4__PROTOCOL_ICMPV4;
	image->l4.icmpv4 = &image->icmpv4;
}

static void image_icmpv6(struct flow_image *image, const struct flow_key *key)
{
	flowd__icmpv6__init(&image->icmpv6);
	image->icmpv6.type = key->src_port;
	image->icmpv6.code = key->dst_port;
	image->l4.protocol_case = FLOWD__LAYER4__PROTOCOL_ICMPV6;
	image->l4.icmpv6 = &image->icmpv6;
}

static void image_l4(struct flow_image *image, const struct flow_record *record)
{
	const struct flow_key *key = &record->key;

	flowd__layer4__init(&image->l4);
	switch (key->protocol) {
	case PROTOCOL_TCP:
		image_tcp(image, record);
		break;
	case PROTOCOL_UDP:
		image_udp(image, key);
		break;
	case PROTOCOL_SCTP:
		image_sctp(image, key);
		break;
	case PROTOCOL_ICMP:
		image_icmpv4(image, key);
		break;
	case PROTOCOL_ICMPV6:
		image_icmpv6(image, key);
		break;
	default:
		image->flow.source_port = key->src_port;
		image->flow.destination_port = key->dst_port;
		return;
	}
	image->flow.l4 = &image->l4;
}

void codec_ip_image(Flowd__IP *ip, char text[2][46], const uint8_t src[16], const uint8_t dst[16],
		    bool ipv6)
{
	flowd__ip__init(ip);
	address_write(text[0], src, !ipv6);
	address_write(text[1], dst, !ipv6);
	ip->source = text[0];
	ip->destination = text[1];
	ip->ipversion = ipv6 ? FLOWD__IPVERSION__IPv6 : FLOWD__IPVERSION__IPv4;
}

static void image_addresses(struct flow_image *image, const struct flow_key *key)
{
	codec_ip_image(&image->ip, image->address, key->src, key->dst,
		       key->scope & FLOW_SCOPE_IPV6);
	image->flow.ip = &image->ip;
	image->flow.scope = key->scope & ~FLOW_SCOPE_IPV6;
}

static void image_ethernet(struct flow_image *image, const struct flow_record *record)
{
	static const uint8_t none[6];

	if (memcmp(record->eth_src, none, 6) == 0 && memcmp(record->eth_dst, none, 6) == 0)
		return;
	flowd__ethernet__init(&image->ethernet);
	mac_write(image->mac[0], record->eth_src);
	mac_write(image->mac[1], record->eth_dst);
	image->ethernet.source = image->mac[0];
	image->ethernet.destination = image->mac[1];
	image->flow.ethernet = &image->ethernet;
}

static unsigned point_count(const struct flow_record *record)
{
	return record->point_count < FLOW_POINTS ? record->point_count : FLOW_POINTS;
}

static void image_points(struct flow_image *image, const struct flow_record *record)
{
	unsigned count = point_count(record);

	for (unsigned i = 0; i < count; i++) {
		const struct flow_point *point = &record->points[i];
		flowd__point__init(&image->points[i]);
		image->points[i].ifindex = point->ifindex;
		image->points[i].hook = point->hook;
		image->points[i].direction = (Flowd__TrafficDirection)point->direction;
		image->points[i].interface = codec_string(point->interface);
		image->point_list[i] = &image->points[i];
	}
	image->flow.n_points = count;
	image->flow.points = image->point_list;
	if (!count)
		return;
	flowd__network_interface__init(&image->interface);
	image->interface.index = record->points[0].ifindex;
	image->interface.name = codec_string(record->points[0].interface);
	image->flow.interface = &image->interface;
}

static void image_hubble(struct flow_image *image, const struct flow_record *record)
{
	Flowd__Flow *flow = &image->flow;
	int type, sub_type;

	flowd__timestamp__init(&image->time);
	image->time.seconds = (int64_t)(record->time_ns / NS_PER_S);
	image->time.nanos = (int32_t)(record->time_ns % NS_PER_S);
	flow->time = &image->time;
	flow->verdict = (Flowd__Verdict)record->verdict;
	flow->type = record->dns ? FLOWD__FLOW_TYPE__L7 : FLOWD__FLOW_TYPE__L3_L4;
	flow->node_name = codec_string(record->node_name);
	flow_record_type(record, &type, &sub_type);
	flowd__event_type__init(&image->event_type);
	image->event_type.type = type;
	image->event_type.sub_type = sub_type;
	flow->event_type = &image->event_type;
	flow->traffic_direction = (Flowd__TrafficDirection)record->direction;
	if (record->reply == FLOW_REPLY_UNKNOWN)
		return;
	flowd__bool_value__init(&image->is_reply);
	image->is_reply.value = record->reply == FLOW_REPLY_YES;
	flow->is_reply = &image->is_reply;
}

static void image_counts(struct flow_image *image, const struct flow_record *record)
{
	Flowd__Flow *flow = &image->flow;

	flow->position = record->position;
	flow->flow_id = record->flow_id;
	flow->kind = record->kind;
	flow->end_reason = record->end_reason;
	flow->protocol = record->key.protocol;
	flow->icmp_id = record->key.icmp_id;
	flow->flags = record->flags;
	flow->packets = record->packets;
	flow->bytes = record->bytes;
	flow->l3_bytes = record->l3_bytes;
	flow->total_packets = record->total_packets;
	flow->total_bytes = record->total_bytes;
	flow->first_seen_ns = record->first_ns;
	flow->last_seen_ns = record->last_ns;
	flow->sampling = record->sampling;
	image->vlan[0] = record->vlan[0];
	image->vlan[1] = record->vlan[1];
	flow->vlan = image->vlan;
	flow->n_vlan = record->vlan[1] ? 2 : record->vlan[0] ? 1 : 0;
}

void codec_flow_image(struct flow_image *image, const struct flow_record *record)
{
	flowd__flow__init(&image->flow);
	image_hubble(image, record);
	image_ethernet(image, record);
	image_addresses(image, &record->key);
	image_l4(image, record);
	image_points(image, record);
	image_counts(image, record);
	codec_extra_image(image, record);
	codec_trouble_image(image, record);
	codec_identity_image(image, record);
	codec_dns_image(image, record);
}

/* ---- message to record ---------------------------------------------------------------------- */

int codec_narrow(uint64_t value, uint64_t max, const char *name, const struct reason *reason)
{
	if (value <= max)
		return 0;
	return reason_set(reason, -EBADMSG, "flow: %s %llu is above %llu", name,
			  (unsigned long long)value, (unsigned long long)max);
}

static int read_time(const Flowd__Flow *flow, struct flow_record *record,
		     const struct reason *reason)
{
	const Flowd__Timestamp *time = flow->time;

	if (!time)
		return reason_set(reason, -EBADMSG, "flow: no time");
	if (time->seconds < 0 || (uint64_t)time->seconds > UINT64_MAX / NS_PER_S - 1 ||
	    time->nanos < 0 || time->nanos >= (int32_t)NS_PER_S)
		return reason_set(reason, -EBADMSG, "flow: time out of range");
	record->time_ns = (uint64_t)time->seconds * NS_PER_S + (uint64_t)time->nanos;
	return 0;
}

int codec_ip_read(const Flowd__IP *ip, uint8_t src[16], uint8_t dst[16], int *version,
		  const struct reason *reason)
{
	int source, destination;

	if (!ip ||
	    (ip->ipversion != FLOWD__IPVERSION__IPv4 && ip->ipversion != FLOWD__IPVERSION__IPv6))
		return reason_set(reason, -EBADMSG, "flow: no IP version");
	*version = ip->ipversion == FLOWD__IPVERSION__IPv6 ? 6 : 4;
	if (address_parse(ip->source, src, &source) ||
	    address_parse(ip->destination, dst, &destination) || source != *version ||
	    destination != *version)
		return reason_set(reason, -EBADMSG, "flow: \"%.50s\", \"%.50s\" are no IPv%d pair",
				  ip->source, ip->destination, *version);
	return 0;
}

static int read_addresses(const Flowd__Flow *flow, struct flow_key *key,
			  const struct reason *reason)
{
	int version;

	if (codec_ip_read(flow->ip, key->src, key->dst, &version, reason) ||
	    codec_narrow(flow->scope, UINT8_MAX, "scope", reason))
		return -EBADMSG;
	key->scope = (uint8_t)(flow->scope | (version == 6 ? FLOW_SCOPE_IPV6 : 0));
	return 0;
}

struct port_pair {
	uint32_t source, destination;
	int protocol; /* -1: any but those l4 can say */
};

static struct port_pair l4_ports(const Flowd__Flow *flow)
{
	const Flowd__Layer4 *l4 = flow->l4;
	struct port_pair none = { flow->source_port, flow->destination_port, -1 };

	if (!l4)
		return none;
#define L4_PAIR(part, number)                                             \
	(struct port_pair)                                                \
	{                                                                 \
		l4->part->source_port, l4->part->destination_port, number \
	}
#define L4_ICMP(part, number)                          \
	(struct port_pair)                             \
	{                                              \
		l4->part->type, l4->part->code, number \
	}
	switch (l4->protocol_case) {
	case FLOWD__LAYER4__PROTOCOL_TCP:
		return L4_PAIR(tcp, PROTOCOL_TCP);
	case FLOWD__LAYER4__PROTOCOL_UDP:
		return L4_PAIR(udp, PROTOCOL_UDP);
	case FLOWD__LAYER4__PROTOCOL_SCTP:
		return L4_PAIR(sctp, PROTOCOL_SCTP);
	case FLOWD__LAYER4__PROTOCOL_ICMPV4:
		return L4_ICMP(icmpv4, PROTOCOL_ICMP);
	case FLOWD__LAYER4__PROTOCOL_ICMPV6:
		return L4_ICMP(icmpv6, PROTOCOL_ICMPV6);
	case FLOWD__LAYER4__PROTOCOL__NOT_SET:
	default:
		return none;
	}
}

static int read_l4(const Flowd__Flow *flow, struct flow_key *key, const struct reason *reason)
{
	struct port_pair ports = l4_ports(flow);

	if (codec_narrow(flow->protocol, UINT8_MAX, "protocol", reason) ||
	    codec_narrow(flow->icmp_id, UINT16_MAX, "icmp_id", reason) ||
	    codec_narrow(ports.source, UINT16_MAX, "source port", reason) ||
	    codec_narrow(ports.destination, UINT16_MAX, "destination port", reason))
		return -EBADMSG;
	if (ports.protocol >= 0 && (uint32_t)ports.protocol != flow->protocol)
		return reason_set(reason, -EBADMSG, "flow: l4 is of protocol %d, not %u",
				  ports.protocol, flow->protocol);
	key->protocol = (uint8_t)flow->protocol;
	key->icmp_id = (uint16_t)flow->icmp_id;
	key->src_port = (uint16_t)ports.source;
	key->dst_port = (uint16_t)ports.destination;
	return 0;
}

static int read_ethernet(const Flowd__Flow *flow, struct flow_record *record,
			 const struct reason *reason)
{
	const Flowd__Ethernet *ethernet = flow->ethernet;

	if (!ethernet)
		return 0;
	if (mac_parse(ethernet->source, record->eth_src) ||
	    mac_parse(ethernet->destination, record->eth_dst))
		return reason_set(reason, -EBADMSG, "flow: bad link-layer address");
	return 0;
}

static int read_points(const Flowd__Flow *flow, struct flow_record *record,
		       const struct reason *reason)
{
	if (codec_narrow(flow->n_points, FLOW_POINTS, "number of points", reason) ||
	    codec_narrow(flow->n_vlan, 2, "number of VLAN tags", reason))
		return -EBADMSG;
	for (size_t i = 0; i < flow->n_points; i++) {
		const Flowd__Point *point = flow->points[i];
		if (codec_narrow(point->hook, FLOW_HOOK_DROP, "hook", reason) ||
		    codec_narrow((uint32_t)point->direction, FLOW_DIRECTION_EGRESS, "direction",
				 reason))
			return -EBADMSG;
		record->points[i] =
			(struct flow_point){ .ifindex = point->ifindex,
					     .hook = (uint8_t)point->hook,
					     .direction = (uint8_t)point->direction,
					     .interface = codec_text(point->interface) };
	}
	for (size_t i = 0; i < flow->n_vlan; i++) {
		if (codec_narrow(flow->vlan[i], FLOW_VLAN_PRESENT | FLOW_VLAN_ID, "VLAN tag",
				 reason))
			return -EBADMSG;
		record->vlan[i] = (uint16_t)flow->vlan[i];
	}
	record->point_count = (uint8_t)flow->n_points;
	return 0;
}

static int read_enums(const Flowd__Flow *flow, struct flow_record *record,
		      const struct reason *reason)
{
	if (codec_narrow((uint32_t)flow->verdict, FLOW_VERDICT_TRANSLATED, "verdict", reason) ||
	    codec_narrow(flow->kind, FLOW_KIND_COUNT - 1, "kind", reason) ||
	    codec_narrow(flow->end_reason, FLOW_END_COUNT - 1, "end_reason", reason) ||
	    codec_narrow((uint32_t)flow->traffic_direction, FLOW_DIRECTION_EGRESS,
			 "traffic_direction", reason) ||
	    codec_narrow(flow->flags, UINT16_MAX, "flags", reason))
		return -EBADMSG;
	record->verdict = (uint8_t)flow->verdict;
	record->kind = (uint8_t)flow->kind;
	record->end_reason = (uint8_t)flow->end_reason;
	record->direction = (uint8_t)flow->traffic_direction;
	record->flags = (uint16_t)flow->flags;
	if (flow->is_reply)
		record->reply = flow->is_reply->value ? FLOW_REPLY_YES : FLOW_REPLY_NO;
	return 0;
}

static void read_counts(const Flowd__Flow *flow, struct flow_record *record)
{
	record->position = flow->position;
	record->flow_id = flow->flow_id;
	record->packets = flow->packets;
	record->bytes = flow->bytes;
	record->l3_bytes = flow->l3_bytes;
	record->total_packets = flow->total_packets;
	record->total_bytes = flow->total_bytes;
	record->first_ns = flow->first_seen_ns;
	record->last_ns = flow->last_seen_ns;
	record->sampling = flow->sampling;
	record->node_name = codec_text(flow->node_name);
}

int codec_flow_read(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
		    const struct reason *reason)
{
	*record = (struct flow_record){ 0 };
	if (read_time(flow, record, reason) || read_addresses(flow, &record->key, reason) ||
	    read_l4(flow, &record->key, reason) || read_ethernet(flow, record, reason) ||
	    read_enums(flow, record, reason) || read_points(flow, record, reason) ||
	    codec_extra_read(flow, record, reason) || codec_trouble_read(flow, record, reason) ||
	    codec_identity_read(flow, record, arena, reason))
		return -EBADMSG;
	read_counts(flow, record);
	return codec_dns_read(flow, record, arena, reason);
}
