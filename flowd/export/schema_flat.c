/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One level of names, for key=value lines and for tables of databases: deploy/clickhouse.sql has a
 * column for each row. Numbers are bare, times are milliseconds.
 */
#include <stdio.h>

#include "flowd/export/schema.h"
#include "proto/address.h"
#include "proto/json_text.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool text_protocol(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", source->record->key.protocol);
	return true;
}

#define MICROSECONDS(name, ns, condition)                                      \
	static bool text_##name(const struct schema_source *source, char *out) \
	{                                                                      \
		const struct flow_record *record = source->record;             \
                                                                               \
		if (!(condition))                                              \
			return false;                                          \
		*json_u64(out, (ns) / 1000) = 0;                               \
		return true;                                                   \
	}
MICROSECONDS(handshake, record->tcp.handshake_ns, record->tcp.handshake_ns)
MICROSECONDS(latency, record->dns->latency_ns, record->dns && record->dns->latency_ns)

/* "1.2.3.4 2001:db8::1" */
static bool text_dns_ips(const struct schema_source *source, char *out)
{
	const struct flow_dns *dns = source->record->dns;

	for (unsigned i = 0; dns && i < dns->ip_count; i++) {
		if (i)
			*out++ = ' ';
		out = address_write(out, flow_dns_ip(dns, i), !flow_dns_ip_is_v6(dns, i));
	}
	*out = 0;
	return dns && dns->ip_count;
}

static const struct schema_row rows[] = {
	{ "time", "time", SCHEMA_SECONDS, .always = true },
	{ "time_ms", "time", SCHEMA_MS, .always = true },
	{ "id", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "node", "node", SCHEMA_CALL, schema_text_node, true },
	{ "kind", "kind", SCHEMA_TEXT },
	{ "verdict", "verdict", SCHEMA_TEXT },
	{ "source_ip", "source.ip", SCHEMA_TEXT },
	{ "source_port", "source.port", SCHEMA_NUMBER },
	{ "destination_ip", "destination.ip", SCHEMA_TEXT },
	{ "destination_port", "destination.port", SCHEMA_NUMBER },
	{ "protocol", "protocol", SCHEMA_CALL_PLAIN, text_protocol },
	{ "protocol_name", "protocol", SCHEMA_TEXT },
	{ "packets", "packets", SCHEMA_NUMBER },
	{ "bytes", "bytes", SCHEMA_NUMBER },
	{ "total_packets", "total.packets", SCHEMA_NUMBER },
	{ "total_bytes", "total.bytes", SCHEMA_NUMBER },
	{ "first_seen_ms", "first.seen", SCHEMA_MS },
	{ "last_seen_ms", "last.seen", SCHEMA_MS },
	{ "tcp_flags", "tcp.flags", SCHEMA_TEXT },
	{ "end_reason", "end.reason", SCHEMA_TEXT },
	{ "drop_reason", "drop.reason", SCHEMA_TEXT },
	{ "drop_site", "drop.site", SCHEMA_TEXT },
	{ "drop_hook", "drop.hook", SCHEMA_TEXT },
	{ "drop_table", "drop.table", SCHEMA_CALL, schema_text_drop_table },
	{ "drop_chain", "drop.chain", SCHEMA_CALL, schema_text_drop_chain },
	{ "dropped", "dropped", SCHEMA_NUMBER },
	{ "retransmits", "retransmits", SCHEMA_NUMBER },
	{ "resets", "resets", SCHEMA_NUMBER },
	{ "zero_windows", "zero.windows", SCHEMA_NUMBER },
	{ "rtt_ms", "rtt", SCHEMA_MS },
	{ "handshake_us", "handshake.rtt", SCHEMA_CALL_PLAIN, text_handshake },
	{ "error", "error", SCHEMA_TEXT },
	{ "dns_message", "dns.message", SCHEMA_TEXT },
	{ "dns_query", "dns.query", SCHEMA_TEXT },
	{ "dns_type", "dns.qtype", SCHEMA_TEXT },
	{ "dns_rcode", "dns.rcode", SCHEMA_TEXT },
	{ "dns_ips", "dns.ip", SCHEMA_CALL, text_dns_ips },
	{ "dns_ttl", "dns.ttl", SCHEMA_NUMBER },
	{ "dns_latency_us", "dns.latency", SCHEMA_CALL_PLAIN, text_latency },
	{ "dns_server", "dns.server", SCHEMA_TEXT },
	{ "dns_retries", "dns.retries", SCHEMA_NUMBER },
	{ "direction", "direction", SCHEMA_TEXT },
	{ "interface", "interface", SCHEMA_TEXT },
	{ "source_namespace", "source.namespace", SCHEMA_TEXT },
	{ "source_pod", "source.pod", SCHEMA_TEXT },
	{ "source_workload", "source.workload", SCHEMA_TEXT },
	{ "source_service", "source.service", SCHEMA_TEXT },
	{ "source_container", "source.container", SCHEMA_TEXT },
	{ "source_image", "source.image", SCHEMA_TEXT },
	{ "source_process", "source.process", SCHEMA_TEXT },
	{ "source_pid", "source.pid", SCHEMA_NUMBER },
	{ "source_uid", "source.uid", SCHEMA_NUMBER },
	{ "source_unit", "source.unit", SCHEMA_TEXT },
	{ "source_identity", "source.identity", SCHEMA_TEXT },
	{ "source_name", "source.name", SCHEMA_TEXT },
	{ "source_cluster", "source.cluster", SCHEMA_TEXT },
	{ "source_country", "source.country", SCHEMA_TEXT },
	{ "source_asn", "source.asn", SCHEMA_NUMBER },
	{ "source_nat_ip", "source.xlated", SCHEMA_TEXT },
	{ "destination_namespace", "destination.namespace", SCHEMA_TEXT },
	{ "destination_pod", "destination.pod", SCHEMA_TEXT },
	{ "destination_workload", "destination.workload", SCHEMA_TEXT },
	{ "destination_service", "destination.service", SCHEMA_TEXT },
	{ "destination_container", "destination.container", SCHEMA_TEXT },
	{ "destination_image", "destination.image", SCHEMA_TEXT },
	{ "destination_process", "destination.process", SCHEMA_TEXT },
	{ "destination_pid", "destination.pid", SCHEMA_NUMBER },
	{ "destination_uid", "destination.uid", SCHEMA_NUMBER },
	{ "destination_unit", "destination.unit", SCHEMA_TEXT },
	{ "destination_identity", "destination.identity", SCHEMA_TEXT },
	{ "destination_name", "destination.name", SCHEMA_TEXT },
	{ "destination_cluster", "destination.cluster", SCHEMA_TEXT },
	{ "destination_country", "destination.country", SCHEMA_TEXT },
	{ "destination_asn", "destination.asn", SCHEMA_NUMBER },
	{ "destination_nat_ip", "destination.xlated", SCHEMA_TEXT },
	{ "icmp_type", "icmp.type", SCHEMA_NUMBER },
	{ "icmp_code", "icmp.code", SCHEMA_NUMBER },
	{ "sampling", "sampling", SCHEMA_NUMBER },
	{ "flow_id", "flow.id", SCHEMA_NUMBER },
};

const struct schema schema_flat = { .rows = rows, .count = COUNT(rows), .style = SCHEMA_JSON };
const struct schema schema_kv = { .rows = rows, .count = COUNT(rows), .style = SCHEMA_KV };
