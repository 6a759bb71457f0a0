/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/summary.h"

#include <stdio.h>

#include "proto/address.h"
#include "proto/icmp.h"
#include "proto/json.h"
#include "proto/json_text.h"
#include "proto/protocol.h"
#include "proto/summary_trouble.h"
#include "proto/tcp_flags.h"

/* Cilium's message types and trace observation points (pkg/monitor/api). */
#define EVENT_DROP	   1
#define EVENT_TRACE	   4
#define EVENT_L7	   129
#define TRACE_FROM_NETWORK 10
#define TRACE_TO_NETWORK   11

static char *write_icmp(char *out, const struct flow_key *key)
{
	out = json_word(out, protocol_name(key->protocol));
	*out++ = ' ';
	return icmp_write(out, key->protocol, (uint8_t)key->src_port, (uint8_t)key->dst_port);
}

static char *write_other(char *out, uint8_t protocol)
{
	const char *name = protocol_name(protocol);

	out = json_literal(out, "IP protocol ");
	out = json_u64(out, protocol);
	if (!name)
		return out;
	out = json_literal(out, " (");
	out = json_word(out, name);
	return json_literal(out, ")");
}

static char *write_protocol(char *out, const struct flow_record *record)
{
	switch (record->key.protocol) {
	case PROTOCOL_TCP:
		if (!(record->flags & FLOW_TCP_MASK))
			return json_literal(out, "TCP");
		out = json_literal(out, "TCP Flags: ");
		return tcp_flags_write(out, record->flags, ", ");
	case PROTOCOL_UDP:
		return json_literal(out, "UDP");
	case PROTOCOL_SCTP:
		return json_literal(out, "SCTP");
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return write_icmp(out, &record->key);
	default:
		return write_other(out, record->key.protocol);
	}
}

static char *write_end_point(char *out, const struct flow_key *key, const uint8_t address[16],
			     uint16_t port)
{
	bool ipv6 = key->scope & FLOW_SCOPE_IPV6, ported = protocol_has_ports(key->protocol);

	if (ipv6 && ported)
		*out++ = '[';
	out = address_write(out, address, !ipv6);
	if (!ported)
		return out;
	if (ipv6)
		*out++ = ']';
	*out++ = ':';
	return json_u64(out, port);
}

/* What an ICMP error is about. */
static char *write_quoted(char *out, const struct flow_record *record)
{
	const struct flow_key *key = &record->quoted;
	const char *name = protocol_name(key->protocol);

	if (!(record->flags & FLOW_FLAG_QUOTE))
		return out;
	out = json_literal(out, " for ");
	out = write_end_point(out, key, key->src, key->src_port);
	out = json_literal(out, " -> ");
	out = write_end_point(out, key, key->dst, key->dst_port);
	*out++ = ' ';
	return name ? json_word(out, name) : write_other(out, key->protocol);
}

static char *write_counts(char *out, uint64_t packets, uint64_t bytes)
{
	out = json_u64(out, packets);
	out = packets == 1 ? json_literal(out, " packet ") : json_literal(out, " packets ");
	out = json_u64(out, bytes);
	return json_literal(out, " bytes");
}

static char *write_sampling(char *out, const struct flow_record *record)
{
	uint32_t sampling = record->sampling;

	if (sampling <= 1)
		return out;
	out = json_literal(out, " (1 in ");
	out = json_u64(out, sampling);
	out = json_literal(out, ": about ");
	out = write_counts(
		out,
		flow_record_estimate(record->total_packets, record->total_certain_packets,
				     sampling),
		flow_record_estimate(record->total_bytes, record->total_certain_bytes, sampling));
	return json_literal(out, ")");
}

static char *write_tunnel(char *out, const struct flow_record *record)
{
#define NAME(name, value, text) [value] = text,
	static const char *const names[FLOW_TUNNEL_COUNT] = { FLOW_TUNNELS(NAME) };
#undef NAME

	if ((record->flags & (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)) != FLOW_FLAG_TUNNEL ||
	    record->outer.type >= FLOW_TUNNEL_COUNT)
		return out;
	out = json_literal(out, " in ");
	out = json_word(out, names[record->outer.type]);
	if (!record->outer.id)
		return out;
	*out++ = ' ';
	return json_u64(out, record->outer.id);
}

/* What others said of the flow. */
static char *write_errors(char *out, const struct flow_record *record)
{
	const struct flow_icmp_error *error = &record->icmp_error;
	bool ipv6 = record->key.scope & FLOW_SCOPE_IPV6;
	uint8_t protocol = ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP;

	if (!error->packets)
		return out;
	out = json_literal(out, ", ");
	out = json_u64(out, error->packets);
	out = error->packets == 1 ? json_literal(out, " error: ") : json_literal(out, " errors: ");
	out = json_word(out, protocol_name(protocol));
	*out++ = ' ';
	out = icmp_write(out, protocol, error->type, error->code);
	out = json_literal(out, " from ");
	return address_write(out, error->reporter, !ipv6);
}

/* What ended the flow; nothing for other records and for a reason that this build does not know. */
static char *write_end(char *out, const struct flow_record *record)
{
#define REASON(name, text) [FLOW_END_##name] = text,
	static const char *const reasons[FLOW_END_COUNT] = { FLOW_END_REASONS(REASON) };
#undef REASON

	if (record->kind != FLOW_KIND_END || record->end_reason >= FLOW_END_COUNT)
		return out;
	out = json_literal(out, ", ended: ");
	return json_word(out, reasons[record->end_reason]);
}

/* Totals, not this record's share: one row tells the story. */
char *summary_write(char *out, const struct flow_record *record)
{
	if (record->dns)
		return summary_write_dns(out, record);
	out = write_protocol(out, record);
	out = write_quoted(out, record);
	out = json_literal(out, "; ");
	if (flow_kind_is_event(record->kind))
		return summary_event(out, record);
	out = write_counts(out, record->total_packets, record->total_bytes);
	out = write_sampling(out, record);
	out = write_tunnel(out, record);
	out = write_errors(out, record);
	out = summary_trouble(out, record);
	return write_end(out, record);
}

int flow_record_summary(const struct flow_record *record, char *text, size_t size)
{
	char summary[SUMMARY_MAX + 1];

	*summary_write(summary, record) = '\0';
	return snprintf(text, size, "%s", summary);
}

/* As Hubble says it: what, and who saw it. */
static const char *dns_type(const struct flow_dns *dns)
{
	switch ((enum flow_dns_event)dns->event) {
	case FLOW_DNS_EVENT_RESPONSE:
		return "dns-response flowd";
	case FLOW_DNS_EVENT_TIMEOUT:
		return "dns-timeout flowd";
	case FLOW_DNS_EVENT_REQUEST:
	case FLOW_DNS_EVENT_COUNT:
		break;
	}
	return "dns-request flowd";
}

const char *flow_record_type(const struct flow_record *record, int *type, int *sub_type)
{
	if (record->dns) {
		*type = EVENT_L7;
		*sub_type = 0;
		return dns_type(record->dns);
	}
	if (record->verdict == FLOW_VERDICT_DROPPED) {
		*type = EVENT_DROP;
		*sub_type = 0;
		return "drop";
	}
	*type = EVENT_TRACE;
	*sub_type =
		record->direction == FLOW_DIRECTION_EGRESS ? TRACE_TO_NETWORK : TRACE_FROM_NETWORK;
	if (flow_kind_is_event(record->kind))
		return "tcp";
	return *sub_type == TRACE_TO_NETWORK ? "to-network" : "from-network";
}
