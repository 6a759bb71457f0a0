/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_trouble.h"

#include <stdlib.h>
#include <string.h>

#include "flowd/flow/flow_life.h"
#include "flowd/flow/flow_sampled.h"

#define ROUNDS_MAX 2u

/* ---- adding --------------------------------------------------------------------------------- */

static bool same_text(const char *left, const char *right)
{
	return left == right || (left && right && !strcmp(left, right));
}

/* The slot of this reason and place; the last one takes what has no room of its own. */
static struct flow_drop *drop_slot(struct flow_trouble *sum, const struct flow_drop *drop)
{
	for (int i = 0; i < FLOW_DROP_REASONS; i++) {
		struct flow_drop *slot = &sum->drops[i];

		if (!slot->packets ||
		    (same_text(slot->reason, drop->reason) && same_text(slot->site, drop->site)))
			return slot;
	}
	return NULL;
}

static void trouble_add_drop(struct flow_trouble *sum, const struct flow_drop *drop)
{
	struct flow_drop *slot = drop_slot(sum, drop);

	sum->dropped += drop->packets;
	sum->news = 1;
	if (!slot)
		return;
	if (!slot->packets) {
		*slot = *drop;
		return;
	}
	slot->packets += drop->packets;
	if (drop->first_ns < slot->first_ns)
		slot->first_ns = drop->first_ns;
	if (drop->last_ns > slot->last_ns)
		slot->last_ns = drop->last_ns;
}

static void tcp_add_rtt(struct flow_trouble *sum, const struct flow_tcp *news)
{
	struct flow_tcp *tcp = &sum->tcp;

	if (news->rtt_min_us && (!tcp->rtt_min_us || news->rtt_min_us < tcp->rtt_min_us))
		tcp->rtt_min_us = news->rtt_min_us;
	if (!news->srtt_avg_us)
		return;
	sum->srtt_sum_us += news->srtt_avg_us;
	sum->srtt_samples++;
	if (!tcp->srtt_min_us || news->srtt_avg_us < tcp->srtt_min_us)
		tcp->srtt_min_us = news->srtt_avg_us;
	if (news->srtt_avg_us > tcp->srtt_max_us)
		tcp->srtt_max_us = news->srtt_avg_us;
}

static void tcp_add_retransmits(struct flow_trouble *sum, const struct flow_tcp *news)
{
	struct flow_tcp *tcp = &sum->tcp;

	tcp->retransmits += news->retransmits;
	tcp->total_retransmits += news->retransmits;
	for (int i = 0; i < TRACE_RETRANSMIT_COUNT; i++)
		tcp->retransmits_of[i] += news->retransmits_of[i];
	sum->news |= news->retransmits != 0;
}

/* Where packets and a socket tell of one flow, what both know is the socket's. */
void flow_trouble_add_tcp(struct flow_trouble *sum, const struct flow_tcp *news)
{
	struct flow_tcp *tcp = &sum->tcp;

	tcp->by_socket |= news->by_socket;
	if (news->handshake_ns)
		tcp->handshake_ns = news->handshake_ns;
	if (!tcp->by_socket || !news->analysed) {
		tcp_add_rtt(sum, news);
		tcp_add_retransmits(sum, news);
	}
	tcp->resets_sent += news->resets_sent;
	tcp->resets_received += news->resets_received;
	tcp->zero_windows += news->zero_windows;
	tcp->out_of_order += news->out_of_order;
	tcp->duplicate_acks += news->duplicate_acks;
	tcp->analysed |= news->analysed;
	sum->news |= news->resets_sent || news->resets_received;
}

/* ---- telling -------------------------------------------------------------------------------- */

/* Every packet of the record was dropped: that is what became of it. */
static void tell_drops(struct flow_trouble *trouble, int64_t wall_offset_ns,
		       struct flow_record *record)
{
	uint64_t news = trouble->dropped - trouble->dropped_told;

	memcpy(record->drops, trouble->drops, sizeof(record->drops));
	for (int i = 0; i < FLOW_DROP_REASONS && record->drops[i].packets; i++) {
		record->drops[i].first_ns += (uint64_t)wall_offset_ns;
		record->drops[i].last_ns += (uint64_t)wall_offset_ns;
	}
	record->dropped = trouble->dropped;
	trouble->dropped_told = trouble->dropped;
	if (record->total_packets && trouble->dropped >= record->total_packets &&
	    (news || record->kind == FLOW_KIND_END))
		record->verdict = FLOW_VERDICT_DROPPED;
}

void flow_trouble_tell(struct flow_trouble *trouble, int64_t wall_offset_ns,
		       struct flow_record *record)
{
	struct flow_tcp *tcp = &trouble->tcp;

