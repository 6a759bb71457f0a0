/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open Cybersecurity Schema Framework 1.2, class Network Activity (4001). */
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum ocsf_activity { OCSF_OPEN = 1, OCSF_CLOSE, OCSF_RESET, OCSF_FAIL, OCSF_REFUSE, OCSF_TRAFFIC };
#define OCSF_CLASS 4001

static enum ocsf_activity activity_of(const struct flow_record *record)
{
	if (record->verdict == FLOW_VERDICT_DROPPED)
		return OCSF_REFUSE;
	if (record->kind == FLOW_KIND_START)
		return OCSF_OPEN;
	if (record->kind == FLOW_KIND_END)
		return record->end_reason == FLOW_END_RST ? OCSF_RESET : OCSF_CLOSE;
	return OCSF_TRAFFIC;
}

static bool text_activity(const struct schema_source *source, char *out)
{
	sprintf(out, "%d", activity_of(source->record));
	return true;
}

static bool text_type(const struct schema_source *source, char *out)
{
	sprintf(out, "%d", OCSF_CLASS * 100 + activity_of(source->record));
	return true;
}

/* disposition_id: 1 Allowed, 2 Blocked. */
static bool text_disposition(const struct schema_source *source, char *out)
{
	uint8_t verdict = source->record->verdict;

	strcpy(out, verdict == FLOW_VERDICT_DROPPED ? "2" : "1");
	return verdict == FLOW_VERDICT_DROPPED || verdict == FLOW_VERDICT_FORWARDED;
}

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

static const struct schema_row rows[] = {
	{ "time", "time", SCHEMA_MS, .always = true },
	{ "class_uid", "4001", SCHEMA_PLAIN, .always = true },
	{ "class_name", "Network Activity", SCHEMA_LITERAL },
	{ "category_uid", "4", SCHEMA_PLAIN, .always = true },
	{ "category_name", "Network Activity", SCHEMA_LITERAL },
	{ "activity_id", NULL, SCHEMA_CALL_PLAIN, text_activity, true },
	{ "type_uid", NULL, SCHEMA_CALL_PLAIN, text_type, true },
	{ "severity_id", "1", SCHEMA_PLAIN, .always = true },
	{ "metadata.version", "1.2.0", SCHEMA_LITERAL, .always = true },
	{ "metadata.uid", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "metadata.product.name", "flowd", SCHEMA_LITERAL, .always = true },
	{ "metadata.product.vendor_name", "flowd", SCHEMA_LITERAL, .always = true },
	{ "metadata.product.version", FLOWD_VERSION, SCHEMA_LITERAL, .always = true },
	{ "message", NULL, SCHEMA_CALL, schema_text_summary },
	{ "start_time", "first.seen", SCHEMA_MS },
	{ "end_time", "last.seen", SCHEMA_MS },
	{ "duration", "duration", SCHEMA_MS },
	{ "disposition_id", "verdict", SCHEMA_CALL_PLAIN, text_disposition },
	{ "status_detail", "end.reason", SCHEMA_CALL, schema_text_reason },
	{ "device.hostname", "node", SCHEMA_CALL, schema_text_node },
	{ "device.type_id", "0", SCHEMA_PLAIN },
	{ "actor.process.pid", "source.pid", SCHEMA_NUMBER },
	{ "actor.process.name", "source.process", SCHEMA_TEXT },
	{ "src_endpoint.ip", "source.ip", SCHEMA_TEXT },
	{ "src_endpoint.port", "source.port", SCHEMA_NUMBER },
	{ "src_endpoint.mac", "source.mac", SCHEMA_TEXT },
	{ "src_endpoint.name", "source.pod", SCHEMA_TEXT },
	{ "src_endpoint.svc_name", "source.service", SCHEMA_TEXT },
	{ "src_endpoint.interface_name", "interface", SCHEMA_TEXT },
	{ "dst_endpoint.ip", "destination.ip", SCHEMA_TEXT },
	{ "dst_endpoint.port", "destination.port", SCHEMA_NUMBER },
	{ "dst_endpoint.mac", "destination.mac", SCHEMA_TEXT },
	{ "dst_endpoint.name", "destination.pod", SCHEMA_TEXT },
	{ "dst_endpoint.svc_name", "destination.service", SCHEMA_TEXT },
	{ "dst_endpoint.vlan_uid", "vlan", SCHEMA_TEXT },
	{ "connection_info.protocol_num", "protocol", SCHEMA_CALL_PLAIN, text_protocol },
	{ "connection_info.protocol_name", "protocol", SCHEMA_LOWER },
	{ "connection_info.protocol_ver_id", "ip.version", SCHEMA_CALL_PLAIN, text_version },
	{ "connection_info.direction_id", "direction", SCHEMA_CALL_PLAIN, text_direction },
	{ "connection_info.tcp_flags", "tcp.flags", SCHEMA_CALL_PLAIN, text_flags },
	{ "connection_info.uid", "flow.id", SCHEMA_TEXT },
	{ "traffic.packets_out", "packets", SCHEMA_NUMBER },
	{ "traffic.bytes_out", "bytes", SCHEMA_NUMBER },
	{ "traffic.packets", "packets", SCHEMA_NUMBER },
	{ "traffic.bytes", "bytes", SCHEMA_NUMBER },
};

const struct schema schema_ocsf = { rows, COUNT(rows), SCHEMA_JSON };
