/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/base/usage.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flowd/base/clock.h"

#define USAGE_FREE_BYTES (2u << 20) /* more than that pays the walk through the heap */

void usage_rate_sample(struct usage_rate *rate, uint64_t now_ns, uint64_t value)
{
	unsigned int slot = rate->count++ % USAGE_SAMPLES;

	rate->time_ns[slot] = now_ns;
	rate->value[slot] = value;
}

double usage_rate_get(const struct usage_rate *rate, uint64_t now_ns, uint64_t value)
{
	unsigned int oldest = rate->count < USAGE_SAMPLES ? 0 : rate->count % USAGE_SAMPLES;

	if (!rate->count || now_ns <= rate->time_ns[oldest])
		return 0;
	return (double)(value - rate->value[oldest]) * (double)CLOCK_S /
	       (double)(now_ns - rate->time_ns[oldest]);
}

static uint64_t usage_timeval_ns(struct timeval time)
{
	return (uint64_t)time.tv_sec * CLOCK_S + (uint64_t)time.tv_usec * 1000;
}

uint64_t usage_cpu_ns(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return 0;
	return usage_timeval_ns(usage.ru_utime) + usage_timeval_ns(usage.ru_stime);
}

void usage_trim(void)
{
	static size_t left; /* free bytes that the last time has seen, returned or not */
	size_t now = mallinfo2().fordblks;

	if (now > left + USAGE_FREE_BYTES)
		malloc_trim(0);
	left = now > left + USAGE_FREE_BYTES || now < left ? now : left;
}

uint64_t usage_rss_bytes(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm)
		return 0;
	if (fscanf(statm, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(statm);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
