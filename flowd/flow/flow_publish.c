/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_publish.h"

#include "flowd/flow/flow_trouble.h"

static void record_points(const struct flow_publisher *publisher, const struct flow_path *path,
			  struct flow_record *record)
{
	uint8_t count = 0;

	while (count < FLOW_POINTS && path->points[count]) {
		struct flow_point *point = &record->points[count];

		point->ifindex = FLOW_POINT_IFINDEX(path->points[count]);
		point->hook = (uint8_t)FLOW_POINT_HOOK(path->points[count]);
		point->direction = (uint8_t)flow_hook_direction(point->hook);
		if (publisher->ifname && point->ifindex)
			point->interface =
				publisher->ifname(publisher->ifname_context, point->ifindex);
		count++;
	}
	record->point_count = count;
	record->direction = record->points[0].direction;
}

static void record_path(const struct flow_publisher *publisher, const struct flow_path *path,
			struct flow_record *record)
{
	record_points(publisher, path, record);
	record->sampling = path->sampling;
	memcpy(record->eth_src, path->eth_src, sizeof(record->eth_src));
	memcpy(record->eth_dst, path->eth_dst, sizeof(record->eth_dst));
	memcpy(record->vlan, path->vlan, sizeof(record->vlan));
	record->quoted = path->quoted;
	record->flags &= (uint16_t) ~(FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE);
	record->flags |= (uint16_t)path->extra;
}

static uint64_t wall_time(const struct flow_publisher *publisher, uint64_t time_ns)
{
	return time_ns + (uint64_t)publisher->wall_offset_ns;
}

static uint64_t publish_time(struct flow_publisher *publisher, const struct flow *flow,
			     uint64_t now_ns)
{
	if (publisher->time_ns < now_ns)
		publisher->time_ns = now_ns;
	if (publisher->time_ns < flow->last_ns)
		publisher->time_ns = flow->last_ns;
	return wall_time(publisher, publisher->time_ns);
}

/* Not those that only slow down or lead elsewhere: path MTU, source quench, redirect. */
static bool error_fails(bool ipv6, uint8_t type, uint8_t code)
{
	if (ipv6)
		return type == 1 || type == 3 || type == 4;
	return (type == 3 && code != 4) || type == 11 || type == 12;
}

static void record_error(const struct flow_note *note, struct flow_record *record)
{
	const struct flow_icmp_error *error = &note->error;
	bool news = error->packets != note->errors_told || record->kind == FLOW_KIND_END;

	record->icmp_error = *error;
	if (news && error_fails(record->key.scope & FLOW_SCOPE_IPV6, error->type, error->code))
		record->verdict = FLOW_VERDICT_ERROR;
}

static void record_note(struct flow_note *note, struct flow_record *record)
{
	record->certain_packets = note->certain_packets;
	record->certain_bytes = note->certain_bytes;
	record->total_certain_packets = note->told_packets + note->certain_packets;
	record->total_certain_bytes = note->told_bytes + note->certain_bytes;
	if (note->error.packets)
		record_error(note, record);
	note->told_packets += note->certain_packets;
	note->told_bytes += note->certain_bytes;
	note->certain_packets = note->certain_bytes = 0;
	note->errors_told = note->error.packets;
}

static void flow_told(struct flow_publisher *publisher, struct flow *flow)
{
	publisher->records++;
	if (!(flow->key.scope & FLOW_SCOPE_CARRIER)) {
		publisher->packets += flow->packets;
		publisher->bytes += flow->bytes;
	}
	flow->told_packets += flow->packets;
	flow->told_bytes += flow->bytes;
	flow->packets = flow->bytes = flow->l3_bytes = 0;
}

void flow_publish(struct flow_publisher *publisher, const struct flow_news *news, uint64_t now_ns)
{
	struct flow *flow = news->flow;
	struct flow_record record = {
		.flow_id = flow->id,
		.time_ns = publish_time(publisher, flow, now_ns),
		.first_ns = wall_time(publisher, flow->first_ns),
		.last_ns = wall_time(publisher, flow->last_ns),
		.key = flow->key,
		.packets = flow->packets,
		.bytes = flow->bytes,
		.l3_bytes = flow->l3_bytes,
		.total_packets = flow->told_packets + flow->packets,
		.total_bytes = flow->told_bytes + flow->bytes,
		.flags = flow->flags,
		.kind = (uint8_t)news->kind,
		.verdict = FLOW_VERDICT_FORWARDED,
		.end_reason = (uint8_t)news->reason,
		.reply = flow->reply,
		.node_name = publisher->node_name,
	};

	record_path(publisher, news->path, &record);
	if (news->note)
		record_note(news->note, &record);
	if (news->note && news->note->trouble)
		flow_trouble_tell(news->note->trouble, publisher->wall_offset_ns, &record);
	if (news->handshake_ns)
		record.tcp.handshake_ns = news->handshake_ns;
	flow_told(publisher, flow);
	publisher->emit(publisher->context, &record);
}
