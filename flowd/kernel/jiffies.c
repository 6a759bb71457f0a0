/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/jiffies.h"

#include <errno.h>
#include <time.h>

int jiffies_tick(uint32_t *tick_ns)
{
	struct timespec resolution;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution))
		return -errno;
	*tick_ns = (uint32_t)resolution.tv_nsec;
	return 0;
}

void jiffies_take(struct jiffies_sample *sample, const volatile struct flow_clock *clock,
		  uint32_t tick_ns)
{
	sample->monotonic_ns = clock->monotonic_ns;
	sample->jiffies = (uint32_t)clock->jiffies;
	sample->tick_ns = tick_ns;
}

uint64_t jiffies_to_ns(const struct jiffies_sample *sample, uint32_t jiffies)
{
	int32_t ago = (int32_t)(sample->jiffies - jiffies);
	uint64_t ago_ns = ago > 0 ? (uint64_t)ago * sample->tick_ns : 0;

	return ago_ns < sample->monotonic_ns ? sample->monotonic_ns - ago_ns : 0;
}
