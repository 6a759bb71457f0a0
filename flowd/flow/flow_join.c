/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_join.h"

#include <netinet/in.h>

#include "flowd/flow/flow_errors.h"
#include "flowd/flow/flow_life.h"
#include "flowd/flow/flow_sampled.h"
#include "flowd/flow/flow_trouble.h"

#define EXTRA_FLAGS (FLOW_FLAG_TUNNEL | FLOW_FLAG_QUOTE)

#define EVICT_LOOKS    16u	    /* entries compared for one eviction */
#define STAMP_SLACK_NS 100000000ull /* last_ns of a live source is as coarse as its clock */

/* ---- room ------------------------------------------------------------------------------------ */

/* The longest idle of the next few entries: an order of all would cost every packet a relink. */
static uint32_t victim_find(struct flow_table *table)
{
	uint32_t victim = 0, looks = EVICT_LOOKS;

	for (uint32_t step = 1; step < table->pool.high && looks; step++) {
		uint32_t number = table->hand =
			table->hand + 1 < table->pool.high ? table->hand + 1 : 1;
		const struct flow *flow = flow_state_at(table, number);

		if (!flow->id)
			continue;
		looks--;
		if (!victim ||
		    flow_state_ticks_since(table, flow->seen_tick) >
			    flow_state_ticks_since(table, flow_state_at(table, victim)->seen_tick))
			victim = number;
	}
	return victim;
}

