/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process costs: CPU over a sliding minute, and resident memory. Not thread-safe. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

#define USAGE_SAMPLES 13 /* twelve intervals of five seconds */

/* A counter sampled over time; its rate is that of the last minute. Zeroed = empty. */
struct usage_rate {
	uint64_t time_ns[USAGE_SAMPLES];
	uint64_t value[USAGE_SAMPLES];
	unsigned int count;
};
/* To be called every five seconds or so. */
void usage_rate_sample(struct usage_rate *rate, uint64_t now_ns, uint64_t value);
/* Units per second between the oldest sample and this moment; 0 before the first sample. */
double usage_rate_get(const struct usage_rate *rate, uint64_t now_ns, uint64_t value);

/* CPU time of all threads, ns. */
uint64_t usage_cpu_ns(void);
uint64_t usage_rss_bytes(void);
/* Now and then: gives the kernel back what a burst has left free in the heap, where that is much.
 */
void usage_trim(void);

#endif