	if (trouble->dropped)
		tell_drops(trouble, wall_offset_ns, record);
	record->tcp = *tcp;
	if (trouble->srtt_samples)
		record->tcp.srtt_avg_us = (uint32_t)(trouble->srtt_sum_us / trouble->srtt_samples);
	*tcp = (struct flow_tcp){ .handshake_ns = tcp->handshake_ns,
				  .srtt_min_us = tcp->srtt_min_us,
				  .srtt_max_us = tcp->srtt_max_us,
				  .rtt_min_us = tcp->rtt_min_us,
				  .total_retransmits = tcp->total_retransmits,
				  .by_socket = tcp->by_socket,
				  .analysed = tcp->analysed };
	trouble->news = 0;
}

/* ---- joining -------------------------------------------------------------------------------- */

/* NULL: as many flows as may tell of trouble already, or no memory. */
static struct flow_trouble *trouble_take(struct flow_table *table, struct flow *flow)
{
	struct flow_note *note;

	if (!flow->noted && table->troubles.held >= table->troubles.max)
		return NULL;
	note = flow_sampled_note(table, flow);
	if (!note || note->trouble)
		return note ? note->trouble : NULL;
	if (table->troubles.held >= table->troubles.max)
		return NULL;
	note->trouble = calloc(1, sizeof(*note->trouble));
	if (note->trouble)
		table->troubles.held++;
	return note->trouble;
}

void flow_trouble_tcp(struct flow_table *table, uint32_t number, const struct flow_tcp *tcp)
{
	struct flow_trouble *trouble = trouble_take(table, flow_state_at(table, number));

	if (trouble)
		flow_trouble_add_tcp(trouble, tcp);
}

/* True when it is settled, joined or not. */
static bool trouble_join(struct flow_table *table, const struct flow_trouble_waiting *news)
{
	uint32_t number =
		flow_pool_find(&table->pool, &news->key, flow_pool_hash(&table->pool, &news->key));
	struct flow_trouble *trouble;

	if (!number)
		return false;
	trouble = trouble_take(table, flow_state_at(table, number));
	if (!trouble) {
		table->troubles.unjoined++;
		return true;
	}
	if (news->is_drop)
		trouble_add_drop(trouble, &news->drop);
	else
		flow_trouble_add_tcp(trouble, &news->tcp);
	table->troubles.joined++;
	if (!flow_state_at(table, number)->packets && trouble->news)
		flow_life_wake(table, number);
	return true;
}

/*
 * The waiting drop of the same flow, reason and place. A flood of one reason takes half of the
 * places at most: *crowded says that it has them.
 */
static struct flow_trouble_waiting *trouble_waiting(struct flow_troubles *troubles,
						    const struct flow_trouble_waiting *news,
						    bool *crowded)
{
	uint32_t alike = 0;

	for (uint32_t i = 0; i < troubles->count; i++) {
		struct flow_trouble_waiting *waiting = &troubles->waiting[i];

		if (waiting->is_drop != news->is_drop ||
		    (news->is_drop && !same_text(waiting->drop.reason, news->drop.reason)))
			continue;
		alike++;
		if (news->is_drop && same_text(waiting->drop.site, news->drop.site) &&
		    flow_key_equal(&waiting->key, &news->key))
			return waiting;
	}
	*crowded = alike >= FLOW_TROUBLES_WAITING / 2;
	return NULL;
}

static void trouble_wait(struct flow_table *table, const struct flow_trouble_waiting *news)
{
	struct flow_troubles *troubles = &table->troubles;
	struct flow_trouble_waiting *waiting;
	bool crowded = false;

	if (trouble_join(table, news))
		return;
	waiting = trouble_waiting(troubles, news, &crowded);
	if (waiting) {
		waiting->drop.packets += news->drop.packets;
		waiting->drop.last_ns = news->drop.last_ns;
	} else if (crowded || troubles->count == FLOW_TROUBLES_WAITING) {
		troubles->unjoined++;
	} else {
		troubles->waiting[troubles->count++] = *news;
	}
}

void flow_table_drop(struct flow_table *table, const struct flow_key *key,
		     const struct flow_drop *drop)
{
	trouble_wait(table,
		     &(struct flow_trouble_waiting){ .key = *key, .is_drop = 1, .drop = *drop });
}

void flow_table_tcp(struct flow_table *table, const struct flow_key *key,
		    const struct flow_tcp *tcp)
{
	trouble_wait(table, &(struct flow_trouble_waiting){ .key = *key, .tcp = *tcp });
}

void flow_trouble_retry(struct flow_table *table, bool last)
{
	struct flow_troubles *troubles = &table->troubles;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < troubles->count; i++) {
		struct flow_trouble_waiting *waiting = &troubles->waiting[i];

		if (trouble_join(table, waiting))
			continue;
		waiting->rounds += last;
		if (waiting->rounds < ROUNDS_MAX)
			troubles->waiting[kept++] = *waiting;
		else
			troubles->unjoined++;
	}
	troubles->count = kept;
}
