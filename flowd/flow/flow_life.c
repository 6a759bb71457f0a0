/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_life.h"

#include <netinet/in.h>

static int32_t idle_ticks(const struct flow_ticks *ticks, const struct flow *flow)
{
	if (flow->closing)
		return ticks->closed;
	switch (flow->key.protocol) {
	case IPPROTO_TCP:
		return ticks->tcp_idle;
	case IPPROTO_UDP:
		return ticks->udp_idle;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ticks->icmp_idle;
	}
	return ticks->other_idle;
}

/* How long a flow still has; its conversation lives as long as one of both directions. */
int64_t flow_life_idle_left(const struct flow_table *table, const struct flow *flow)
{
	const struct flow *peer = flow_state_peer(table, flow);
	int64_t since = flow_state_ticks_since(table, flow->seen_tick);

	if (peer && flow_state_ticks_since(table, peer->seen_tick) < since)
		since = flow_state_ticks_since(table, peer->seen_tick);
	return idle_ticks(&table->ticks, flow) - since;
}

int64_t flow_life_active_left(const struct flow_table *table, const struct flow *flow)
{
	return table->ticks.active - flow_state_ticks_since(table, flow->record_tick);
}

bool flow_life_has_news(const struct flow_table *table, const struct flow *flow)
{
	const struct flow_note *note;

	if (flow->packets || !flow->noted)
		return flow->packets;
	note = flow_notes_find(&table->notes, flow->id);
	return note->error.packets != note->errors_told || (note->trouble && note->trouble->news);
}

void flow_life_wake(struct flow_table *table, uint32_t number)
{
	struct flow *flow = flow_state_at(table, number);

	if (flow_life_active_left(table, flow) <= 0)
		flow->record_tick = (uint32_t)table->tick;
	flow_life_reschedule(table, number);
}

void flow_life_schedule(struct flow_table *table, uint32_t number)
{
	const struct flow *flow = flow_state_at(table, number);
	int64_t left = flow_life_idle_left(table, flow);

	if (flow_life_has_news(table, flow) && flow_life_active_left(table, flow) < left)
		left = flow_life_active_left(table, flow);
	flow_wheel_add(&table->wheel, &table->pool, number, table->tick, left);
}

/* A fresh flow is scheduled when its START goes out. */
void flow_life_reschedule(struct flow_table *table, uint32_t number)
{
	if (flow_state_at(table, number)->slot == FLOW_WHEEL_FRESH)
		return;
	flow_wheel_remove(&table->wheel, &table->pool, number);
	flow_life_schedule(table, number);
}

static void flow_settle(struct flow_table *table, struct flow *flow)
{
	struct flow *peer = flow_state_peer(table, flow);

	if (flow->reply != FLOW_REPLY_UNKNOWN)
		return;
	if (peer)
		flow_conversation_settle(flow, peer);
	else
		flow_conversation_settle_alone(flow);
}

/* From the SYN to the SYN that answers it, where both were seen. */
static uint64_t flow_handshake_ns(const struct flow_table *table, const struct flow *flow)
{
	const struct flow *peer = flow_state_peer(table, flow);

	if (flow->key.protocol != IPPROTO_TCP || !peer || flow->reply != FLOW_REPLY_NO ||
	    !(flow->flags & peer->flags & FLOW_TCP_SYN) || peer->first_ns < flow->first_ns)
		return 0;
	return peer->first_ns - flow->first_ns;
}

void flow_life_emit(struct flow_table *table, struct flow *flow, enum flow_kind kind,
		    enum flow_end_reason reason)
{
	struct flow_note *note = flow->noted ? flow_notes_find(&table->notes, flow->id) : NULL;

	flow_settle(table, flow);
	flow_publish(&table->publisher,
		     &(struct flow_news){ .flow = flow,
					  .path = flow_paths_at(&table->paths, flow->path),
					  .note = note,
					  .handshake_ns = flow_handshake_ns(table, flow),
					  .kind = kind,
					  .reason = reason },
		     table->now_ns);
	flow->record_tick = (uint32_t)table->tick;
}

void flow_life_unpair(struct flow_table *table, struct flow *flow)
{
	struct flow *peer = flow_state_peer(table, flow);

	if (!peer)
		return;
	peer->peer = flow->peer = 0;
	table->pairs--;
}

static void flow_unnote(struct flow_table *table, const struct flow *flow)
{
	const struct flow_note *note = flow_notes_find(&table->notes, flow->id);

	if (note->error.packets)
		table->errors.held--;
	if (note->trouble)
		table->troubles.held--;
	flow_notes_drop(&table->notes, flow->id);
}

void flow_life_end(struct flow_table *table, uint32_t number, enum flow_end_reason reason)
{
	struct flow *flow = flow_state_at(table, number);

	flow_life_emit(table, flow, FLOW_KIND_END, reason);
	if (flow->key.protocol == IPPROTO_TCP)
		flow_roles_remember(&table->roles, flow_pool_hash(&table->pool, &flow->key), flow);
	flow_life_unpair(table, flow);
	flow_wheel_remove(&table->wheel, &table->pool, number);
	flow_paths_put(&table->paths, flow->path);
	if (flow->noted)
		flow_unnote(table, flow);
	flow_pool_remove(&table->pool, number);
	table->ended++;
}

/* FIN or RST where the conversation is known to be closed, else `otherwise`. */
static enum flow_end_reason end_reason(const struct flow *flow, const struct flow *peer,
				       enum flow_end_reason otherwise)
{
	uint16_t flags = (uint16_t)(flow->flags | (peer ? peer->flags : 0));

	if (!flow->closing)
		return otherwise;
	return flags & FLOW_TCP_RST ? FLOW_END_RST : FLOW_END_FIN;
}

/* Both directions, the one that opened first. */
void flow_life_end_both(struct flow_table *table, uint32_t number, enum flow_end_reason otherwise)
{
	struct flow *flow = flow_state_at(table, number);
	enum flow_end_reason reason = end_reason(flow, flow_state_peer(table, flow), otherwise);
	uint32_t first = number, second = flow->peer;

	flow_settle(table, flow);
	if (second && flow->reply == FLOW_REPLY_YES) {
		first = second;
		second = number;
	}
	flow_life_end(table, first, reason);
	if (second)
		flow_life_end(table, second, reason);
}
