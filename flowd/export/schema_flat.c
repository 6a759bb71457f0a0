/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One level of names, for key=value lines and for tables of databases: deploy/clickhouse.sql has a
 * column for each row. Numbers are bare, times are milliseconds.
 */
#include <stdio.h>

#include "flowd/export/schema.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool text_protocol(const struct schema_source *source, char *out)
{
	sprintf(out, "%u", source->record->key.protocol);
	return true;
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
	{ "dropped", "dropped", SCHEMA_NUMBER },
	{ "retransmits", "retransmits", SCHEMA_NUMBER },
	{ "rtt_ms", "rtt", SCHEMA_MS },
	{ "direction", "direction", SCHEMA_TEXT },
	{ "interface", "interface", SCHEMA_TEXT },
	{ "source_namespace", "source.namespace", SCHEMA_TEXT },
	{ "source_pod", "source.pod", SCHEMA_TEXT },
	{ "source_workload", "source.workload", SCHEMA_TEXT },
	{ "source_service", "source.service", SCHEMA_TEXT },
	{ "source_container", "source.container", SCHEMA_TEXT },
	{ "source_process", "source.process", SCHEMA_TEXT },
	{ "source_pid", "source.pid", SCHEMA_NUMBER },
	{ "destination_namespace", "destination.namespace", SCHEMA_TEXT },
	{ "destination_pod", "destination.pod", SCHEMA_TEXT },
	{ "destination_workload", "destination.workload", SCHEMA_TEXT },
	{ "destination_service", "destination.service", SCHEMA_TEXT },
	{ "destination_container", "destination.container", SCHEMA_TEXT },
	{ "destination_process", "destination.process", SCHEMA_TEXT },
	{ "destination_pid", "destination.pid", SCHEMA_NUMBER },
	{ "icmp_type", "icmp.type", SCHEMA_NUMBER },
	{ "icmp_code", "icmp.code", SCHEMA_NUMBER },
	{ "sampling", "sampling", SCHEMA_NUMBER },
	{ "flow_id", "flow.id", SCHEMA_NUMBER },
};

const struct schema schema_flat = { rows, COUNT(rows), SCHEMA_JSON };
const struct schema schema_kv = { rows, COUNT(rows), SCHEMA_KV };
