/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bench/timing.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double timing_clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

double timing_now_ns(void)
{
	return timing_clock_ns(CLOCK_MONOTONIC);
}

double timing_thread_ns(void)
{
	return timing_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int timing_cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void timing_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		timing_die("cannot bind to the CPU");
}

static int timing_compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

double timing_median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), timing_compare);
	return values[count / 2];
}

double timing_lower_quartile(const double *sorted, int count)
{
	return sorted[count / 4];
}

double timing_upper_quartile(const double *sorted, int count)
{
	return sorted[count - 1 - count / 4];
}

void timing_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}
