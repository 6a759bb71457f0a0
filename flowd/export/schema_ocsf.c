/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Open Cybersecurity Schema Framework 1.2: messages of DNS are of the class DNS Activity (4003),
 * all others of Network Activity (4001). Its source is who opened the connection.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"
#include "proto/dns_words.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum ocsf_activity { OCSF_OPEN = 1, OCSF_CLOSE, OCSF_RESET, OCSF_FAIL, OCSF_REFUSE, OCSF_TRAFFIC };
enum ocsf_dns_activity { OCSF_QUERY = 1, OCSF_RESPONSE };
#define OCSF_NETWORK 4001
#define OCSF_DNS     4003

static enum ocsf_activity activity_of_flow(const struct flow_record *record)
{
	if (record->verdict == FLOW_VERDICT_DROPPED || record->kind == FLOW_KIND_TCP_OVERFLOW)
		return OCSF_REFUSE;
	if (record->kind == FLOW_KIND_TCP_RESET)
		return OCSF_RESET;
	if (record->incident.error)
		return record->incident.error == ECONNREFUSED ? OCSF_REFUSE : OCSF_FAIL;
	if (record->kind == FLOW_KIND_START)
		return OCSF_OPEN;
	if (record->kind == FLOW_KIND_END)
		return record->end_reason == FLOW_END_RST ? OCSF_RESET : OCSF_CLOSE;
	return OCSF_TRAFFIC;
}

static unsigned int class_of(const struct flow_record *record)
{
	return record->dns ? OCSF_DNS : OCSF_NETWORK;
}

static unsigned int activity_of(const struct flow_record *record)
{
	if (!record->dns)
		return activity_of_flow(record);
	return record->dns->event == FLOW_DNS_EVENT_RESPONSE ? OCSF_RESPONSE : OCSF_QUERY;
}

static bool text_class(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", class_of(source->record));
	return true;
}

static bool text_class_name(const struct schema_source *source, char *out)
{
	strcpy(out, source->record->dns ? "DNS Activity" : "Network Activity");
	return true;
}

static bool text_activity(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", activity_of(source->record));
	return true;
}

static bool text_type(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", class_of(source->record) * 100 + activity_of(source->record));
	return true;
}

/* severity_id: 1 Informational, 2 Low. */
static bool text_severity(const struct schema_source *source, char *out)
{
	uint8_t verdict = source->record->verdict;

	strcpy(out, verdict == FLOW_VERDICT_DROPPED || verdict == FLOW_VERDICT_ERROR ? "2" : "1");
	return true;
}

/* status_id: 1 Success, 2 Failure; 0 Unknown is left out. */
static bool text_status(const struct schema_source *source, char *out)
{
	char outcome[SCHEMA_TEXT_MAX];

	schema_text_outcome(source, outcome);
	strcpy(out, *outcome == 's' ? "1" : "2");
	return *outcome != 'u';
}

/* action_id 1 Allowed, 2 Denied; disposition_id 1 Allowed, 2 Blocked. */
static bool text_disposition(const struct schema_source *source, char *out)
{
	uint8_t verdict = source->record->verdict;

	strcpy(out, verdict == FLOW_VERDICT_DROPPED ? "2" : "1");
	return verdict == FLOW_VERDICT_DROPPED || verdict == FLOW_VERDICT_FORWARDED;
}

/* "security_control" brings action, disposition and rule, "host" device and actor. */
static bool text_profiles(const struct schema_source *source, char *out)
{
	(void)source;
	strcpy(out, "[\"host\",\"security_control\",\"container\"]");
	return true;
}

static bool text_answers(const struct schema_source *source, char *out)
{
	return schema_json_dns_answers(source, "rdata", out);
}

/* rcode_id: IANA's number where the schema has it, else 99 Other. */
static bool text_rcode(const struct schema_source *source, char *out)
{
	const struct flow_dns *dns = source->record->dns;
	uint16_t rcode = dns ? dns->rcode : 0;

	sprintf(out, "%u", rcode <= 11 || (rcode >= 16 && rcode <= 23) ? rcode : 99);
	return dns && dns->event == FLOW_DNS_EVENT_RESPONSE;
}

