/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/errno_name.h"
#include "proto/json_members.h"
#include "proto/protocol.h"
#include "proto/tcp_state.h"

#define TEXT_MAX_BYTES 128 /* as JSON; the kernel's names are shorter */

#define RETRANSMIT_NAME(name, text) text,
static const char *const retransmit_names[] = { TRACE_RETRANSMITS(RETRANSMIT_NAME) };

static char *put_text(char *out, const char *text)
{
	return json_literal(json_string(out, text, TEXT_MAX_BYTES), ",");
}

/* "key":"text", where there is one */
#define put_optional(out, key, text) \
	((text) ? put_text(json_literal(out, "\"" key "\":"), text) : (out))
/* "key":123, where it is not zero */
#define put_nonzero(out, key, number) ((number) ? put_number(out, key, number) : (out))
/* The same as a string. */
#define put_counted(out, key, number) ((number) ? put_count(out, key, number) : (out))

/* ---- drops ---------------------------------------------------------------------------------- */

static char *put_drop(char *out, const struct flow_drop *drop)
{
	*out++ = '{';
	out = put_time(out, "first", drop->first_ns);
	out = put_time(out, "last", drop->last_ns);
	out = put_count(out, "packets", drop->packets);
	out = put_optional(out, "reason", drop->reason);
	out = put_optional(out, "site", drop->site);
	return json_literal(close_object(out, '}'), ",");
}

static char *put_drop_event(char *out, const struct flow_record *record)
{
	const struct flow_incident *incident = &record->incident;
	const struct flow_drop *drop = &record->drops[0];

	out = json_literal(out, "\"drop\":{");
	out = put_optional(out, "chain", incident->chain);
	out = put_optional(out, "hook", incident->hook);
	out = put_nonzero(out, "length", incident->length);
	out = put_count(out, "packets", drop->packets);
	out = put_optional(out, "reason", drop->reason);
	out = put_optional(out, "site", drop->site);
	out = put_optional(out, "subsystem", incident->subsystem);
	out = put_optional(out, "table", incident->table);
	if (tcp_state_name(incident->new_state))
		out = put_word(out, "tcp_state", tcp_state_name(incident->new_state));
	return json_literal(close_object(out, '}'), ",");
}

char *json_drops(char *out, const struct flow_record *record)
{
	if (record->kind == FLOW_KIND_DROP)
		return put_drop_event(out, record);
	if (!record->dropped)
		return out;
	out = put_count(out, "dropped", record->dropped);
	out = json_literal(out, "\"drops\":[");
	for (int i = 0; i < FLOW_DROP_REASONS && record->drops[i].packets; i++)
		out = put_drop(out, &record->drops[i]);
	return json_literal(close_object(out, ']'), ",");
}

/* ---- where ---------------------------------------------------------------------------------- */

char *json_cgroup(char *out, const struct flow_record *record)
{
	return put_counted(out, "cgroup", record->incident.cgroup);
}

char *json_netns(char *out, const struct flow_record *record)
{
	const struct flow_incident *incident = &record->incident;

	if (!incident->netns)
		return out;
	out = json_literal(out, "\"netns\":{");
	out = put_counted(out, "cookie", incident->netns_cookie);
	out = put_number(out, "inode", incident->netns);
	return json_literal(close_object(out, '}'), ",");
}

char *json_socket(char *out, const struct flow_record *record)
{
	return put_counted(out, "socket", record->incident.socket);
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static char *put_flags(char *out, unsigned flags)
{
	static const char hex[] = "0123456789abcdef";

	out = json_literal(out, "\"flags\":\"0x");
	if (flags > 0xff)
		*out++ = hex[flags >> 8];
	*out++ = hex[flags >> 4 & 15];
	*out++ = hex[flags & 15];
	return json_literal(out, "\",");
}

static char *put_kinds(char *out, const struct flow_tcp *tcp)
{
#define PUT_KIND(key, kind) put_nonzero(out, key, tcp->retransmits_of[TRACE_RETRANSMIT_##kind])
	out = json_literal(out, "\"retransmits_by\":{");
	out = PUT_KIND("fast", FAST);
	out = PUT_KIND("rto", RTO);
	out = PUT_KIND("seen", NONE);
	out = PUT_KIND("syn", SYN);
	out = PUT_KIND("syn_ack", SYNACK);
	out = PUT_KIND("tlp", PROBE);
#undef PUT_KIND
	return json_literal(close_object(out, '}'), ",");
}

static char *put_srtt(char *out, const struct flow_tcp *tcp)
{
	if (tcp->rtt_min_us)
		out = put_count(out, "rtt_min_ns", tcp->rtt_min_us * UINT64_C(1000));
	if (!tcp->srtt_avg_us)
		return out;
	out = json_literal(out, "\"srtt_ns\":{");
	out = put_count(out, "avg", tcp->srtt_avg_us * UINT64_C(1000));
	out = put_count(out, "max", tcp->srtt_max_us * UINT64_C(1000));
	out = put_count(out, "min", tcp->srtt_min_us * UINT64_C(1000));
	return json_literal(close_object(out, '}'), ",");
}

/* Of an event: counts are left to the flow's records, so that sums over all records are right. */
static char *put_tcp_event(char *out, const struct flow_record *record)
{
	const struct flow_incident *incident = &record->incident;

	out = put_counted(out, "duration_ns", incident->duration_ns);
	if (incident->error)
		out = put_word(out, "error", errno_name(incident->error));
	out = put_flags(out, record->flags & FLOW_TCP_MASK);
	out = put_optional(out, "message", incident->message);
	if (tcp_state_name(incident->new_state))
		out = put_word(out, "new_state", tcp_state_name(incident->new_state));
	if (tcp_state_name(incident->old_state))
		out = put_word(out, "old_state", tcp_state_name(incident->old_state));
	if (record->kind == FLOW_KIND_TCP_RESET)
		out = incident->sent ? json_literal(out, "\"reset\":\"sent\",")
				     : json_literal(out, "\"reset\":\"received\",");
	if (incident->retransmit)
		out = put_word(out, "retransmit", NAME_OF(retransmit_names, incident->retransmit));
	out = put_srtt(out, &record->tcp);
	return put_nonzero(out, "total_retransmits", record->tcp.total_retransmits);
}

static char *put_tcp_flow(char *out, const struct flow_record *record)
{
	const struct flow_tcp *tcp = &record->tcp;

	out = put_nonzero(out, "duplicate_acks", tcp->duplicate_acks);
	out = put_flags(out, record->flags & FLOW_TCP_MASK);
	out = put_counted(out, "handshake_rtt_ns", tcp->handshake_ns);
	out = put_nonzero(out, "out_of_order", tcp->out_of_order);
	out = put_nonzero(out, "resets_received", tcp->resets_received);
	out = put_nonzero(out, "resets_sent", tcp->resets_sent);
	if (tcp->retransmits || tcp->analysed)
		out = put_number(out, "retransmits", tcp->retransmits);
	if (tcp->retransmits)
		out = put_kinds(out, tcp);
	out = put_srtt(out, tcp);
	out = put_nonzero(out, "total_retransmits", tcp->total_retransmits);
	if (tcp->zero_windows || tcp->analysed)
		out = put_number(out, "zero_windows", tcp->zero_windows);
	return out;
}

char *json_tcp(char *out, const struct flow_record *record)
{
	if (record->key.protocol != PROTOCOL_TCP)
		return out;
	out = json_literal(out, "\"tcp\":{");
	out = flow_kind_is_event(record->kind) ? put_tcp_event(out, record)
					       : put_tcp_flow(out, record);
	return json_literal(close_object(out, '}'), ",");
}
