/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elastic Common Schema 8.11: field names and the values that its categorization fields allow. */
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"
#include "proto/address.h"
#include "proto/json_text.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool text_version(const struct schema_source *source, char *out)
{
	strcpy(out, source->record->key.scope & FLOW_SCOPE_IPV6 ? "ipv6" : "ipv4");
	return true;
}

/* A keyword there. */
static bool text_number(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", source->record->key.protocol);
	return true;
}

/* The allowed values of event.type for the category "network". */
static bool text_types(const struct schema_source *source, char *out)
{
	const struct flow_record *record = source->record;
	const char *what = record->dns ? "protocol" : "connection";
	const char *stage = record->kind == FLOW_KIND_START ? ",\"start\""
			    : record->kind == FLOW_KIND_END ? ",\"end\""
							    : "";
	const char *verdict = record->verdict == FLOW_VERDICT_DROPPED	  ? ",\"denied\""
			      : record->verdict == FLOW_VERDICT_FORWARDED ? ",\"allowed\""
									  : "";

	if (record->kind > FLOW_KIND_DROP)
		stage = ",\"info\"";
	sprintf(out, "[\"%s\"%s%s]", what, stage, verdict);
	return true;
}

/* RFC 7042 form, as ECS asks for: 00-00-5E-00-53-23. */
static bool text_mac(const uint8_t mac[6], char *out)
{
	static const uint8_t none[6];

	snprintf(out, MAC_TEXT_MAX, "%02X-%02X-%02X-%02X-%02X-%02X", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	return memcmp(mac, none, 6) != 0;
}

static bool text_source_mac(const struct schema_source *source, char *out)
{
	return text_mac(source->record->eth_src, out);
}

static bool text_destination_mac(const struct schema_source *source, char *out)
{
	return text_mac(source->record->eth_dst, out);
}

static bool text_vlan(const struct schema_source *source, char *out)
{
	if (!(source->record->vlan[0] & FLOW_VLAN_PRESENT))
		return false;
	sprintf(out, "%u", source->record->vlan[0] & FLOW_VLAN_ID);
	return true;
}

static bool text_interface(const struct schema_source *source, uint8_t direction, char *out)
{
	const struct flow_record *record = source->record;

	if (!record->point_count || record->direction != direction || !record->points[0].interface)
		return false;
	snprintf(out, SCHEMA_TEXT_MAX, "%s", record->points[0].interface);
	return true;
}

static bool text_ingress(const struct schema_source *source, char *out)
{
	return text_interface(source, FLOW_DIRECTION_INGRESS, out);
}

static bool text_egress(const struct schema_source *source, char *out)
{
	return text_interface(source, FLOW_DIRECTION_EGRESS, out);
}

static bool text_dataset(const struct schema_source *source, char *out)
{
	sprintf(out, "flowd.%s", item_type_word(item_type_of(source->record)));
	return true;
}

static bool text_application(const struct schema_source *source, char *out)
{
	strcpy(out, "dns");
	return source->record->dns;
}

static bool text_orchestrator(const struct schema_source *source, char *out)
{
	strcpy(out, "kubernetes");
	return flow_end_text(&source->record->ends[FLOW_SOURCE], ENDPOINT_POD);
}

static bool text_resource(const struct schema_source *source, char *out)
{
	strcpy(out, "pod");
	return flow_end_text(&source->record->ends[FLOW_SOURCE], ENDPOINT_POD);
}

/* A message of DNS to the server is a query, and so is one that nobody answered. */
static bool text_dns_type(const struct schema_source *source, char *out)
{
	const struct flow_dns *dns = source->record->dns;

	strcpy(out, dns && dns->event == FLOW_DNS_EVENT_RESPONSE ? "answer" : "query");
	return dns;
}

static bool text_dns_opcode(const struct schema_source *source, char *out)
{
	static const char *const names[] = { "QUERY", "IQUERY", "STATUS", [4] = "NOTIFY",
					     "UPDATE" };
	const struct flow_dns *dns = source->record->dns;

	if (!dns || dns->opcode >= COUNT(names) || !names[dns->opcode])
		return false;
	strcpy(out, names[dns->opcode]);
	return true;
}

static bool text_answers(const struct schema_source *source, char *out)
{
	return schema_json_dns_answers(source, "data", out);
}

static bool text_related(const struct schema_source *source, char *out)
{
	const struct flow_key *key = &source->record->key;
	bool ipv4 = !(key->scope & FLOW_SCOPE_IPV6);

	out = json_literal(out, "[\"");
	out = json_literal(address_write(out, key->src, ipv4), "\",\"");
	out = json_literal(address_write(out, key->dst, ipv4), "\"]");
	*out = 0;
	return true;
}

/* What ECS has no field for stands below "flowd", as it asks of custom fields. */
static const struct schema_row rows[] = {
	{ "@timestamp", "time", SCHEMA_TIME, .always = true },
	{ "ecs.version", "8.11.0", SCHEMA_LITERAL, .always = true },
	{ "event.id", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "event.kind", "event", SCHEMA_LITERAL },
	{ "event.category", "[\"network\"]", SCHEMA_PLAIN },
	{ "event.type", NULL, SCHEMA_CALL_PLAIN, text_types },
	{ "event.action", "kind", SCHEMA_TEXT },
	{ "event.outcome", "verdict", SCHEMA_CALL, schema_text_outcome },
	{ "event.reason", "end.reason", SCHEMA_CALL, schema_text_reason },
	{ "event.dataset", NULL, SCHEMA_CALL, text_dataset },
	{ "event.module", "flowd", SCHEMA_LITERAL },
	{ "event.start", "first.seen", SCHEMA_TIME },
	{ "event.end", "last.seen", SCHEMA_TIME },
	{ "event.duration", "duration", SCHEMA_CALL_PLAIN, schema_text_duration },
	{ "error.code", "error", SCHEMA_TEXT },
	{ "rule.name", "drop.chain", SCHEMA_CALL, schema_text_drop_chain },
	{ "rule.ruleset", "drop.table", SCHEMA_CALL, schema_text_drop_table },
	{ "source.address", "source.ip", SCHEMA_TEXT },
	{ "source.ip", "source.ip", SCHEMA_TEXT },
	{ "source.port", "source.port", SCHEMA_NUMBER },
	{ "source.mac", "source.mac", SCHEMA_CALL, text_source_mac },
	{ "source.domain", "source.name", SCHEMA_TEXT },
	{ "source.nat.ip", "source.xlated", SCHEMA_TEXT },
	{ "source.nat.port", "source.xlated", SCHEMA_CALL_PLAIN, schema_source_nat_port },
	{ "source.as.number", "source.asn", SCHEMA_NUMBER },
	{ "source.as.organization.name", "source.asn", SCHEMA_CALL, schema_source_as_name },
	{ "source.geo.country_iso_code", "source.country", SCHEMA_TEXT },
	{ "source.packets", "packets", SCHEMA_NUMBER },
	{ "source.bytes", "bytes", SCHEMA_NUMBER },
	{ "destination.address", "destination.ip", SCHEMA_TEXT },
	{ "destination.ip", "destination.ip", SCHEMA_TEXT },
	{ "destination.port", "destination.port", SCHEMA_NUMBER },
	{ "destination.mac", "destination.mac", SCHEMA_CALL, text_destination_mac },
	{ "destination.domain", "destination.name", SCHEMA_TEXT },
	{ "destination.nat.ip", "destination.xlated", SCHEMA_TEXT },
	{ "destination.nat.port", "destination.xlated", SCHEMA_CALL_PLAIN,
	  schema_destination_nat_port },
	{ "destination.as.number", "destination.asn", SCHEMA_NUMBER },
	{ "destination.as.organization.name", "destination.asn", SCHEMA_CALL,
	  schema_destination_as_name },
	{ "destination.geo.country_iso_code", "destination.country", SCHEMA_TEXT },
	{ "related.ip", NULL, SCHEMA_CALL_PLAIN, text_related },
	{ "network.transport", "protocol", SCHEMA_LOWER },
	{ "network.protocol", "dns.message", SCHEMA_CALL, text_application },
	{ "network.iana_number", "protocol", SCHEMA_CALL, text_number },
	{ "network.type", "ip.version", SCHEMA_CALL, text_version },
	{ "network.direction", "direction", SCHEMA_LOWER },
	{ "network.packets", "packets", SCHEMA_NUMBER },
	{ "network.bytes", "bytes", SCHEMA_NUMBER },
	{ "network.vlan.id", "vlan", SCHEMA_CALL, text_vlan },
	{ "dns.type", "dns.message", SCHEMA_CALL, text_dns_type },
	{ "dns.id", "dns.id", SCHEMA_CALL, schema_text_dns_id },
	{ "dns.op_code", "dns.message", SCHEMA_CALL, text_dns_opcode },
	{ "dns.header_flags", "dns.flag", SCHEMA_CALL_PLAIN, schema_json_dns_flags },
	{ "dns.question.name", "dns.query", SCHEMA_CALL, schema_text_dns_name },
	{ "dns.question.type", "dns.qtype", SCHEMA_TEXT },
	{ "dns.response_code", "dns.rcode", SCHEMA_TEXT },
	{ "dns.resolved_ip", "dns.ip", SCHEMA_CALL_PLAIN, schema_json_dns_ips },
	{ "dns.answers", "dns.ip", SCHEMA_CALL_PLAIN, text_answers },
	{ "process.pid", "source.pid", SCHEMA_NUMBER }, /* like the next: of the source */
	{ "process.name", "source.process", SCHEMA_TEXT },
	{ "process.user.id", "source.uid", SCHEMA_TEXT },
	{ "container.id", "source.container", SCHEMA_CALL, schema_source_container_id },
	{ "container.name", "source.container", SCHEMA_TEXT },
	{ "container.image.name", "source.image", SCHEMA_TEXT },
	{ "container.runtime", "source.container", SCHEMA_CALL, schema_source_runtime },
	{ "orchestrator.type", "source.pod", SCHEMA_CALL, text_orchestrator },
	{ "orchestrator.cluster.name", "source.cluster", SCHEMA_TEXT },
	{ "orchestrator.namespace", "source.namespace", SCHEMA_TEXT },
	{ "orchestrator.resource.type", "source.pod", SCHEMA_CALL, text_resource },
	{ "orchestrator.resource.id", "source.pod", SCHEMA_CALL, schema_source_pod_uid },
	{ "orchestrator.resource.name", "source.pod", SCHEMA_TEXT },
	{ "service.name", "source.service", SCHEMA_TEXT },
	{ "observer.hostname", "node", SCHEMA_CALL, schema_text_node, true },
	{ "observer.type", "sensor", SCHEMA_LITERAL },
	{ "observer.vendor", "flowd", SCHEMA_LITERAL },
	{ "observer.product", "flowd", SCHEMA_LITERAL },
	{ "observer.version", FLOWD_VERSION, SCHEMA_LITERAL },
	{ "observer.ingress.interface.name", "interface", SCHEMA_CALL, text_ingress },
	{ "observer.egress.interface.name", "interface", SCHEMA_CALL, text_egress },
	{ "message", NULL, SCHEMA_CALL, schema_text_summary },
	{ "flowd.flow_id", "flow.id", SCHEMA_TEXT },
	{ "flowd.sampling", "sampling", SCHEMA_NUMBER },
	{ "flowd.source.workload", "source.workload", SCHEMA_TEXT },
	{ "flowd.source.unit", "source.unit", SCHEMA_TEXT },
	{ "flowd.source.identity", "source.identity", SCHEMA_TEXT },
	{ "flowd.destination.namespace", "destination.namespace", SCHEMA_TEXT },
	{ "flowd.destination.pod", "destination.pod", SCHEMA_TEXT },
	{ "flowd.destination.workload", "destination.workload", SCHEMA_TEXT },
	{ "flowd.destination.service", "destination.service", SCHEMA_TEXT },
	{ "flowd.destination.container", "destination.container", SCHEMA_TEXT },
	{ "flowd.destination.process", "destination.process", SCHEMA_TEXT },
	{ "flowd.destination.pid", "destination.pid", SCHEMA_NUMBER },
	{ "flowd.destination.unit", "destination.unit", SCHEMA_TEXT },
	{ "flowd.destination.identity", "destination.identity", SCHEMA_TEXT },
	{ "flowd.drop.packets", "dropped", SCHEMA_NUMBER },
	{ "flowd.drop.reason", "drop.reason", SCHEMA_TEXT },
	{ "flowd.drop.site", "drop.site", SCHEMA_TEXT },
	{ "flowd.drop.hook", "drop.hook", SCHEMA_TEXT },
	{ "flowd.tcp.flags", "tcp.flags", SCHEMA_TEXT },
	{ "flowd.tcp.retransmits", "retransmits", SCHEMA_NUMBER },
	{ "flowd.tcp.resets", "resets", SCHEMA_NUMBER },
	{ "flowd.tcp.zero_windows", "zero.windows", SCHEMA_NUMBER },
	{ "flowd.tcp.rtt_ns", "rtt", SCHEMA_NUMBER },
	{ "flowd.tcp.handshake_rtt_ns", "handshake.rtt", SCHEMA_NUMBER },
	{ "flowd.dns.message", "dns.message", SCHEMA_TEXT },
	{ "flowd.dns.server", "dns.server", SCHEMA_TEXT },
	{ "flowd.dns.retries", "dns.retries", SCHEMA_NUMBER },
};

const struct schema schema_ecs = { .rows = rows, .count = COUNT(rows), .style = SCHEMA_JSON };