/* The message's own time, and for an answer that of the question. */
static bool text_query_time(const struct schema_source *source, char *out)
{
	const struct flow_dns *dns = source->record->dns;
	uint64_t before_ns = dns && dns->event != FLOW_DNS_EVENT_REQUEST ? dns->latency_ns : 0;

	sprintf(out, "%" PRIu64, (source->record->first_ns - before_ns) / 1000000);
	return dns && source->record->first_ns > before_ns;
}

static bool text_response_time(const struct schema_source *source, char *out)
{
	sprintf(out, "%" PRIu64, source->record->first_ns / 1000000);
	return source->record->dns && source->record->dns->event == FLOW_DNS_EVENT_RESPONSE;
}

/* What came since the record before, by the direction it went. */
static bool put_traffic(const struct schema_source *source, uint64_t count, bool in, char *out)
{
	sprintf(out, "%" PRIu64, count);
	return source->reply == in && !flow_kind_is_event(source->record->kind);
}

#define TEXT_TRAFFIC(name, member, in)                                         \
	static bool text_##name(const struct schema_source *source, char *out) \
	{                                                                      \
		return put_traffic(source, source->record->member, in, out);   \
	}
TEXT_TRAFFIC(packets_out, packets, false)
TEXT_TRAFFIC(bytes_out, bytes, false)
TEXT_TRAFFIC(packets_in, packets, true)
TEXT_TRAFFIC(bytes_in, bytes, true)
TEXT_TRAFFIC(packets, packets, source->reply)
TEXT_TRAFFIC(bytes, bytes, source->reply)

/* direction_id: 1 Inbound, 2 Outbound, 0 Unknown. */
static bool text_direction(const struct schema_source *source, char *out)
{
	static const char *const ids[] = { "0", "1", "2" };

	strcpy(out, source->record->direction < COUNT(ids) ? ids[source->record->direction] : "0");
	return true;
}

static bool text_version(const struct schema_source *source, char *out)
{
	strcpy(out, source->record->key.scope & FLOW_SCOPE_IPV6 ? "6" : "4");
	return true;
}

static bool text_flags(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", source->record->flags & FLOW_TCP_MASK);
	return source->record->key.protocol == 6;
}

static bool text_protocol(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", source->record->key.protocol);
	return true;
}

