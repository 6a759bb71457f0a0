/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ArcSight Common Event Format 0: keys of its extension dictionary; ours in the custom fields. */
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define KIND_TEXT(name, text) text,
static const char *const kinds[] = { FLOW_KINDS(KIND_TEXT) };

/* Severity from 0 to 10. */
static int severity_of(const struct flow_record *record)
{
	return record->verdict == FLOW_VERDICT_DROPPED ? 5
	       : record->verdict == FLOW_VERDICT_ERROR ? 3
						       : 1;
}

size_t schema_cef_head(const struct schema_source *source, char *out, size_t size)
{
	const struct flow_record *record = source->record;
	const char *kind = kinds[record->kind < COUNT(kinds) ? record->kind : FLOW_KIND_UPDATE];

	return (size_t)snprintf(out, size, "CEF:0|flowd|flowd|%s|%s|%s|%d|", FLOWD_VERSION, kind,
				kind, severity_of(record));
}

/* deviceDirection: 0 inbound, 1 outbound. */
static bool text_direction(const struct schema_source *source, char *out)
{
	strcpy(out, source->record->direction == FLOW_DIRECTION_EGRESS ? "1" : "0");
	return source->record->direction != FLOW_DIRECTION_UNKNOWN;
}

static const struct schema_row rows[] = {
	{ "rt", "time", SCHEMA_MS, .always = true },
	{ "externalId", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "dvchost", "node", SCHEMA_CALL, schema_text_node, true },
	{ "start", "first.seen", SCHEMA_MS },
	{ "end", "last.seen", SCHEMA_MS },
	{ "src", "source.ip", SCHEMA_TEXT },
	{ "spt", "source.port", SCHEMA_NUMBER },
	{ "smac", "source.mac", SCHEMA_TEXT },
	{ "shost", "source.pod", SCHEMA_TEXT },
	{ "sproc", "source.process", SCHEMA_TEXT },
	{ "spid", "source.pid", SCHEMA_NUMBER },
	{ "suid", "source.uid", SCHEMA_TEXT },
	{ "sourceServiceName", "source.service", SCHEMA_TEXT },
	{ "dst", "destination.ip", SCHEMA_TEXT },
	{ "dpt", "destination.port", SCHEMA_NUMBER },
	{ "dmac", "destination.mac", SCHEMA_TEXT },
	{ "dhost", "destination.pod", SCHEMA_TEXT },
	{ "dproc", "destination.process", SCHEMA_TEXT },
	{ "dpid", "destination.pid", SCHEMA_NUMBER },
	{ "duid", "destination.uid", SCHEMA_TEXT },
	{ "destinationServiceName", "destination.service", SCHEMA_TEXT },
	{ "proto", "protocol", SCHEMA_TEXT },
	{ "deviceDirection", "direction", SCHEMA_CALL, text_direction },
	{ "deviceInboundInterface", "interface", SCHEMA_TEXT },
	{ "act", "verdict", SCHEMA_TEXT },
	{ "reason", "end.reason", SCHEMA_CALL, schema_text_reason },
	{ "out", "bytes", SCHEMA_NUMBER },
	{ "cn1Label", "packets", SCHEMA_LITERAL },
	{ "cn1", "packets", SCHEMA_NUMBER },
	{ "cn2Label", "totalBytes", SCHEMA_LITERAL },
	{ "cn2", "total.bytes", SCHEMA_NUMBER },
	{ "cn3Label", "totalPackets", SCHEMA_LITERAL },
	{ "cn3", "total.packets", SCHEMA_NUMBER },
	{ "cs1Label", "tcpFlags", SCHEMA_LITERAL },
	{ "cs1", "tcp.flags", SCHEMA_TEXT },
	{ "msg", NULL, SCHEMA_CALL, schema_text_summary },
};

const struct schema schema_cef = { rows, COUNT(rows), SCHEMA_CEF };
