/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elastic Common Schema 8.11: field names and the values that its categorization fields allow. */
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"
#include "proto/address.h"

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
	const char *stage = record->kind == FLOW_KIND_START ? ",\"start\""
			    : record->kind == FLOW_KIND_END ? ",\"end\""
							    : "";
	const char *verdict = record->verdict == FLOW_VERDICT_DROPPED	  ? ",\"denied\""
			      : record->verdict == FLOW_VERDICT_FORWARDED ? ",\"allowed\""
									  : "";

	sprintf(out, "[\"connection\"%s%s]", stage, verdict);
	return true;
}

static bool text_outcome(const struct schema_source *source, char *out)
{
	if (source->record->verdict == FLOW_VERDICT_VERDICT_UNKNOWN)
		return false;
	strcpy(out, source->record->verdict == FLOW_VERDICT_FORWARDED ? "success" : "failure");
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

static const struct schema_row rows[] = {
	{ "@timestamp", "time", SCHEMA_TIME, .always = true },
	{ "ecs.version", "8.11.0", SCHEMA_LITERAL, .always = true },
	{ "event.id", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "event.kind", "event", SCHEMA_LITERAL },
	{ "event.category", "[\"network\"]", SCHEMA_PLAIN },
	{ "event.type", NULL, SCHEMA_CALL_PLAIN, text_types },
	{ "event.action", "kind", SCHEMA_TEXT },
	{ "event.outcome", "verdict", SCHEMA_CALL, text_outcome },
	{ "event.reason", "end.reason", SCHEMA_CALL, schema_text_reason },
	{ "event.dataset", "flowd.flow", SCHEMA_LITERAL },
	{ "event.module", "flowd", SCHEMA_LITERAL },
	{ "event.start", "first.seen", SCHEMA_TIME },
	{ "event.end", "last.seen", SCHEMA_TIME },
	{ "event.duration", "duration", SCHEMA_NUMBER },
	{ "source.address", "source.ip", SCHEMA_TEXT },
	{ "source.ip", "source.ip", SCHEMA_TEXT },
	{ "source.port", "source.port", SCHEMA_NUMBER },
	{ "source.mac", "source.mac", SCHEMA_CALL, text_source_mac },
	{ "source.packets", "packets", SCHEMA_NUMBER },
	{ "source.bytes", "bytes", SCHEMA_NUMBER },
	{ "destination.address", "destination.ip", SCHEMA_TEXT },
	{ "destination.ip", "destination.ip", SCHEMA_TEXT },
	{ "destination.port", "destination.port", SCHEMA_NUMBER },
	{ "destination.mac", "destination.mac", SCHEMA_CALL, text_destination_mac },
	{ "network.transport", "protocol", SCHEMA_LOWER },
	{ "network.iana_number", "protocol", SCHEMA_CALL, text_number },
	{ "network.type", "ip.version", SCHEMA_CALL, text_version },
	{ "network.direction", "direction", SCHEMA_LOWER },
	{ "network.packets", "packets", SCHEMA_NUMBER },
	{ "network.bytes", "bytes", SCHEMA_NUMBER },
	{ "network.vlan.id", "vlan", SCHEMA_CALL, text_vlan },
	{ "process.pid", "source.pid", SCHEMA_NUMBER }, /* like the next five: of the source */
	{ "process.name", "source.process", SCHEMA_TEXT },
	{ "container.name", "source.container", SCHEMA_TEXT },
	{ "orchestrator.namespace", "source.namespace", SCHEMA_TEXT },
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
};

const struct schema schema_ecs = { rows, COUNT(rows), SCHEMA_JSON };
