/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines are written into room for the longest one, so that no step checks bounds: every part has a
 * fixed bound, and names from outside are cut (NAME_MAX_BYTES, NODE_MAX_BYTES). The keys inside
 * extensions are in sorted order; tests hold both.
 */
#include "proto/json.h"

#include <stdio.h>

#include "proto/address.h"
#include "proto/json_members.h"
#include "proto/protocol.h"
#include "proto/summary.h"
#include "proto/tcp_flags.h"

#define NAME_MAX_BYTES 384  /* kernel: 15 bytes, each at most 6 as JSON */
#define NODE_MAX_BYTES 1536 /* Linux: 64 bytes; DNS: 253 */

static const char *const direction_names[] = { "TRAFFIC_DIRECTION_UNKNOWN", "INGRESS", "EGRESS" };
#define VERDICT_NAME(name, value) [value] = #name,
static const char *const verdict_names[] = { FLOW_VERDICTS(VERDICT_NAME) };
#define KIND_NAME(name, text) text,
static const char *const kind_names[] = { FLOW_KINDS(KIND_NAME) };
#define END_NAME(name, text) text,
static const char *const end_names[] = { FLOW_END_REASONS(END_NAME) };
#define HOOK_NAME(name, value, text) [value] = text,
static const char *const hook_names[] = { FLOW_HOOKS(HOOK_NAME) };

static char *put_ethernet(char *out, const struct flow_record *record)
{
	static const uint8_t none[6];

	if (memcmp(record->eth_src, none, 6) == 0 && memcmp(record->eth_dst, none, 6) == 0)
		return out;
	out = json_literal(out, "\"ethernet\":{\"source\":\"");
	out = mac_write(out, record->eth_src);
	out = json_literal(out, "\",\"destination\":\"");
	out = mac_write(out, record->eth_dst);
	return json_literal(out, "\"},");
}

static char *put_ports(char *out, const struct flow_key *key)
{
	if (key->src_port)
		out = put_number(out, "source_port", key->src_port);
	if (key->dst_port)
		out = put_number(out, "destination_port", key->dst_port);
	return out;
}

static char *put_type_code(char *out, const struct flow_key *key)
{
	if (key->src_port)
		out = put_number(out, "type", key->src_port);
	if (key->dst_port)
		out = put_number(out, "code", key->dst_port);
	return out;
}

