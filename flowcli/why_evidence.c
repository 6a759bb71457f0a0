/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/column.h"
#include "flowcli/terminal.h"
#include "proto/json.h"
#include "proto/protocol.h"

/* ICMP messages that a packet was larger than the path: RFC 1191, RFC 4443. */
static bool is_too_big(bool ipv6, const struct flow_icmp_error *error)
{
	return ipv6 ? error->type == 2 : error->type == 3 && error->code == 4;
}

static void copy(char *to, size_t size, const char *from)
{
	terminal_escape(from ? from : "", to, size);
}

/* ---- moments -------------------------------------------------------------------------------- */

static struct evidence_moment *add_moment(struct evidence *evidence, uint64_t time_ns)
{
	struct evidence_moment *moment;

	if (evidence->moment_count == EVIDENCE_MOMENTS) {
		evidence->moments_beyond++;
		return NULL;
	}
	moment = &evidence->moments[evidence->moment_count++];
	moment->time_ns = time_ns;
	return moment;
}

static void take_moment(struct evidence *evidence, const struct flow_record *record)
{
	struct evidence_moment *moment = add_moment(
		evidence, flow_kind_is_event(record->kind) ? record->last_ns : record->first_ns);
	char left[100], right[100], summary[512];
	struct column_end end;

	if (!moment)
		return;
	column_source(record, &end);
	column_join(end.host, end.port, left, sizeof(left));
	column_destination(record, &end);
	column_join(end.host, end.port, right, sizeof(right));
	flow_record_summary(record, summary, sizeof(summary));
	snprintf(moment->text, sizeof(moment->text), "%.80s -> %.80s  %.150s", left, right,
		 summary);
}

static int moment_order(const void *left, const void *right)
{
	const struct evidence_moment *a = left, *b = right;

	return a->time_ns == b->time_ns ? 0 : a->time_ns < b->time_ns ? -1 : 1;
}

/* ---- drops ---------------------------------------------------------------------------------- */

static struct evidence_drop *drop_find(struct evidence *evidence, const struct evidence_drop *like)
{
	for (uint32_t i = 0; i < evidence->drop_count; i++) {
		struct evidence_drop *drop = &evidence->drops[i];

		if (!strcmp(drop->reason, like->reason) && !strcmp(drop->site, like->site) &&
		    !strcmp(drop->hook, like->hook) && !strcmp(drop->chain, like->chain) &&
		    drop->back == like->back && drop->tcp == like->tcp &&
		    drop->netns == like->netns)
			return drop;
	}
	if (evidence->drop_count == EVIDENCE_DROPS)
		return NULL;
	evidence->drops[evidence->drop_count] = *like;
	return &evidence->drops[evidence->drop_count++];
}

