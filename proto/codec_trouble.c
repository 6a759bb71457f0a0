/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What went wrong, between struct flow_record and message Flow. */
#include <errno.h>
#include <string.h>

#include "proto/codec_parts.h"
#include "proto/protocol.h"

/* The members that both sides have under one name, X(member). */
#define TCP_MEMBERS(X)       \
	X(handshake_ns)      \
	X(srtt_min_us)       \
	X(srtt_avg_us)       \
	X(srtt_max_us)       \
	X(rtt_min_us)        \
	X(retransmits)       \
	X(total_retransmits) \
	X(resets_sent)       \
	X(resets_received)   \
	X(zero_windows)      \
	X(out_of_order)      \
	X(duplicate_acks)    \
	X(analysed)
#define INCIDENT_TEXTS(X) \
	X(hook)           \
	X(table)          \
	X(chain)          \
	X(subsystem)      \
	X(message)
#define INCIDENT_NUMBERS(X) \
	X(netns_cookie)     \
	X(netns)            \
	X(cgroup)           \
	X(socket)           \
	X(duration_ns)      \
	X(length)           \
	X(error)            \
	X(old_state)        \
	X(new_state)        \
	X(retransmit)       \
	X(sent)

/* ---- record to message ---------------------------------------------------------------------- */

static void image_drops(struct flow_image *image, const struct flow_record *record)
{
	size_t count = 0;

	for (; count < FLOW_DROP_REASONS && record->drops[count].packets; count++) {
		const struct flow_drop *drop = &record->drops[count];
		Flowd__Drop *message = &image->drops[count];

		flowd__drop__init(message);
		message->reason = codec_string(drop->reason);
		message->site = codec_string(drop->site);
		message->packets = drop->packets;
		message->first_ns = drop->first_ns;
		message->last_ns = drop->last_ns;
		image->drop_list[count] = message;
	}
	image->flow.n_drops = count;
	image->flow.drops = image->drop_list;
	image->flow.dropped = record->dropped;
}

static void image_tcp_facts(struct flow_image *image, const struct flow_tcp *tcp)
{
	static const struct flow_tcp nothing;

	if (!memcmp(tcp, &nothing, sizeof(nothing)))
		return;
	flowd__tcp_facts__init(&image->tcp_facts);
#define SET(member) image->tcp_facts.member = tcp->member;
	TCP_MEMBERS(SET)
#undef SET
	if (tcp->retransmits) {
		memcpy(image->retransmits_of, tcp->retransmits_of, sizeof(tcp->retransmits_of));
		image->tcp_facts.n_retransmits_of = TRACE_RETRANSMIT_COUNT;
		image->tcp_facts.retransmits_of = image->retransmits_of;
	}
	image->flow.tcp_facts = &image->tcp_facts;
}

static void image_incident(struct flow_image *image, const struct flow_incident *incident)
{
	flowd__incident__init(&image->incident);
#define SET(member) image->incident.member = codec_string(incident->member);
	INCIDENT_TEXTS(SET)
#undef SET
#define SET(member) image->incident.member = incident->member;
	INCIDENT_NUMBERS(SET)
#undef SET
	image->flow.incident = &image->incident;
}

void codec_trouble_image(struct flow_image *image, const struct flow_record *record)
{
	if (record->dropped)
		image_drops(image, record);
	if (record->key.protocol == PROTOCOL_TCP)
		image_tcp_facts(image, &record->tcp);
	if (flow_kind_is_event(record->kind) && !record->dns)
		image_incident(image, &record->incident);
}

/* ---- message to record ---------------------------------------------------------------------- */

static int read_drops(const Flowd__Flow *flow, struct flow_record *record,
		      const struct reason *reason)
{
	if (codec_narrow(flow->n_drops, FLOW_DROP_REASONS, "number of drops", reason))
		return -EBADMSG;
	for (size_t i = 0; i < flow->n_drops; i++) {
		const Flowd__Drop *drop = flow->drops[i];

		record->drops[i] = (struct flow_drop){ .reason = codec_text(drop->reason),
						       .site = codec_text(drop->site),
						       .packets = drop->packets,
						       .first_ns = drop->first_ns,
						       .last_ns = drop->last_ns };
	}
	record->dropped = flow->dropped;
	return 0;
}

static int read_tcp_facts(const Flowd__TcpFacts *facts, struct flow_tcp *tcp,
			  const struct reason *reason)
{
	if (!facts)
		return 0;
	if (facts->n_retransmits_of && facts->n_retransmits_of != TRACE_RETRANSMIT_COUNT)
		return reason_set(reason, -EBADMSG, "flow: %zu kinds of retransmission, not %d",
				  facts->n_retransmits_of, TRACE_RETRANSMIT_COUNT);
#define SET(member) tcp->member = facts->member;
	TCP_MEMBERS(SET)
#undef SET
	if (facts->n_retransmits_of)
		memcpy(tcp->retransmits_of, facts->retransmits_of, sizeof(tcp->retransmits_of));
	return 0;
}

static int read_incident(const Flowd__Incident *message, struct flow_incident *incident,
			 const struct reason *reason)
{
	if (!message)
		return 0;
	if (codec_narrow(message->old_state, UINT8_MAX, "TCP state", reason) ||
	    codec_narrow(message->new_state, UINT8_MAX, "TCP state", reason) ||
	    codec_narrow(message->retransmit, TRACE_RETRANSMIT_COUNT - 1, "retransmit", reason))
		return -EBADMSG;
#define SET(member) incident->member = codec_text(message->member);
	INCIDENT_TEXTS(SET)
#undef SET
#define SET(member) incident->member = (__typeof__(incident->member))message->member;
	INCIDENT_NUMBERS(SET)
#undef SET
	return 0;
}

int codec_trouble_read(const Flowd__Flow *flow, struct flow_record *record,
		       const struct reason *reason)
{
	if (read_drops(flow, record, reason) ||
	    read_tcp_facts(flow->tcp_facts, &record->tcp, reason) ||
	    read_incident(flow->incident, &record->incident, reason))
		return -EBADMSG;
	return 0;
}
