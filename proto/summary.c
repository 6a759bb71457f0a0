/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/summary.h"

#include <stdio.h>

#include "proto/icmp.h"
#include "proto/json.h"
#include "proto/json_text.h"
#include "proto/protocol.h"
#include "proto/tcp_flags.h"

/* Cilium's message types and trace observation points (pkg/monitor/api). */
#define EVENT_DROP	   1
#define EVENT_TRACE	   4
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
	uint64_t packets = record->total_packets;

	out = write_protocol(out, record);
	out = json_literal(out, "; ");
	out = json_u64(out, packets);
	out = packets == 1 ? json_literal(out, " packet ") : json_literal(out, " packets ");
	out = json_u64(out, record->total_bytes);
	out = json_literal(out, " bytes");
	return write_end(out, record);
}

int flow_record_summary(const struct flow_record *record, char *text, size_t size)
{
	char summary[SUMMARY_MAX + 1];

	*summary_write(summary, record) = '\0';
	return snprintf(text, size, "%s", summary);
}

const char *flow_record_type(const struct flow_record *record, int *type, int *sub_type)
{
	if (record->verdict == FLOW_VERDICT_DROPPED) {
		*type = EVENT_DROP;
		*sub_type = 0;
		return "drop";
	}
	*type = EVENT_TRACE;
	*sub_type =
		record->direction == FLOW_DIRECTION_EGRESS ? TRACE_TO_NETWORK : TRACE_FROM_NETWORK;
	return *sub_type == TRACE_TO_NETWORK ? "to-network" : "from-network";
}