static void take_drop(struct evidence *evidence, const struct flow_record *record, bool back)
{
	const struct flow_incident *incident = &record->incident;
	const struct flow_drop *drop = &record->drops[0];
	struct evidence_drop like = { .back = back,
				      .tcp = record->key.protocol == PROTOCOL_TCP,
				      .netns = incident->netns,
				      .syn = true };
	struct evidence_drop *sum;

	copy(like.reason, sizeof(like.reason), drop->reason);
	copy(like.site, sizeof(like.site), drop->site);
	copy(like.hook, sizeof(like.hook), incident->hook);
	copy(like.table, sizeof(like.table), incident->table);
	copy(like.chain, sizeof(like.chain), incident->chain);
	copy(like.device, sizeof(like.device),
	     record->point_count ? record->points[0].interface : NULL);
	sum = drop_find(evidence, &like);
	if (!sum) {
		evidence->drops_beyond += drop->packets;
		return;
	}
	sum->packets += drop->packets;
	sum->syn &= (record->flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN;
	if (!sum->first_ns || drop->first_ns < sum->first_ns)
		sum->first_ns = drop->first_ns;
	if (drop->last_ns > sum->last_ns)
		sum->last_ns = drop->last_ns;
}

static bool is_alike(const struct evidence_drop *left, const struct evidence_drop *right)
{
	return !strcmp(left->reason, right->reason) && !strcmp(left->site, right->site) &&
	       left->back == right->back && left->tcp == right->tcp;
}

/* The first drop of the reason and place; `like` itself, where no event told of it. */
static struct evidence_drop *drop_alike(struct evidence *evidence, const struct evidence_drop *like)
{
	for (uint32_t i = 0; i < evidence->drop_count; i++)
		if (is_alike(&evidence->drops[i], like))
			return &evidence->drops[i];
	return drop_find(evidence, like);
}

static void settle_drops(struct evidence *evidence, const struct evidence_flow *flow)
{
	for (int i = 0; i < FLOW_DROP_REASONS && flow->drops[i].packets; i++) {
		struct evidence_drop like = { .back = flow->back, .tcp = flow->tcp };
		struct evidence_drop *sum;

		memcpy(like.reason, flow->drops[i].reason, sizeof(flow->drops[i].reason));
		memcpy(like.site, flow->drops[i].site, sizeof(flow->drops[i].site));
		like.syn =
			flow->tcp && (flow->flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN;
		sum = drop_alike(evidence, &like);
		if (sum)
			sum->row_packets += flow->drops[i].packets;
		else
			evidence->drops_beyond += flow->drops[i].packets;
	}
}

/* What the rows know beyond the events goes to the first of the reason and place. */
static void finish_drops(struct evidence *evidence)
{
	for (uint32_t i = 0; i < evidence->drop_count; i++) {
		struct evidence_drop *drop = &evidence->drops[i];
		uint64_t told = 0;

		for (uint32_t other = 0; other < evidence->drop_count; other++)
			if (is_alike(drop, &evidence->drops[other]))
				told += evidence->drops[other].packets;
		if (drop->row_packets > told)
			drop->packets += drop->row_packets - told;
	}
}

/* ---- flows ---------------------------------------------------------------------------------- */

static void take_tcp(struct evidence_way *way, const struct flow_tcp *tcp)
{
	way->retransmits += tcp->retransmits;
	for (int i = 0; i < TRACE_RETRANSMIT_COUNT; i++)
		way->retransmits_of[i] += tcp->retransmits_of[i];
	way->zero_windows += tcp->zero_windows;
	if (tcp->srtt_max_us * UINT64_C(1000) > way->rtt_max_ns)
		way->rtt_max_ns = tcp->srtt_max_us * UINT64_C(1000);
	if (tcp->handshake_ns > way->handshake_max_ns)
		way->handshake_max_ns = tcp->handshake_ns;
}

static void take_port(struct evidence *evidence, uint16_t port)
{
	if (evidence->port_count < EVIDENCE_PORTS && !evidence_has_port(evidence, port))
		evidence->ports[evidence->port_count++] = port;
}

bool evidence_has_port(const struct evidence *evidence, uint16_t port)
{
	for (uint32_t i = 0; i < evidence->port_count; i++)
		if (evidence->ports[i] == port)
			return true;
	return false;
}

/* A flow that needs no more room: what it came to. */
static void settle_flow(struct evidence *evidence, const struct evidence_flow *flow)
{
	const uint16_t open = FLOW_TCP_SYN | FLOW_TCP_ACK;

	settle_drops(evidence, flow);
	if (!flow->tcp || flow->back)
		return;
	if ((flow->flags & open) == FLOW_TCP_SYN)
		evidence->there.syn_only += flow->packets;
	else if ((flow->flags & open) == open)
		evidence->established++;
}

static void take_latest(struct evidence *evidence, const struct flow_record *record, bool back)
{
	struct evidence_flow *flow = NULL;

	for (uint64_t i = 0; i < EVIDENCE_FLOWS && i < evidence->flow_count && !flow; i++)
		if (evidence->flows[i].flow_id == record->flow_id)
			flow = &evidence->flows[i];
	if (!flow) {
		flow = &evidence->flows[evidence->flow_count % EVIDENCE_FLOWS];
		if (evidence->flow_count++ >= EVIDENCE_FLOWS)
			settle_flow(evidence, flow);
	}
	*flow = (struct evidence_flow){ .flow_id = record->flow_id,
					.packets = record->total_packets,
					.flags = record->flags,
					.back = back,
					.tcp = record->key.protocol == PROTOCOL_TCP };
	for (int i = 0; i < FLOW_DROP_REASONS; i++) {
		const struct flow_drop *drop = &record->drops[i];

		copy(flow->drops[i].reason, sizeof(flow->drops[i].reason), drop->reason);
		copy(flow->drops[i].site, sizeof(flow->drops[i].site), drop->site);
		flow->drops[i].packets = drop->packets;
	}
}

static void take_resets(struct evidence_way *way, const struct flow_record *record)
{
	const uint16_t said = FLOW_TCP_SYN | FLOW_TCP_PSH | FLOW_TCP_FIN;

	if (record->kind != FLOW_KIND_END || !(record->flags & FLOW_TCP_RST))
		return;
	way->resets++;
	way->refusals += !(record->flags & said);
}

static void take_flow(struct evidence *evidence, const struct flow_record *record, bool back)
{
	struct evidence_way *way = back ? &evidence->back : &evidence->there;

	way->packets += record->packets;
	way->bytes += record->bytes;
	way->flags |= record->flags & FLOW_TCP_MASK;
	take_tcp(way, &record->tcp);
	if (record->icmp_error.packets) {
		way->icmp = record->icmp_error;
		way->icmp_errors = record->icmp_error.packets;
		way->icmp_ipv6 = record->key.scope & FLOW_SCOPE_IPV6;
		way->icmp_too_big += is_too_big(way->icmp_ipv6, &record->icmp_error);
	}
	if (record->key.protocol == PROTOCOL_TCP) {
		evidence->tcp = true;
		take_resets(way, record);
	}
	take_latest(evidence, record, back);
	if (!back)
		take_port(evidence, record->key.dst_port);
	if (!back && record->reply != FLOW_REPLY_YES)
		why_dns_take_flow(&evidence->dns, record);
	if (record->kind != FLOW_KIND_END)
		return;
	way->flows++;
	take_moment(evidence, record);
}

/* Of a reset that came, the record's source is who got it. */
static void take_reset_event(struct evidence *evidence, const struct flow_record *record, bool back)
{
	bool by_destination = record->incident.sent ? back : !back;

	(by_destination ? &evidence->back : &evidence->there)->resets_told++;
}

void evidence_take(struct evidence *evidence, const struct flow_record *record, bool back)
{
	struct evidence_way *way = back ? &evidence->back : &evidence->there;

	evidence->records++;
	if (record->ends[FLOW_SOURCE].endpoint && record->ends[FLOW_SOURCE].endpoint->netns)
		way->netns = record->ends[FLOW_SOURCE].endpoint->netns;
	if (!evidence->first_ns || record->first_ns < evidence->first_ns)
		evidence->first_ns = record->first_ns;
	if (record->last_ns > evidence->last_ns)
		evidence->last_ns = record->last_ns;
	if (!flow_kind_is_event(record->kind)) {
		take_flow(evidence, record, back);
		return;
	}
	take_moment(evidence, record);
	if (record->kind == FLOW_KIND_TCP_OVERFLOW) {
		evidence->overflows += record->dropped;
		evidence->overflow_netns = record->incident.netns;
	}
	if (record->kind == FLOW_KIND_DROP)
		take_drop(evidence, record, back);
	else if (record->kind == FLOW_KIND_TCP_RESET)
		take_reset_event(evidence, record, back);
	if (record->kind == FLOW_KIND_TCP_CONNECT) {
		evidence->connect_failures++;
		evidence->connect_error = record->incident.error;
	}
}

/* ---- the end -------------------------------------------------------------------------------- */

/* The messages that the verdict speaks of; others are of no interest here. */
static void take_dns_moments(struct evidence *evidence)
{
	const struct why_dns *dns = &evidence->dns;

	for (size_t i = 0; i < WHY_DNS_ANSWERS && i < dns->answer_count; i++) {
		const struct why_dns_answer *answer = &dns->answers[i];
		struct evidence_moment *moment = NULL;

		if (answer->used || answer->named)
			moment = add_moment(evidence, answer->end_ns);
		if (moment)
			strcpy(moment->text, answer->text);
	}
}

void evidence_finish(struct evidence *evidence)
{
	if (evidence->back.netns && evidence->overflow_netns != evidence->back.netns)
		evidence->overflows = 0; /* a socket with the same port elsewhere */
	for (uint64_t i = 0; i < EVIDENCE_FLOWS && i < evidence->flow_count; i++)
		settle_flow(evidence, &evidence->flows[i]);
	finish_drops(evidence);
	why_dns_join(&evidence->dns);
	take_dns_moments(evidence);
	qsort(evidence->moments, evidence->moment_count, sizeof(evidence->moments[0]),
	      moment_order);
}