/* Only the direction itself goes: the other one keeps the conversation's roles. */
static uint32_t flow_add(struct flow_table *table, const struct flow_key *key, uint32_t hash)
{
	uint32_t number = flow_pool_add(&table->pool, key, hash);

	if (number)
		return number;
	flow_life_end(table, victim_find(table), FLOW_END_EVICTED);
	table->evicted++;
	return flow_pool_add(&table->pool, key, hash);
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* What the packets are wrapped in, or quote; of the first that have it. True when it is new. */
static bool path_add_extra(struct flow_path *path, const struct flow_delta *delta)
{
	if (path->extra || !(delta->flags & EXTRA_FLAGS))
		return false;
	path->extra = delta->flags & FLOW_FLAG_QUOTE ? FLOW_FLAG_QUOTE : FLOW_FLAG_TUNNEL;
	path->quoted = delta->quoted;
	return true;
}

/* The share of the latest packets. True when it is another. */
static bool path_set_sampling(struct flow_path *path, uint32_t sampling)
{
	bool changed = sampling && path->sampling != sampling;

	if (changed)
		path->sampling = sampling;
	return changed;
}

static void path_of(const struct flow_delta *delta, struct flow_path *path)
{
	memcpy(path->points, delta->points, sizeof(path->points));
	memcpy(path->vlan, delta->vlan, sizeof(path->vlan));
	memcpy(path->eth_src, delta->eth_src, sizeof(path->eth_src));
	memcpy(path->eth_dst, delta->eth_dst, sizeof(path->eth_dst));
	path->sampling = delta->sampling ? delta->sampling : 1;
	path_add_extra(path, delta);
}

static bool path_add_point(struct flow_path *path, uint32_t point)
{
	for (int i = 0; i < FLOW_POINTS; i++) {
		if (path->points[i] == point)
			return false;
		if (!path->points[i]) {
			path->points[i] = point;
			return true;
		}
	}
	return false;
}

static void flow_add_path(struct flow_table *table, struct flow *flow,
			  const struct flow_delta *delta)
{
	struct flow_path path = *flow_paths_at(&table->paths, flow->path);
	bool changed = path_add_extra(&path, delta);

	changed |= path_set_sampling(&path, delta->packets ? delta->sampling : 0);
	for (int i = 0; i < FLOW_POINTS && delta->points[i]; i++)
		changed |= path_add_point(&path, delta->points[i]);
	if (!changed)
		return;
	uint32_t old = flow->path;
	flow->path = flow_paths_take(&table->paths, &path);
	flow_paths_put(&table->paths, old);
}

static bool path_differs(const struct flow_table *table, const struct flow *flow,
			 const struct flow_delta *delta)
{
	const struct flow_path *path = flow_paths_at(&table->paths, flow->path);

	return memcmp(path->points, delta->points, sizeof(path->points)) != 0 ||
	       (path->sampling != delta->sampling && delta->packets) ||
	       (!path->extra && delta->flags & EXTRA_FLAGS);
}

/* Activity is not older than the clock: stamps that run backwards do not age a flow. */
static uint32_t seen_tick(const struct flow_table *table, const struct flow_delta *delta)
{
	uint64_t time_ns = delta->last_ns > table->now_ns ? delta->last_ns : table->now_ns;

	return (uint32_t)(time_ns / FLOW_AGE_STEP_NS);
}

static void flow_account(struct flow_table *table, struct flow *flow,
			 const struct flow_delta *delta)
{
	if (flow->noted || delta->flags & FLOW_FLAG_SAMPLED)
		flow_sampled_count(table, flow, delta);
	flow->packets += delta->packets;
	flow->bytes += delta->bytes;
	flow->l3_bytes += delta->l3_bytes;
	flow->flags |= delta->flags;
	flow->seen_tick = seen_tick(table, delta);
	if (delta->last_ns > flow->last_ns)
		flow->last_ns = delta->last_ns;
	if (delta->first_ns < flow->first_ns)
		flow->first_ns = delta->first_ns;
}

/* RST closes a conversation, and so does FIN in both directions. */
static bool is_closing(const struct flow *flow, const struct flow *peer)
{
	return (flow->flags & FLOW_TCP_RST) || (peer && (flow->flags & peer->flags & FLOW_TCP_FIN));
}

static void conversation_close(struct flow_table *table, uint32_t number)
{
	struct flow *flow = flow_state_at(table, number);
	struct flow *peer = flow_state_peer(table, flow);

	if (flow->closing || !is_closing(flow, peer))
		return;
	flow->closing = 1;
	flow_life_reschedule(table, number);
	if (peer) {
		peer->closing = 1;
		flow_life_reschedule(table, flow->peer);
	}
}

/* What the flags say of the beginning: nothing when they were or-ed since an earlier one. */
static uint16_t first_flags(const struct flow_delta *delta)
{
	return delta->continues ? 0 : delta->flags;
}

/* What was known of this connection before its last flow ended. */
static void flow_recall_role(struct flow_table *table, struct flow *flow, uint32_t hash,
			     uint16_t flags)
{
	const struct flow_role *role = flow_roles_recall(&table->roles, hash);

	if (!role || (role->closed && (flags & FLOW_TCP_SYN)))
		return;
	flow->reply = role->reply;
	flow->closing |= role->closed;
}

/* A SYN without ACK decides; of two (simultaneous open) the first. Then what the peer knows. */
static void flow_share_role(struct flow *flow, struct flow *peer)
{
	bool peer_knows = peer->reply != FLOW_REPLY_UNKNOWN && !peer->guessed;
	bool peer_opened =
		peer_knows && peer->reply == FLOW_REPLY_NO && (peer->flags & FLOW_TCP_SYN);

	if (peer_knows && (flow->reply != FLOW_REPLY_NO || peer_opened)) {
		flow->reply = (uint8_t)flow_reply_opposite(peer->reply);
		return;
	}
	peer->reply = (uint8_t)flow_reply_opposite(flow->reply);
	peer->guessed = 0;
}

/* Who opened, as far as the first delta and the other direction tell; the rest at the record. */
static void flow_take_role(struct flow_table *table, struct flow *flow, uint32_t hash,
			   const struct flow_delta *delta)
{
	struct flow *peer = flow_state_peer(table, flow);

	flow->reply =
		(uint8_t)flow_conversation_evidence(&flow->key, first_flags(delta), delta->packets);
	if (peer)
		flow_share_role(flow, peer);
	else if (flow->key.protocol == IPPROTO_TCP && flow->reply != FLOW_REPLY_NO &&
		 delta->starts != FLOW_STARTS_YES)
		flow_recall_role(table, flow, hash, first_flags(delta));
}

/*
 * A SYN met a closed peer: is the peer of an older connection? Single packets come in their order;
 * live deltas of one drain do not, and a refused connection's RST may be read before its SYN.
 */
static bool is_older(const struct flow *peer, const struct flow_delta *delta)
{
	return delta->starts == FLOW_STARTS_ASK || delta->first_ns > peer->last_ns + STAMP_SLACK_NS;
}

static void flow_pair(struct flow_table *table, uint32_t number, const struct flow_delta *delta)
{
	struct flow *flow = flow_state_at(table, number), *peer;
	struct flow_key reverse;
	uint32_t other;

	if (!flow_key_reverse(&flow->key, &reverse))
		return;
	other = flow_pool_find(&table->pool, &reverse, flow_pool_hash(&table->pool, &reverse));
	if (!other)
		return;
	peer = flow_state_at(table, other);
	if (peer->closing && (first_flags(delta) & FLOW_TCP_SYN) && is_older(peer, delta)) {
		flow_life_end_both(table, other, FLOW_END_FIN);
		return;
	}
	flow->peer = other;
	peer->peer = number;
	flow->closing |= peer->closing;
	table->pairs++;
}

static uint32_t flow_begin(struct flow_table *table, uint32_t hash, const struct flow_delta *delta)
{
	uint32_t number = flow_add(table, &delta->key, hash);
	struct flow *flow = flow_state_at(table, number);
	struct flow_path path = { 0 };

	flow->id = ++table->created;
	flow->first_ns = flow->last_ns = delta->first_ns;
	flow->record_tick = seen_tick(table, delta);
	path_of(delta, &path);
	flow->path = flow_paths_take(&table->paths, &path);
	flow_pair(table, number, delta);
	flow_take_role(table, flow, hash, delta);
	flow_account(table, flow, delta);
	if (table->publish_start)
		flow_wheel_add_fresh(&table->wheel, &table->pool, number);
	else
		flow_life_schedule(table, number);
	return number;
}

/* A new connection of the same key. Of one packet the table sees it itself, like the kernel side.
 */
static bool is_restart(const struct flow *flow, const struct flow_delta *delta)
{
	if (delta->starts == FLOW_STARTS_YES)
		return true;
	if (delta->starts != FLOW_STARTS_ASK || !(delta->flags & FLOW_TCP_SYN) ||
	    flow->key.protocol != IPPROTO_TCP)
		return false;
	return (flow->flags & (FLOW_TCP_FIN | FLOW_TCP_RST)) ||
	       (flow->closing && !(delta->flags & FLOW_TCP_ACK));
}

/* The other direction ends too unless it belongs to the new connection already. */
static void flow_restart(struct flow_table *table, uint32_t number)
{
	struct flow *flow = flow_state_at(table, number);
	const struct flow *peer = flow_state_peer(table, flow);

	flow->closing = 1;
	if (peer && !(peer->flags & (FLOW_TCP_FIN | FLOW_TCP_RST)) && !peer->closing)
		flow_life_unpair(table, flow);
	flow_life_end_both(table, number, FLOW_END_FIN);
}

/* Traffic after a quiet time: the next record is due an active period after the last one. */
static void flow_wake(struct flow_table *table, uint32_t number)
{
	struct flow *flow = flow_state_at(table, number);

	if (flow_life_active_left(table, flow) <= 0)
		flow->record_tick = flow->seen_tick;
	flow_life_reschedule(table, number);
}

static void flow_continue(struct flow_table *table, uint32_t number, const struct flow_delta *delta)
{
	struct flow *flow = flow_state_at(table, number);
	bool quiet = flow->packets == 0;

	flow_account(table, flow, delta);
	if (path_differs(table, flow, delta))
		flow_add_path(table, flow, delta);
	if (quiet)
		flow_wake(table, number);
}

static void table_count(struct flow_table *table, const struct flow_delta *delta)
{
	if (delta->key.scope & FLOW_SCOPE_CARRIER) {
		table->carrier_packets += delta->packets;
		table->carrier_bytes += delta->bytes;
		return;
	}
	table->packets += delta->packets;
	table->bytes += delta->bytes;
}

void flow_join(struct flow_table *table, uint32_t hash, const struct flow_delta *delta)
{
	uint32_t number = flow_pool_find(&table->pool, &delta->key, hash);

	if (!number && !delta->packets && !delta->bytes)
		return; /* another point saw a flow that has ended */
	table_count(table, delta);
	if (number && is_restart(flow_state_at(table, number), delta)) {
		flow_restart(table, number);
		number = 0;
	}
	if (number)
		flow_continue(table, number, delta);
	else
		number = flow_begin(table, hash, delta);
	if (delta->tcp)
		flow_trouble_tcp(table, number, delta->tcp);
	if (delta->flags & (FLOW_TCP_FIN | FLOW_TCP_RST))
		conversation_close(table, number);
	if (delta->flags & FLOW_FLAG_QUOTE && delta->packets)
		flow_errors_take(table, delta);
}
