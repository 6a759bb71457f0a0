/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel counts of the programs that this process has loaded: how often they ran, and for
 * how long where kernel.bpf_stats_enabled is set. */
#ifndef KERNEL_PROGRAM_STATS_H
#define KERNEL_PROGRAM_STATS_H

#include <stddef.h>
#include <stdint.h>

struct program_stats {
	char name[16]; /* as the kernel keeps it */
	uint32_t id;
	uint64_t run_ns, runs;
};

/* Writes at most `max` of them, each program once; returns how many. */
size_t program_stats(struct program_stats *out, size_t max);

#endif
