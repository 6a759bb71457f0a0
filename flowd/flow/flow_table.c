/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_table.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/flow/flow_errors.h"
#include "flowd/flow/flow_join.h"
#include "flowd/flow/flow_life.h"
#include "flowd/flow/flow_state.h"
#include "flowd/flow/flow_trouble.h"

#define PREFETCH_AHEAD 32u

static int32_t ticks_of(uint64_t time_ns)
{
	uint64_t ticks = time_ns / FLOW_AGE_STEP_NS + (time_ns % FLOW_AGE_STEP_NS != 0) + 1;

	return ticks > INT32_MAX / 2 ? INT32_MAX / 2 : (int32_t)ticks;
}

static void ticks_set(struct flow_ticks *ticks, const struct flow_timeouts *timeouts)
{
	ticks->active = ticks_of(timeouts->active_ns);
	ticks->tcp_idle = ticks_of(timeouts->tcp_idle_ns);
	ticks->udp_idle = ticks_of(timeouts->udp_idle_ns);
	ticks->icmp_idle = ticks_of(timeouts->icmp_idle_ns);
	ticks->other_idle = ticks_of(timeouts->other_idle_ns);
	ticks->closed = ticks_of(timeouts->closed_ns);
}

int flow_table_open(struct flow_table **out, const struct flow_table_options *options)
{
	struct flow_table *table;

	if (!options->emit || options->max_flows == 0 || options->max_flows > FLOW_TABLE_MAX)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	if (flow_pool_init(&table->pool, options->max_flows, options->hash_seed) ||
	    flow_paths_init(&table->paths, options->hash_seed)) {
		flow_table_close(table);
		return -ENOMEM;
	}
	flow_notes_init(&table->notes, options->max_flows);
	ticks_set(&table->ticks, &options->timeouts);
	table->publisher.emit = options->emit;
	table->publisher.context = options->context;
	table->publish_start = options->publish_start;
	table->troubles.max = options->max_troubles ? options->max_troubles : FLOW_TROUBLES_HELD;
	*out = table;
	return 0;
}

void flow_table_close(struct flow_table *table)
{
	if (!table)
		return;
	flow_pool_fini(&table->pool);
	flow_paths_fini(&table->paths);
	flow_notes_fini(&table->notes);
	free(table);
}

void flow_table_set_wall_offset(struct flow_table *table, int64_t offset_ns)
{
	table->publisher.wall_offset_ns = offset_ns;
}

void flow_table_set_names(struct flow_table *table, flow_ifname_fn ifname, void *context,
			  const char *node_name)
{
	table->publisher.ifname = ifname;
	table->publisher.ifname_context = context;
	table->publisher.node_name = node_name;
}

/* ---- deltas ---------------------------------------------------------------------------------- */

void flow_table_update(struct flow_table *table, const struct flow_delta *delta)
{
	flow_join(table, flow_pool_hash(&table->pool, &delta->key), delta);
}

void flow_table_update_batch(struct flow_table *table, const struct flow_delta *deltas,
			     size_t count)
{
	uint32_t hashes[PREFETCH_AHEAD];

	while (count) {
		size_t some = count < PREFETCH_AHEAD ? count : PREFETCH_AHEAD;

		for (size_t i = 0; i < some; i++) {
			hashes[i] = flow_pool_hash(&table->pool, &deltas[i].key);
			flow_pool_prefetch_slot(&table->pool, hashes[i]);
		}
		for (size_t i = 0; i < some; i++)
			flow_pool_prefetch_entry(&table->pool, hashes[i]);
		for (size_t i = 0; i < some; i++)
			flow_join(table, hashes[i], &deltas[i]);
		deltas += some;
		count -= some;
	}
}

/* ---- ageing ---------------------------------------------------------------------------------- */

static void flow_look(struct flow_table *table, uint32_t number)
{
	struct flow *flow = flow_state_at(table, number);

	if (flow_life_idle_left(table, flow) <= 0) {
		flow_life_end_both(table, number, FLOW_END_IDLE);
		return;
	}
	if (flow_life_has_news(table, flow) && flow_life_active_left(table, flow) <= 0)
		flow_life_emit(table, flow, FLOW_KIND_UPDATE, FLOW_END_ACTIVE);
	flow_wheel_remove(&table->wheel, &table->pool, number);
	flow_life_schedule(table, number);
}

/* Every flow looked at leaves the list: it ends, or its next look lies in another slot. */
static void table_turn(struct flow_table *table, uint64_t tick)
{
	uint32_t number;

	table->tick = tick;
	table->now_ns = tick * FLOW_AGE_STEP_NS;
	while ((number = flow_wheel_first(&table->wheel, tick)))
		flow_look(table, number);
}

size_t flow_table_announce(struct flow_table *table, uint64_t now_ns, size_t at_most)
{
	size_t count = 0;
	uint32_t number;

	if (now_ns > table->now_ns)
		table->now_ns = now_ns;
	flow_trouble_retry(table, false);
	for (; count < at_most && (number = flow_wheel_fresh(&table->wheel)); count++) {
		flow_life_emit(table, flow_state_at(table, number), FLOW_KIND_START, FLOW_END_NONE);
		flow_wheel_remove(&table->wheel, &table->pool, number);
		flow_life_schedule(table, number);
	}
	return count;
}

void flow_table_age(struct flow_table *table, uint64_t now_ns)
{
	uint64_t target = now_ns / FLOW_AGE_STEP_NS;

	flow_errors_retry(table);
	flow_trouble_retry(table, true);
	if (target > table->tick && target - table->tick > FLOW_WHEEL_SLOTS)
		table->tick = target - FLOW_WHEEL_SLOTS; /* one turn shows every slot */
	if (table->pool.used == 0 && target > table->tick)
		table->tick = target;
	while (table->tick < target)
		table_turn(table, table->tick + 1);
	flow_table_announce(table, now_ns, SIZE_MAX);
}

void flow_table_flush(struct flow_table *table, enum flow_end_reason reason)
{
	for (uint32_t number = 1; number < table->pool.high; number++) {
		if (flow_state_at(table, number)->id)
			flow_life_end_both(table, number, reason);
	}
}

void flow_table_stats(const struct flow_table *table, struct flow_table_stats *stats)
{
	*stats = (struct flow_table_stats){
		.live = table->pool.used,
		.conversations = table->pool.used - table->pairs,
		.created = table->created,
		.ended = table->ended,
		.evicted = table->evicted,
		.records = table->publisher.records,
		.packets = table->packets,
		.bytes = table->bytes,
		.packets_emitted = table->publisher.packets,
		.bytes_emitted = table->publisher.bytes,
		.carrier_packets = table->carrier_packets,
		.carrier_bytes = table->carrier_bytes,
		.errors_joined = table->errors.joined,
		.errors_unjoined = table->errors.unjoined,
		.troubles_joined = table->troubles.joined,
		.troubles_unjoined = table->troubles.unjoined,
	};
}
