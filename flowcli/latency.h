/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Percentiles of durations: exact while there are few, then from a histogram whose buckets are
 * 1/32 of their value wide. All zero is empty.
 */
#ifndef FLOWCLI_LATENCY_H
#define FLOWCLI_LATENCY_H

#include <stddef.h>
#include <stdint.h>

struct latency {
	uint64_t count, max_ns;
	size_t room;
	uint64_t *samples; /* NULL when there is a histogram */
	uint32_t *buckets;
};

/* 0 or -ENOMEM. */
int latency_add(struct latency *latency, uint64_t ns);
/* The value that `percent` of all do not exceed; 0: there are none. */
uint64_t latency_percentile(struct latency *latency, unsigned percent);
void latency_fini(struct latency *latency);

#endif
