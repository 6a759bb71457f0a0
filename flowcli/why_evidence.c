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

static void take_moment(struct evidence *evidence, const struct flow_record *record)
{
	struct evidence_moment *moment;
	char left[72], right[72], summary[512];
	struct column_end end;

	if (evidence->moment_count == EVIDENCE_MOMENTS) {
		evidence->moments_beyond++;
		return;
	}
	moment = &evidence->moments[evidence->moment_count++];
	moment->time_ns = flow_kind_is_event(record->kind) ? record->last_ns : record->first_ns;
	column_source(record, &end);
	column_join(end.host, end.port, left, sizeof(left));
	column_destination(record, &end);
	column_join(end.host, end.port, right, sizeof(right));
	flow_record_summary(record, summary, sizeof(summary));
	snprintf(moment->text, sizeof(moment->text), "%.40s -> %.40s  %.100s", left, right,
		 summary);
}

static int moment_order(const void *left, const void *right)
{
	const struct evidence_moment *a = left, *b = right;

	return a->time_ns == b->time_ns ? 0 : a->time_ns < b->time_ns ? -1 : 1;
}

void evidence_sort(struct evidence *evidence)
{
	qsort(evidence->moments, evidence->moment_count, sizeof(evidence->moments[0]),
	      moment_order);
}

/* ---- drops ---------------------------------------------------------------------------------- */

static struct evidence_drop *drop_find(struct evidence *evidence, const struct evidence_drop *like)
{
	for (uint32_t i = 0; i < evidence->drop_count; i++) {
		struct evidence_drop *drop = &evidence->drops[i];

		if (!strcmp(drop->reason, like->reason) && !strcmp(drop->site, like->site) &&
		    !strcmp(drop->hook, like->hook) && !strcmp(drop->chain, like->chain) &&
		    drop->back == like->back && drop->netns == like->netns)
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
	struct evidence_drop like = { .back = back, .netns = incident->netns, .syn = true };
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

static void take_flow(struct evidence *evidence, const struct flow_record *record, bool back)
{
	struct evidence_way *way = back ? &evidence->back : &evidence->there;
	const uint16_t open = FLOW_TCP_SYN | FLOW_TCP_ACK;

	way->packets += record->packets;
	way->bytes += record->bytes;
	way->flags |= record->flags & FLOW_TCP_MASK;
	take_tcp(way, &record->tcp);
	if (record->icmp_error.packets) {
		way->icmp = record->icmp_error;
		way->icmp_errors = record->icmp_error.packets;
		way->icmp_too_big +=
			is_too_big(record->key.scope & FLOW_SCOPE_IPV6, &record->icmp_error);
	}
	if (record->key.protocol == PROTOCOL_TCP) {
		evidence->tcp = true;
		if ((record->flags & open) == FLOW_TCP_SYN)
			way->syn_only += record->packets;
		if (record->flags & FLOW_TCP_RST)
			way->resets = 1;
	}
	if (record->kind != FLOW_KIND_END)
		return;
	way->flows++;
	if (!back && (record->flags & open) == open)
		evidence->established++;
	take_moment(evidence, record);
}

void evidence_take(struct evidence *evidence, const struct flow_record *record, bool back)
{
	struct evidence_way *way = back ? &evidence->back : &evidence->there;

	evidence->records++;
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
		way->resets++;
	if (record->kind == FLOW_KIND_TCP_CONNECT) {
		evidence->connect_failures++;
		evidence->connect_error = record->incident.error;
	}
}
