/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ArcSight Common Event Format 0: keys of its extension dictionary; ours in the custom fields. Its
 * addresses are IPv4, so those of IPv6 go where it has room for them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flowd/export/schema.h"
#include "proto/address.h"

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

static bool text_address(const struct schema_source *source, const uint8_t *address, bool ipv6,
			 char *out)
{
	bool is_ipv6 = source->record->key.scope & FLOW_SCOPE_IPV6;

	*address_write(out, address, !is_ipv6) = 0;
	return is_ipv6 == ipv6;
}

#define TEXT_ADDRESS(name, member, ipv6)                                            \
	static bool text_##name(const struct schema_source *source, char *out)      \
	{                                                                           \
		return text_address(source, source->record->key.member, ipv6, out); \
	}
TEXT_ADDRESS(src, src, false)
TEXT_ADDRESS(src6, src, true)
TEXT_ADDRESS(dst, dst, false)
TEXT_ADDRESS(dst6, dst, true)

static bool text_category(const struct schema_source *source, char *out)
{
	strcpy(out, item_type_word(item_type_of(source->record)));
	return true;
}

static bool text_application(const struct schema_source *source, char *out)
{
	strcpy(out, "DNS");
	return source->record->dns;
}

/* "NXDOMAIN"; "timeout" where nobody answered. */
static bool text_dns_outcome(const struct schema_source *source, char *out)
{
	const struct field *field = field_find("dns.rcode");
	const struct flow_dns *dns = source->record->dns;
	struct field_value value;

	strcpy(out, "timeout");
	if (!dns || dns->event != FLOW_DNS_EVENT_RESPONSE)
		return dns && dns->event == FLOW_DNS_EVENT_TIMEOUT;
	field_get(field, source->record, 0, &value);
	field_format(field, &value, out, SCHEMA_TEXT_MAX);
	return true;
}

static bool text_milliseconds(uint64_t ns, char *out)
{
	sprintf(out, "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
	return ns;
}

static bool text_rtt(const struct schema_source *source, char *out)
{
	return text_milliseconds(source->record->tcp.srtt_avg_us * UINT64_C(1000), out);
}

static bool text_handshake(const struct schema_source *source, char *out)
{
	return text_milliseconds(source->record->tcp.handshake_ns, out);
}

static bool text_dns_latency(const struct schema_source *source, char *out)
{
	return text_milliseconds(source->record->dns ? source->record->dns->latency_ns : 0, out);
}

static const struct schema_row rows[] = {
	{ "rt", "time", SCHEMA_MS, .always = true },
	{ "externalId", NULL, SCHEMA_CALL, schema_text_id, true },
	{ "dvchost", "node", SCHEMA_CALL, schema_text_node, true },
	{ "cat", "kind", SCHEMA_CALL, text_category },
	{ "start", "first.seen", SCHEMA_MS },
	{ "end", "last.seen", SCHEMA_MS },
	{ "src", "source.ip", SCHEMA_CALL, text_src },
	{ "c6a2", "source.ip", SCHEMA_CALL, text_src6, .label = "Source IPv6 Address" },
	{ "spt", "source.port", SCHEMA_NUMBER },
	{ "smac", "source.mac", SCHEMA_TEXT },
	{ "shost", "source.pod", SCHEMA_TEXT },
	{ "sourceDnsDomain", "source.name", SCHEMA_TEXT },
	{ "sproc", "source.process", SCHEMA_TEXT },
	{ "spid", "source.pid", SCHEMA_NUMBER },
	{ "suid", "source.uid", SCHEMA_TEXT },
	{ "sourceServiceName", "source.service", SCHEMA_TEXT },
	{ "sourceTranslatedAddress", "source.xlated", SCHEMA_TEXT },
	{ "sourceTranslatedPort", "source.xlated", SCHEMA_CALL_PLAIN, schema_source_nat_port },
	{ "dst", "destination.ip", SCHEMA_CALL, text_dst },
	{ "c6a3", "destination.ip", SCHEMA_CALL, text_dst6, .label = "Destination IPv6 Address" },
	{ "dpt", "destination.port", SCHEMA_NUMBER },
	{ "dmac", "destination.mac", SCHEMA_TEXT },
	{ "dhost", "destination.pod", SCHEMA_TEXT },
	{ "destinationDnsDomain", "destination.name", SCHEMA_TEXT },
	{ "dproc", "destination.process", SCHEMA_TEXT },
	{ "dpid", "destination.pid", SCHEMA_NUMBER },
	{ "duid", "destination.uid", SCHEMA_TEXT },
	{ "destinationServiceName", "destination.service", SCHEMA_TEXT },
	{ "destinationTranslatedAddress", "destination.xlated", SCHEMA_TEXT },
	{ "destinationTranslatedPort", "destination.xlated", SCHEMA_CALL_PLAIN,
	  schema_destination_nat_port },
	{ "proto", "protocol", SCHEMA_TEXT },
	{ "app", "dns.message", SCHEMA_CALL, text_application },
	{ "deviceDirection", "direction", SCHEMA_CALL, text_direction },
	{ "deviceInboundInterface", "interface", SCHEMA_TEXT },
	{ "act", "verdict", SCHEMA_TEXT },
	{ "outcome", "verdict", SCHEMA_CALL, schema_text_outcome },
	{ "reason", "end.reason", SCHEMA_CALL, schema_text_reason },
	{ "cnt", "dropped", SCHEMA_CALL_PLAIN, schema_text_drop_count },
	{ "out", "bytes", SCHEMA_NUMBER },
	{ "cn1", "packets", SCHEMA_NUMBER, .label = "packets" },
	{ "cn2", "total.bytes", SCHEMA_NUMBER, .label = "totalBytes" },
	{ "cn3", "total.packets", SCHEMA_NUMBER, .label = "totalPackets" },
	{ "cfp1", "rtt", SCHEMA_CALL_PLAIN, text_rtt, .label = "rttMs" },
	{ "cfp2", "handshake.rtt", SCHEMA_CALL_PLAIN, text_handshake, .label = "handshakeMs" },
	{ "cfp3", "dns.latency", SCHEMA_CALL_PLAIN, text_dns_latency, .label = "dnsLatencyMs" },
	{ "cfp4", "retransmits", SCHEMA_NUMBER, .label = "retransmits" },
	{ "cs1", "tcp.flags", SCHEMA_TEXT, .label = "tcpFlags" },
	{ "cs2", "dns.query", SCHEMA_CALL, schema_text_dns_name, .label = "dnsQuery" },
	{ "cs3", "dns.rcode", SCHEMA_CALL, text_dns_outcome, .label = "dnsOutcome" },
	{ "cs4", "drop.chain", SCHEMA_CALL, schema_text_drop_rule, .label = "rule" },
	{ "cs5", "source.workload", SCHEMA_TEXT, .label = "sourceWorkload" },
	{ "cs6", "destination.workload", SCHEMA_TEXT, .label = "destinationWorkload" },
	{ "flexString1", "dns.qtype", SCHEMA_TEXT, .label = "dnsType" },
	{ "flexString2", "drop.site", SCHEMA_TEXT, .label = "dropSite" },
	{ "msg", NULL, SCHEMA_CALL, schema_text_summary },
};

const struct schema schema_cef = { .rows = rows, .count = COUNT(rows), .style = SCHEMA_CEF };
