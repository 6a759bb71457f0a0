/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two clocks: since 1970, as records have it, and one that nobody sets. */
#ifndef FLOWCLI_CLOCK_H
#define FLOWCLI_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_wall_ns(void)
{
	return clock_of(CLOCK_REALTIME);
}

static inline uint64_t clock_steady_ns(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

#endif