/* What the schema has no attribute for stands below "unmapped", as it asks. */
static const struct schema_row rows[] = {
	{ "time", "time", SCHEMA_MS, .always = true },
	{ "class_uid", NULL, SCHEMA_CALL_PLAIN, text_class, true },
	{ "class_name", NULL, SCHEMA_CALL, text_class_name },
	{ "category_uid", "4", SCHEMA_PLAIN, .always = true },
	{ "category_name", "Network Activity", SCHEMA_LITERAL },
	{ "activity_id", NULL, SCHEMA_CALL_PLAIN, text_activity, true },
	{ "type_uid", NULL, SCHEMA_CALL_PLAIN, text_type, true },
	{ "severity_id", NULL, SCHEMA_CALL_PLAIN, text_severity, true },
	{ "metadata.version", "1.2.0", SCHEMA_LITERAL, .always = true },
	{ "metadata.uid", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "metadata.event_code", "kind", SCHEMA_TEXT },
	{ "metadata.profiles", NULL, SCHEMA_CALL_PLAIN, text_profiles, true },
	{ "metadata.product.name", "flowd", SCHEMA_LITERAL, .always = true },
	{ "metadata.product.vendor_name", "flowd", SCHEMA_LITERAL, .always = true },
	{ "metadata.product.version", FLOWD_VERSION, SCHEMA_LITERAL, .always = true },
	{ "message", NULL, SCHEMA_CALL, schema_text_summary },
	{ "start_time", "first.seen", SCHEMA_MS },
	{ "end_time", "last.seen", SCHEMA_MS },
	{ "duration", "duration", SCHEMA_MS },
	{ "count", "dropped", SCHEMA_CALL_PLAIN, schema_text_drop_count },
	{ "action_id", "verdict", SCHEMA_CALL_PLAIN, text_disposition },
	{ "disposition_id", "verdict", SCHEMA_CALL_PLAIN, text_disposition },
	{ "firewall_rule.name", "drop.chain", SCHEMA_CALL, schema_text_drop_rule },
	{ "firewall_rule.match_location", "drop.hook", SCHEMA_TEXT },
	{ "status_id", "verdict", SCHEMA_CALL_PLAIN, text_status },
	{ "status_code", "error", SCHEMA_TEXT },
	{ "status_detail", "end.reason", SCHEMA_CALL, schema_text_reason },
	{ "device.hostname", "node", SCHEMA_CALL, schema_text_node },
	{ "device.type_id", "0", SCHEMA_PLAIN },
	{ "actor.process.pid", "source.pid", SCHEMA_NUMBER },
	{ "actor.process.name", "source.process", SCHEMA_TEXT },
	{ "actor.process.user.uid", "source.uid", SCHEMA_TEXT },
	{ "src_endpoint.ip", "source.ip", SCHEMA_TEXT },
	{ "src_endpoint.port", "source.port", SCHEMA_NUMBER },
	{ "src_endpoint.mac", "source.mac", SCHEMA_TEXT },
	{ "src_endpoint.name", "source.pod", SCHEMA_TEXT },
	{ "src_endpoint.hostname", "source.name", SCHEMA_TEXT },
	{ "src_endpoint.svc_name", "source.service", SCHEMA_TEXT },
	{ "src_endpoint.interface_name", "interface", SCHEMA_TEXT },
	{ "src_endpoint.autonomous_system.number", "source.asn", SCHEMA_NUMBER },
	{ "src_endpoint.autonomous_system.name", "source.asn", SCHEMA_CALL, schema_source_as_name },
	{ "src_endpoint.location.country", "source.country", SCHEMA_TEXT },
	{ "src_endpoint.proxy_endpoint.ip", "source.xlated", SCHEMA_TEXT }, /* NAT */
	{ "src_endpoint.proxy_endpoint.port", "source.xlated", SCHEMA_CALL_PLAIN,
	  schema_source_nat_port },
	{ "src_endpoint.container.name", "source.container", SCHEMA_TEXT },
	{ "src_endpoint.container.uid", "source.container", SCHEMA_CALL,
	  schema_source_container_id },
	{ "src_endpoint.container.image.name", "source.image", SCHEMA_TEXT },
	{ "src_endpoint.container.runtime", "source.container", SCHEMA_CALL,
	  schema_source_runtime },
	{ "src_endpoint.container.pod_uuid", "source.pod", SCHEMA_CALL, schema_source_pod_uid },
	{ "dst_endpoint.ip", "destination.ip", SCHEMA_TEXT },
	{ "dst_endpoint.port", "destination.port", SCHEMA_NUMBER },
	{ "dst_endpoint.mac", "destination.mac", SCHEMA_TEXT },
	{ "dst_endpoint.name", "destination.pod", SCHEMA_TEXT },
	{ "dst_endpoint.hostname", "destination.name", SCHEMA_TEXT },
	{ "dst_endpoint.svc_name", "destination.service", SCHEMA_TEXT },
	{ "dst_endpoint.vlan_uid", "vlan", SCHEMA_TEXT },
	{ "dst_endpoint.autonomous_system.number", "destination.asn", SCHEMA_NUMBER },
	{ "dst_endpoint.autonomous_system.name", "destination.asn", SCHEMA_CALL,
	  schema_destination_as_name },
	{ "dst_endpoint.location.country", "destination.country", SCHEMA_TEXT },
	{ "dst_endpoint.proxy_endpoint.ip", "destination.xlated", SCHEMA_TEXT },
	{ "dst_endpoint.proxy_endpoint.port", "destination.xlated", SCHEMA_CALL_PLAIN,
	  schema_destination_nat_port },
	{ "dst_endpoint.container.name", "destination.container", SCHEMA_TEXT },
	{ "dst_endpoint.container.uid", "destination.container", SCHEMA_CALL,
	  schema_destination_container_id },
	{ "dst_endpoint.container.image.name", "destination.image", SCHEMA_TEXT },
	{ "dst_endpoint.container.runtime", "destination.container", SCHEMA_CALL,
	  schema_destination_runtime },
	{ "dst_endpoint.container.pod_uuid", "destination.pod", SCHEMA_CALL,
	  schema_destination_pod_uid },
	{ "connection_info.protocol_num", "protocol", SCHEMA_CALL_PLAIN, text_protocol },
	{ "connection_info.protocol_name", "protocol", SCHEMA_LOWER },
	{ "connection_info.protocol_ver_id", "ip.version", SCHEMA_CALL_PLAIN, text_version },
	{ "connection_info.direction_id", "direction", SCHEMA_CALL_PLAIN, text_direction },
	{ "connection_info.tcp_flags", "tcp.flags", SCHEMA_CALL_PLAIN, text_flags },
	{ "connection_info.uid", "flow.id", SCHEMA_TEXT },
	{ "traffic.packets_out", "packets", SCHEMA_CALL_PLAIN, text_packets_out },
	{ "traffic.bytes_out", "bytes", SCHEMA_CALL_PLAIN, text_bytes_out },
	{ "traffic.packets_in", "packets", SCHEMA_CALL_PLAIN, text_packets_in },
	{ "traffic.bytes_in", "bytes", SCHEMA_CALL_PLAIN, text_bytes_in },
	{ "traffic.packets", "packets", SCHEMA_CALL_PLAIN, text_packets },
	{ "traffic.bytes", "bytes", SCHEMA_CALL_PLAIN, text_bytes },
	{ "query.hostname", "dns.query", SCHEMA_CALL, schema_text_dns_name },
	{ "query.type", "dns.qtype", SCHEMA_TEXT },
	{ "query.packet_uid", "dns.id", SCHEMA_NUMBER },
	{ "answers", "dns.ip", SCHEMA_CALL_PLAIN, text_answers },
	{ "rcode", "dns.rcode", SCHEMA_TEXT },
	{ "rcode_id", "dns.rcode", SCHEMA_CALL_PLAIN, text_rcode },
	{ "query_time", "dns.latency", SCHEMA_CALL_PLAIN, text_query_time },
	{ "response_time", "dns.latency", SCHEMA_CALL_PLAIN, text_response_time },
	{ "unmapped.sampling", "sampling", SCHEMA_NUMBER },
	{ "unmapped.source_namespace", "source.namespace", SCHEMA_TEXT },
	{ "unmapped.source_workload", "source.workload", SCHEMA_TEXT },
	{ "unmapped.destination_namespace", "destination.namespace", SCHEMA_TEXT },
	{ "unmapped.destination_workload", "destination.workload", SCHEMA_TEXT },
	{ "unmapped.destination_process", "destination.process", SCHEMA_TEXT },
	{ "unmapped.drop_site", "drop.site", SCHEMA_TEXT },
	{ "unmapped.dropped", "dropped", SCHEMA_NUMBER },
	{ "unmapped.retransmits", "retransmits", SCHEMA_NUMBER },
	{ "unmapped.resets", "resets", SCHEMA_NUMBER },
	{ "unmapped.rtt_ns", "rtt", SCHEMA_NUMBER },
	{ "unmapped.handshake_rtt_ns", "handshake.rtt", SCHEMA_NUMBER },
	{ "unmapped.dns_message", "dns.message", SCHEMA_TEXT },
	{ "unmapped.dns_retries", "dns.retries", SCHEMA_NUMBER },
	{ "unmapped.dns_latency_ns", "dns.latency", SCHEMA_NUMBER },
};

const struct schema schema_ocsf = {
	.rows = rows, .count = COUNT(rows), .style = SCHEMA_JSON, .as_opened = true
};
