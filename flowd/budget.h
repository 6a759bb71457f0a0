/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the daemon may cost. While it costs more than its budget, fewer packets are looked at in the
 * kernel: 1 in 2, then 1 in 4 and so on, never those that open, close or break a connection; when
 * it has cost far less for a while, a step back. Pure.
 */
#ifndef FLOWD_BUDGET_H
#define FLOWD_BUDGET_H

#include <stdint.h>

#define BUDGET_FACTOR_MAX 1024

/* Zeroed, with a limit, is ready. */
struct budget {
	uint64_t percent; /* of one CPU; 0 = no bound */
	uint64_t looked_ns, cpu_ns;
	unsigned int over, under; /* looks in a row */
	uint32_t factor;	  /* 0 = not looked yet */
};

/* Now and then, with the CPU time used so far; the factor on sampling, 1 = none. */
uint32_t budget_look(struct budget *budget, uint64_t now_ns, uint64_t cpu_ns);

#endif