static char *put_flags(char *out, uint16_t flags)
{
	if (!(flags & FLOW_TCP_MASK))
		return out;
	out = json_literal(out, "\"flags\":{");
#define PUT_FLAG(name)               \
	if (flags & FLOW_TCP_##name) \
		out = json_literal(out, "\"" #name "\":true,");
	TCP_FLAGS_MESSAGE(PUT_FLAG)
	out = close_object(out, '}');
	return json_literal(out, ",");
}

static char *put_l4(char *out, const struct flow_record *record)
{
	const struct flow_key *key = &record->key;

	if (!protocol_is_layer4(key->protocol))
		return out;
	out = json_literal(out, "\"l4\":{\"");
	out = json_word(out, protocol_name(key->protocol));
	out = json_literal(out, "\":{");
	if (protocol_is_icmp(key->protocol))
		out = put_type_code(out, key);
	else
		out = put_ports(out, key);
	if (key->protocol == PROTOCOL_TCP)
		out = put_flags(out, record->flags);
	out = close_object(out, '}');
	return json_literal(out, "},");
}

static char *put_node(char *out, const char *node_name)
{
	if (!node_name || !*node_name)
		return out;
	out = json_literal(out, "\"node_name\":");
	out = json_string(out, node_name, NODE_MAX_BYTES);
	return json_literal(out, ",");
}

static char *put_event(char *out, const struct flow_record *record)
{
	int type, sub_type;

	flow_record_type(record, &type, &sub_type);
	out = json_literal(out, "\"event_type\":{");
	out = put_number(out, "type", (unsigned)type);
	if (sub_type)
		out = put_number(out, "sub_type", (unsigned)sub_type);
	out = close_object(out, '}');
	out = json_literal(out, ",");
	if (record->direction != FLOW_DIRECTION_UNKNOWN)
		out = put_word(out, "traffic_direction",
			       NAME_OF(direction_names, record->direction));
	if (sub_type)
		out = record->direction == FLOW_DIRECTION_EGRESS
			      ? json_literal(out, "\"trace_observation_point\":\"TO_NETWORK\",")
			      : json_literal(out, "\"trace_observation_point\":\"FROM_NETWORK\",");
	return out;
}

static char *put_reply(char *out, uint8_t reply)
{
	if (reply == FLOW_REPLY_UNKNOWN)
		return out;
	return reply == FLOW_REPLY_YES ? json_literal(out, "\"is_reply\":true,")
				       : json_literal(out, "\"is_reply\":false,");
}

static char *put_name(char *out, const char *name)
{
	if (!name || !*name)
		return out;
	out = json_string(out, name, NAME_MAX_BYTES);
	return json_literal(out, ",");
}

static char *put_interface(char *out, const struct flow_record *record)
{
	const struct flow_point *point = &record->points[0];

	if (!record->point_count || (!point->ifindex && !point->interface))
		return out;
	out = json_literal(out, "\"interface\":{");
	if (point->ifindex)
		out = put_number(out, "index", point->ifindex);
	if (point->interface && *point->interface)
		out = put_name(json_literal(out, "\"name\":"), point->interface);
	out = close_object(out, '}');
	return json_literal(out, ",");
}

static char *put_summary(char *out, const struct flow_record *record)
{
	char text[SUMMARY_MAX + 1];

	if (!record->dns) { /* nothing of it needs an escape */
		out = summary_write(json_literal(out, "\"Summary\":\""), record);
		return json_literal(out, "\",");
	}
	*summary_write(text, record) = '\0';
	out = json_string(json_literal(out, "\"Summary\":"), text, SUMMARY_MAX / 2);
	return json_literal(out, ",");
}

/* ---- extensions ----------------------------------------------------------------------------- */

static char *put_point(char *out, const struct flow_point *point)
{
	*out++ = '{';
	if (point->direction != FLOW_DIRECTION_UNKNOWN)
		out = put_word(out, "direction", NAME_OF(direction_names, point->direction));
	out = put_word(out, "hook", NAME_OF(hook_names, point->hook));
	if (point->interface && *point->interface)
		out = put_name(json_literal(out, "\"interface\":"), point->interface);
	out = close_object(out, '}');
	return json_literal(out, ",");
}

static char *put_observed(char *out, const struct flow_record *record)
{
	if (!record->point_count)
		return out;
	out = json_literal(out, "\"observed\":[");
	for (unsigned i = 0; i < record->point_count && i < FLOW_POINTS; i++)
		out = put_point(out, &record->points[i]);
	out = close_object(out, ']');
	return json_literal(out, ",");
}

static char *put_vlan(char *out, const struct flow_record *record)
{
	if (!(record->vlan[0] & FLOW_VLAN_PRESENT))
		return out;
	out = json_literal(out, "\"vlan\":[");
	for (int i = 0; i < 2 && record->vlan[i] & FLOW_VLAN_PRESENT; i++) {
		out = json_u64(out, record->vlan[i] & FLOW_VLAN_ID);
		*out++ = ',';
	}
	out = close_object(out, ']');
	return json_literal(out, ",");
}

static char *put_counts(char *out, const struct flow_record *record)
{
	out = put_count(out, "total_bytes", record->total_bytes);
	return put_count(out, "total_packets", record->total_packets);
}

/* Of an event on a flow, which counts nothing. */
static char *put_event_facts(char *out, const struct flow_record *record)
{
	out = json_cgroup(out, record);
	out = json_end_facts(out, record, FLOW_DESTINATION);
	out = json_dns(out, record);
	out = json_identity(out, record);
	out = put_word(out, "kind", NAME_OF(kind_names, record->kind));
	out = json_netns(out, record);
	out = put_observed(out, record);
	out = put_number(out, "protocol", record->key.protocol);
	out = json_socket(out, record);
	return json_end_facts(out, record, FLOW_SOURCE);
}

static char *put_facts(char *out, const struct flow_record *record)
{
	out = put_count(out, "bytes", record->bytes);
	if (record->key.scope & FLOW_SCOPE_CARRIER)
		out = json_literal(out, "\"carrier\":true,");
	out = json_certain(out, record);
	out = json_cgroup(out, record);
	out = json_end_facts(out, record, FLOW_DESTINATION);
	out = json_drops(out, record);
	if (record->end_reason != FLOW_END_NONE)
		out = put_word(out, "end_reason", NAME_OF(end_names, record->end_reason));
	out = json_estimated(out, record);
	out = put_time(out, "first_seen", record->first_ns);
	if (record->flow_id)
		out = put_count(out, "flow_id", record->flow_id);
	if (record->flags & FLOW_FLAG_FRAGMENT)
		out = json_literal(out, "\"fragment\":true,");
	if (record->flags & FLOW_FLAG_ORPHAN)
		out = json_literal(out, "\"fragment_orphan\":true,");
	out = json_icmp(out, record);
	out = json_icmp_error(out, record);
	out = json_identity(out, record);
	out = put_word(out, "kind", NAME_OF(kind_names, record->kind));
	out = put_count(out, "l3_bytes", record->l3_bytes);
	out = put_time(out, "last_seen", record->last_ns);
	out = json_netns(out, record);
	out = put_observed(out, record);
	out = put_count(out, "packets", record->packets);
	out = put_number(out, "protocol", record->key.protocol);
	if (record->sampling > 1)
		out = put_number(out, "sampling", record->sampling);
	out = json_socket(out, record);
	out = json_end_facts(out, record, FLOW_SOURCE);
	out = json_tcp(out, record);
	out = put_counts(out, record);
	if (record->flags & FLOW_FLAG_L4_SHORT)
		out = json_literal(out, "\"truncated\":true,");
	out = json_tunnel(out, record);
	return put_vlan(out, record);
}

static char *put_extensions(char *out, const struct flow_record *record)
{
	out = json_literal(out, "\"extensions\":{\"@type\":"
				"\"type.googleapis.com/google.protobuf.Struct\",\"value\":{");
	out = record->kind == FLOW_KIND_DNS ? put_event_facts(out, record) : put_facts(out, record);
	out = close_object(out, '}');
	return json_literal(out, "},");
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* `line` has room for JSON_LINE_MAX. */
static char *write_flow(char *out, const struct flow_record *record, const char *uuid)
{
	out = json_literal(out, "{\"flow\":{");
	if (uuid)
		out = put_word(out, "uuid", uuid);
	out = put_time(out, "time", record->time_ns);
	if (record->verdict != FLOW_VERDICT_VERDICT_UNKNOWN)
		out = put_word(out, "verdict", NAME_OF(verdict_names, record->verdict));
	out = put_ethernet(out, record);
	out = json_ip_xlated(out, record);
	out = put_l4(out, record);
	out = json_hubble_tunnel(out, record);
	out = json_endpoint(out, "source", &record->ends[FLOW_SOURCE]);
	out = json_endpoint(out, "destination", &record->ends[FLOW_DESTINATION]);
	out = record->dns ? json_literal(out, "\"Type\":\"L7\",")
			  : json_literal(out, "\"Type\":\"L3_L4\",");
	out = put_node(out, record->node_name);
	out = json_names(out, record);
	out = json_l7(out, record);
	out = json_service(out, "source", &record->ends[FLOW_SOURCE]);
	out = json_service(out, "destination", &record->ends[FLOW_DESTINATION]);
	out = put_event(out, record);
	out = put_reply(out, record->reply);
	out = put_interface(out, record);
	out = json_hubble_socket(out, record);
	out = put_summary(out, record);
	out = put_extensions(out, record);
	out = close_object(out, '}');
	out = json_literal(out, ",");
	out = put_node(out, record->node_name);
	out = put_time(out, "time", record->time_ns);
	return close_object(out, '}');
}

/* Hubble's enum LostEventSource; a source that it does not list lost its events in some queue. */
static const char *loss_source(const char *source)
{
	if (source && strcmp(source, "ring_buffer") == 0)
		return "PERF_EVENT_RING_BUFFER";
	if (source && strcmp(source, "history") == 0)
		return "HUBBLE_RING_BUFFER";
	return "OBSERVER_EVENTS_QUEUE";
}

static char *write_loss(char *out, const struct flow_loss *loss)
{
	uint64_t time = loss->last_ns ? loss->last_ns : loss->first_ns;

	out = json_literal(out, "{\"lost_events\":{");
	out = put_word(out, "source", loss_source(loss->source));
	if (loss->records)
		out = put_count(out, "num_events_lost", loss->records);
	if (loss->first_ns)
		out = put_time(out, "first", loss->first_ns);
	if (loss->last_ns)
		out = put_time(out, "last", loss->last_ns);
	out = close_object(out, '}');
	out = json_literal(out, ",");
	out = put_node(out, loss->node_name);
	if (time)
		out = put_time(out, "time", time);
	return close_object(out, '}');
}

/* What was written into `room`, as snprintf would hand it out; `room` may be `line` itself. */
static int finish(char *room, const char *end, char *line, size_t size)
{
	size_t length = (size_t)(end - room);
	size_t fits = length < size ? length : size ? size - 1 : 0;

	if (room != line && fits)
		memcpy(line, room, fits);
	if (size)
		line[fits] = '\0';
	return (int)length;
}

int json_format_flow(const struct flow_record *record, char *line, size_t size)
{
	return json_format_flow_as(record, NULL, line, size);
}

int json_format_flow_as(const struct flow_record *record, const char *uuid, char *line, size_t size)
{
	char room[JSON_LINE_MAX];
	char *start = size >= JSON_LINE_MAX ? line : room;

	return finish(start, write_flow(start, record, uuid), line, size);
}

int json_format_loss(const struct flow_loss *loss, char *line, size_t size)
{
	char room[JSON_LINE_MAX];
	char *start = size >= JSON_LINE_MAX ? line : room;

	return finish(start, write_loss(start, loss), line, size);
}
