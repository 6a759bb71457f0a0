/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inside of a flow table, for the files that work on it: flow_table.c (calls from outside,
 * ageing), flow_join.c (what a delta does), flow_life.c (schedules, records, ends),
 * flow_sampled.c (certain counts), flow_errors.c (ICMP errors), flow_trouble.c (drops, TCP).
 */
#ifndef FLOW_FLOW_STATE_H
#define FLOW_FLOW_STATE_H

#include "flowd/flow/flow_conversation.h"
#include "flowd/flow/flow_notes.h"
#include "flowd/flow/flow_path.h"
#include "flowd/flow/flow_pool.h"
#include "flowd/flow/flow_publish.h"
#include "flowd/flow/flow_table.h"
#include "flowd/flow/flow_wheel.h"

/* Timeouts in ticks, rounded up and one more: an age in whole ticks is never early. */
struct flow_ticks {
	int32_t active, tcp_idle, udp_idle, icmp_idle, other_idle, closed;
};

/*
 * ICMP errors whose quoted flow is not known yet: sources are not read in the order of packets, so
 * the flow may come with the rest of this drain, or with the next.
 */
#define FLOW_ERRORS_WAITING 256u
struct flow_errors {
	struct flow_error_waiting {
		struct flow_key quoted;
		struct flow_icmp_error error;
		uint32_t rounds; /* flow_table_age() since it came */
	} waiting[FLOW_ERRORS_WAITING];
	uint32_t count;
	uint32_t held; /* notes that tell of errors */
	uint64_t joined, unjoined;
};

/* The same of drops and TCP trouble, which are told as they happen. */
#define FLOW_TROUBLES_WAITING 512u
struct flow_troubles {
	struct flow_trouble_waiting {
		struct flow_key key;
		uint32_t rounds;
		uint32_t is_drop;
		union {
			struct flow_drop drop;
			struct flow_tcp tcp;
		};
	} waiting[FLOW_TROUBLES_WAITING];
	uint32_t count;
	uint32_t held, max; /* notes that tell of trouble */
	uint64_t joined, unjoined;
};

struct flow_table {
	struct flow_pool pool;
	struct flow_paths paths;
	struct flow_notes notes;
	struct flow_wheel wheel;
	struct flow_publisher publisher;
	struct flow_ticks ticks;
	uint64_t now_ns; /* the latest flow_table_age() */
	uint64_t tick;	 /* the slot of the wheel looked at last */
	uint64_t created, ended, evicted, packets, bytes;
	uint64_t carrier_packets, carrier_bytes;
	uint64_t pairs;
	uint32_t hand; /* where the search for the next victim goes on */
	int publish_start;
	struct flow_roles roles;
	struct flow_errors errors;
	struct flow_troubles troubles;
};

static inline struct flow *flow_state_at(const struct flow_table *table, uint32_t number)
{
	return flow_pool_at(&table->pool, number);
}

static inline struct flow *flow_state_peer(const struct flow_table *table, const struct flow *flow)
{
	return flow->peer ? flow_state_at(table, flow->peer) : NULL;
}

/* Ticks are compared modulo 2^32: half the range is four years. */
static inline int64_t flow_state_ticks_since(const struct flow_table *table, uint32_t tick)
{
	return (int32_t)((uint32_t)table->tick - tick);
}

#endif
