/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/identity/endpoint_pool.h"
#include "flowd/identity/lru.h"

/* What was told of a flow's ends. */
struct identity_flow {
	uint64_t flow_id;
	struct flow_end ends[2];
	uint64_t cookie;
};

struct identity {
	struct identity_source sources[IDENTITY_SOURCES_MAX];
	size_t source_count;
	struct endpoint_pool *pool;
	struct lru *flows;
	struct identity_draft draft;
	struct identity_stats stats;
};

static void identity_drop_flow(void *entry)
{
	struct identity_flow *flow = entry;

	endpoint_pool_release(flow->ends[0].endpoint);
	endpoint_pool_release(flow->ends[1].endpoint);
}

int identity_open(struct identity **out, const struct identity_options *options)
{
	struct identity *identity = calloc(1, sizeof(*identity));

	if (!identity)
		return -ENOMEM;
	if (endpoint_pool_open(&identity->pool, options->grace_ns) ||
	    lru_open(&identity->flows, sizeof(struct identity_flow), sizeof(uint64_t),
		     options->most_flows, identity_drop_flow)) {
		identity_close(identity);
		return -ENOMEM;
	}
	*out = identity;
	return 0;
}

void identity_close(struct identity *identity)
{
	if (!identity)
		return;
	lru_close(identity->flows);
	endpoint_pool_close(identity->pool);
	for (size_t i = 0; i < identity->source_count; i++)
		if (identity->sources[i].close)
			identity->sources[i].close(identity->sources[i].self);
	free(identity);
}

int identity_add(struct identity *identity, const struct identity_source *source)
{
	if (identity->source_count == IDENTITY_SOURCES_MAX) {
		if (source->close)
			source->close(source->self);
		return -ENOSPC;
	}
	identity->sources[identity->source_count++] = *source;
	return 0;
}

/* ---- one end -------------------------------------------------------------------------------- */

static void identity_ask_for(const struct flow_record *record, enum flow_side side,
			     int64_t wall_offset_ns, struct identity_ask *ask)
{
	const struct flow_key *key = &record->key;
	bool source = side == FLOW_SOURCE;

	*ask = (struct identity_ask){
		.record = record,
		.side = side,
		.address = source ? key->src : key->dst,
		.peer = source ? key->dst : key->src,
		.port = source ? key->src_port : key->dst_port,
		.peer_port = source ? key->dst_port : key->src_port,
		.first_ns = (record->first_ns ? record->first_ns : record->time_ns) -
			    (uint64_t)wall_offset_ns,
		.last_ns = (record->last_ns ? record->last_ns : record->time_ns) -
			   (uint64_t)wall_offset_ns,
		.now_ns = clock_monotonic_ns(),
	};
}

static void identity_reset(struct identity_draft *draft, const struct identity_ask *ask,
			   struct flow_end *end)
{
	*end = (struct flow_end){ 0 };
	memset(&draft->endpoint, 0, sizeof(draft->endpoint));
	draft->endpoint.labels = "";
	draft->end = end;
	draft->address = ask->address;
	draft->port = ask->port;
	draft->has_own = false;
	draft->asked = NULL;
	draft->cookie = 0;
	draft->local = draft->conflict = false;
	draft->labels_used = 0;
}

static void identity_ask_sources(struct identity *identity, const struct identity_ask *ask,
				 struct flow_end *end)
{
	struct identity_draft *draft = &identity->draft;

	identity_reset(draft, ask, end);
	for (size_t i = 0; i < identity->source_count; i++)
		identity->sources[i].fill(identity->sources[i].self, ask, draft);
	end->endpoint = endpoint_pool_keep(identity->pool, &draft->endpoint, ask->now_ns);
	if (end->pid)
		end->comm = endpoint_pool_comm(identity->pool, draft->comm, sizeof(draft->comm));
}

/* ---- a flow's ends, through its life -------------------------------------------------------- */

/* What only one of them knows is no difference. */
static bool identity_differ(const struct flow_end *a, const struct flow_end *b)
{
	uint64_t first = a->endpoint ? a->endpoint->cgroup_id : 0;
	uint64_t second = b->endpoint ? b->endpoint->cgroup_id : 0;

	return (a->pid && b->pid && a->pid != b->pid) || (first && second && first != second);
}

