/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clocks, CPUs and order statistics of the benchmarks.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stdint.h>

#define TIMING_ROUNDS_MAX 401

double timing_now_ns(void);
/* What this thread has used; other programs' turns on its CPU are not in it. */
double timing_thread_ns(void);
/* Binds this thread to a CPU; ends the program where there is none such. */
void timing_pin(int cpu);
int timing_cpus(void);

/* Order statistics; the median sorts `values`, the others want them sorted. */
double timing_median(double *values, int count);
double timing_lower_quartile(const double *sorted, int count);
double timing_upper_quartile(const double *sorted, int count);

/* Ends the program, saying what failed and errno's reason. */
__attribute__((noreturn)) void timing_die(const char *what);

#endif
