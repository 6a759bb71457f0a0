/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Jiffies to CLOCK_MONOTONIC. The hit path stamps entries with the low half of jiffies because
 * that costs nothing; one sample of both clocks, taken at each drain, dates them to one tick.
 */
#ifndef KERNEL_JIFFIES_H
#define KERNEL_JIFFIES_H

#include <stdint.h>

#include "bpf-common/flow_abi.h"

struct jiffies_sample {
	uint64_t monotonic_ns;
	uint32_t jiffies;
	uint32_t tick_ns;
};

/* Length of a tick: the resolution of CLOCK_MONOTONIC_COARSE. 0 or negative errno. */
int jiffies_tick(uint32_t *tick_ns);
void jiffies_take(struct jiffies_sample *sample, const volatile struct flow_clock *clock,
		  uint32_t tick_ns);
/* When the tick `jiffies` was, at most half the range of jiffies before the sample, never after. */
uint64_t jiffies_to_ns(const struct jiffies_sample *sample, uint32_t jiffies);

#endif