/* Two owners, and nothing that tells which packets are whose. */
static void identity_disown(struct identity *identity, struct flow_end *end, uint64_t now_ns)
{
	struct flow_endpoint nobody = { .labels = "" };

	*end = (struct flow_end){ .missing = IDENTITY_MISSING_ADDRESS_MOVED };
	end->endpoint = endpoint_pool_keep(identity->pool, &nobody, now_ns);
}

/* What was known stays known; what two sockets claim is nobody's. */
static void identity_continue(struct identity *identity, const struct flow_end *before,
			      struct flow_end *now, uint64_t now_ns)
{
	if (before->missing == IDENTITY_MISSING_ADDRESS_MOVED) {
		*now = *before;
		return;
	}
	if (before->from != IDENTITY_FROM_SOCKET || identity->draft.conflict)
		return;
	if (now->from == IDENTITY_FROM_SOCKET && identity_differ(before, now))
		identity_disown(identity, now, now_ns);
	else
		*now = *before;
}

/* As identity_continue() goes by: what a socket's owner did not tell is asked for again. */
static bool identity_is_lasting(const struct flow_end *end)
{
	return end->from == IDENTITY_FROM_SOCKET || end->missing == IDENTITY_MISSING_ADDRESS_MOVED;
}

static void identity_remember(struct identity *identity, const struct flow_record *record)
{
	struct identity_flow *flow;

	if (record->kind == FLOW_KIND_END) {
		flow = lru_find(identity->flows, &record->flow_id);
		if (flow)
			lru_remove(identity->flows, flow);
		return;
	}
	if (identity_is_lasting(&record->ends[FLOW_SOURCE]) ||
	    identity_is_lasting(&record->ends[FLOW_DESTINATION]))
		flow = lru_make(identity->flows, &record->flow_id);
	else
		flow = lru_find(identity->flows, &record->flow_id);
	if (!flow)
		return;
	for (int side = 0; side < 2; side++) {
		endpoint_pool_hold(record->ends[side].endpoint);
		endpoint_pool_release(flow->ends[side].endpoint);
		flow->ends[side] = record->ends[side];
	}
	flow->cookie = record->socket_cookie;
}

static void identity_count(struct identity *identity, const struct flow_record *record)
{
	if (record->kind != FLOW_KIND_START)
		return;
	for (int side = 0; side < 2; side++) {
		identity->stats.named[record->ends[side].from]++;
		identity->stats.missing[record->ends[side].missing]++;
	}
}

void identity_name(struct identity *identity, struct flow_record *record, int64_t wall_offset_ns)
{
	const struct identity_flow *flow =
		record->flow_id ? lru_find(identity->flows, &record->flow_id) : NULL;
	struct identity_ask ask;

	for (int side = FLOW_SOURCE; side <= FLOW_DESTINATION; side++) {
		identity_ask_for(record, side, wall_offset_ns, &ask);
		identity_ask_sources(identity, &ask, &record->ends[side]);
		if (side == FLOW_SOURCE)
			record->socket_cookie = identity->draft.cookie;
		if (flow)
			identity_continue(identity, &flow->ends[side], &record->ends[side],
					  ask.now_ns);
	}
	if (flow && !record->socket_cookie)
		record->socket_cookie = flow->cookie;
	if (record->flow_id && !flow_kind_is_event(record->kind))
		identity_remember(identity, record);
	identity_count(identity, record);
}

void identity_stored(struct identity *identity, const struct flow_record *record, uint64_t position)
{
	uint64_t now_ns = clock_monotonic_ns();

	for (int side = 0; side < 2; side++)
		endpoint_pool_used(identity->pool, record->ends[side].endpoint, position, now_ns);
}

void identity_tick(struct identity *identity, uint64_t oldest)
{
	uint64_t now_ns = clock_monotonic_ns();

	for (size_t i = 0; i < identity->source_count; i++)
		if (identity->sources[i].tick)
			identity->sources[i].tick(identity->sources[i].self, now_ns);
	endpoint_pool_sweep(identity->pool, oldest, now_ns);
}

void identity_stats(const struct identity *identity, struct identity_stats *stats)
{
	*stats = identity->stats;
	stats->endpoints = endpoint_pool_count(identity->pool);
}
