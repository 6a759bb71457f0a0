/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet costs at a hook: ns above an empty program, beside the kernel's LRU hash with the
 * full clock. All are run in turn within each round, each time in another order and each after a
 * short run that is not timed, so that a busy machine and a cold cache meet all of them; what the
 * mutator costs is in the empty run. The caller's thread is bound to the highest CPU; what reads
 * the ring buffer is on CPU 0.
 */
#ifndef BENCH_HOOK_COST_H
#define BENCH_HOOK_COST_H

#include <stdint.h>

#include "tests/bench/mutator.h"
#include "tests/bench/timing.h"

struct hook_case {
	enum mutator_hook hook;
	struct packet_sample sample;
	uint32_t flows;
	uint32_t entries;     /* of our table, each CPU */
	uint32_t lru_entries; /* over all CPUs */
	int rounds;
};

struct hook_cost {
	double ours[TIMING_ROUNDS_MAX], lru[TIMING_ROUNDS_MAX], ratio[TIMING_ROUNDS_MAX];
	uint64_t made; /* entries of ours before the first round: as many as there are flows */
	double missed; /* share of our packets that made an entry */
	double lost;   /* share of our packets whose counts were lost at eviction (counted so) */
};

/* Packets of flows that are in the table, at random. */
void hook_cost_hit(const struct hook_case *of, struct hook_cost *cost);
/* Each packet a flow that is not there yet, into tables that are opened for each round. */
void hook_cost_insert(const struct hook_case *of, struct hook_cost *cost);
/*
 * Full tables, four times as many flows as entries: each packet replaces an entry that user space
 * has not read. `reader`: the daemon's code takes the events on CPU 0; else the ring buffer is full
 * and what is replaced is counted as lost.
 */
void hook_cost_evict(const struct hook_case *of, int reader, struct hook_cost *cost);

struct hook_dns_cost {
	double plain[TIMING_ROUNDS_MAX], dns[TIMING_ROUNDS_MAX], extra[TIMING_ROUNDS_MAX];
	double events; /* ring buffer events for each DNS packet */
};
/* A DNS question beside the same bytes to another port. */
void hook_cost_dns(const struct hook_case *of, struct hook_dns_cost *cost);

struct hook_two_cost {
	double alone[MUTATOR_SUBJECTS][TIMING_ROUNDS_MAX]; /* above empty; that itself: all of it */
	double both[MUTATOR_SUBJECTS][TIMING_ROUNDS_MAX];
	double ratio[MUTATOR_SUBJECTS][TIMING_ROUNDS_MAX]; /* both / alone */
	double overlap; /* least share of the time in which both ran */
};
/* Two CPUs at once, each a writer of its own table, beside each of them alone. Two CPUs needed. */
void hook_cost_two(const struct hook_case *of, struct hook_two_cost *cost);

#endif
