/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One packet made into any number of flows and run through a program without a device: the user
 * space of bench.bpf.c. A sequence of flow numbers lies in memory that the kernel program reads;
 * each packet takes the next one. Errors end the program: it is for benchmarks.
 */
#ifndef BENCH_MUTATOR_H
#define BENCH_MUTATOR_H

#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "tests/bench/packet_kinds.h"

#define MUTATOR_SEQUENCE_MAX (1u << 22)

enum mutator_hook { MUTATOR_TC, MUTATOR_XDP };
enum mutator_subject { MUTATOR_EMPTY, MUTATOR_OURS, MUTATOR_LRU, MUTATOR_SUBJECTS };

struct mutator;
/* `lru_entries`: capacity of the LRU hash beside us, over all CPUs. */
struct mutator *mutator_open(uint32_t lru_entries);
void mutator_close(struct mutator *mutator);

/* Sequence of `length` (power of two) flow numbers below `flows`, each drawn at random. */
void mutator_draw(struct mutator *mutator, uint32_t length, uint32_t flows);
/* All numbers below `length` (power of two) in random order, each once before any comes again. */
void mutator_shuffle(struct mutator *mutator, uint32_t length);
/* The flow number at a place of the sequence, which repeats. */
uint32_t mutator_flow_at(const struct mutator *mutator, uint32_t position);
void mutator_packet(struct mutator *mutator, const struct packet_sample *sample);

/* What the next runs go through; `datapath` may be NULL where it is not MUTATOR_OURS. */
void mutator_target(struct mutator *mutator, enum mutator_hook hook, enum mutator_subject subject,
		    const struct datapath *datapath);
/*
 * Runs `count` packets on the CPU that the caller is bound to, from place `from` of the sequence.
 * Returns ns of this thread a packet. Threads on different CPUs may run at once.
 */
double mutator_run(struct mutator *mutator, enum mutator_hook hook, uint32_t from, uint32_t count);

/* The daemon's datapath, with device 1 (where test runs come in) monitored. */
struct datapath *mutator_open_datapath(uint32_t table_flows, uint32_t ring_bytes);

#endif
