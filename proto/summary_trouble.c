/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/summary_trouble.h"

#include "proto/errno_name.h"
#include "proto/json_text.h"
#include "proto/tcp_state.h"
#include "proto/time.h"

#define NAME_BYTES 64

/* Names may come from another machine: cut, and without what would need an escape. */
static char *write_name(char *out, const char *name)
{
	for (int i = 0; name[i] && i < NAME_BYTES; i++)
		*out++ = name[i] >= ' ' && name[i] < 127 && name[i] != '"' && name[i] != '\\'
				 ? name[i]
				 : '?';
	return out;
}

static char *write_duration(char *out, uint64_t ns)
{
	char text[TIME_TEXT_MAX];

	time_format_duration(ns, text, sizeof(text));
	return json_word(out, text);
}

static char *write_packets(char *out, uint64_t packets)
{
	out = json_u64(out, packets);
	return packets == 1 ? json_literal(out, " packet") : json_literal(out, " packets");
}

/* "NETFILTER_DROP at nf_hook_slow"; kernels without reasons say where alone. */
static char *write_reason(char *out, const struct flow_drop *drop)
{
	out = write_name(out, drop->reason ? drop->reason : "no reason told");
	if (!drop->site)
		return out;
	return write_name(json_literal(out, " at "), drop->site);
}

static char *write_firewall(char *out, const struct flow_incident *incident)
{
	if (incident->hook)
		out = write_name(json_literal(out, ", hook "), incident->hook);
	if (incident->table)
		out = write_name(json_literal(out, ", table "), incident->table);
	if (incident->chain)
		out = write_name(json_literal(out, ", chain "), incident->chain);
	return out;
}

static char *write_rtt(char *out, const struct flow_tcp *tcp)
{
	if (!tcp->srtt_avg_us)
		return out;
	return write_duration(json_literal(out, ", srtt "), tcp->srtt_avg_us * UINT64_C(1000));
}

static char *write_retransmit(char *out, const struct flow_record *record)
{
#define KIND_TEXT(name, text) text,
	static const char *const kinds[] = { TRACE_RETRANSMITS(KIND_TEXT) };
#undef KIND_TEXT

	out = json_literal(out, "retransmitted");
	if (record->incident.retransmit && record->incident.retransmit < TRACE_RETRANSMIT_COUNT) {
		out = json_word(json_literal(out, " ("), kinds[record->incident.retransmit]);
		*out++ = ')';
	}
	if (record->tcp.total_retransmits)
		out = json_u64(json_literal(out, ", retransmits so far "),
			       record->tcp.total_retransmits);
	return write_rtt(out, &record->tcp);
}

static char *write_reset(char *out, const struct flow_record *record)
{
	const struct flow_incident *incident = &record->incident;

	out = incident->sent ? json_literal(out, "reset sent")
			     : json_literal(out, "reset received");
	if (incident->message) {
		out = write_name(json_literal(out, " ("), incident->message);
		*out++ = ')';
	}
	return out;
}

static char *write_connect(char *out, const struct flow_incident *incident)
{
	out = json_literal(out, "connect failed: ");
	out = incident->error ? json_word(out, errno_name(incident->error))
			      : json_literal(out, "given up");
	if (!incident->duration_ns)
		return out;
	return write_duration(json_literal(out, " after "), incident->duration_ns);
}

static char *write_state(char *out, const struct flow_incident *incident)
{
	const char *old = tcp_state_name(incident->old_state);
	const char *new = tcp_state_name(incident->new_state);

	out = json_word(out, old ? old : "?");
	out = json_word(json_literal(out, " to "), new ? new : "?");
	if (!incident->duration_ns)
		return out;
	return write_duration(json_literal(out, " after "), incident->duration_ns);
}

char *summary_event(char *out, const struct flow_record *record)
{
	switch ((enum flow_kind)record->kind) {
	case FLOW_KIND_DROP:
		out = write_packets(out, record->drops[0].packets);
		out = write_reason(json_literal(out, " dropped: "), &record->drops[0]);
		return write_firewall(out, &record->incident);
	case FLOW_KIND_TCP_RETRANSMIT:
		return write_retransmit(out, record);
	case FLOW_KIND_TCP_RESET:
		return write_reset(out, record);
	case FLOW_KIND_TCP_CONNECT:
		return write_connect(out, &record->incident);
	case FLOW_KIND_TCP_STATE:
		return write_state(out, &record->incident);
	case FLOW_KIND_TCP_OVERFLOW:
		return json_literal(
			write_packets(json_literal(out, "listening socket's queue full: "),
				      record->dropped),
			" dropped");
	case FLOW_KIND_XDP_ERROR:
		return json_literal(out, "XDP program failed");
	case FLOW_KIND_START:
	case FLOW_KIND_UPDATE:
	case FLOW_KIND_END:
	case FLOW_KIND_COUNT:
		break;
	}
	return out;
}

char *summary_trouble(char *out, const struct flow_record *record)
{
	const struct flow_tcp *tcp = &record->tcp;

	if (record->dropped) {
		out = json_u64(json_literal(out, ", "), record->dropped);
		out = write_reason(json_literal(out, " dropped: "), &record->drops[0]);
	}
	if (tcp->total_retransmits) {
		out = json_u64(json_literal(out, ", "), tcp->total_retransmits);
		out = tcp->total_retransmits == 1 ? json_literal(out, " retransmit")
						  : json_literal(out, " retransmits");
	}
	if (tcp->handshake_ns)
		out = write_duration(json_literal(out, ", handshake "), tcp->handshake_ns);
	return write_rtt(out, tcp);
}
