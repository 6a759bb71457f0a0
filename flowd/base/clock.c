/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/base/clock.h"

#include <time.h>

static uint64_t clock_read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * CLOCK_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

void clock_sleep_ns(uint64_t ns)
{
	struct timespec time = { (time_t)(ns / CLOCK_S), (long)(ns % CLOCK_S) };

	nanosleep(&time, NULL);
}

int64_t clock_wall_offset_ns(void)
{
	return (int64_t)(clock_realtime_ns() - clock_monotonic_ns());
}

bool clock_wall_offset_moved(int64_t *offset_ns)
{
	int64_t now_ns = clock_wall_offset_ns(), change_ns = now_ns - *offset_ns;

	if (change_ns > -(int64_t)CLOCK_MS && change_ns < (int64_t)CLOCK_MS)
		return false;
	*offset_ns = now_ns;
	return true;
}
