/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The filter in the kernel, with its loader, and packets for it: for tests and measurements. The
 * devices are those of filter_reference.h, from ifindex 1. */
#ifndef TESTS_BPF_FILTER_STAGE_H
#define TESTS_BPF_FILTER_STAGE_H

#include <stdint.h>

#include "flowd/kernel/filter_load.h"
#include "tests/bpf/filter_case.h"
#include "tests/unit/filter_reference.h"

enum filter_run { FILTER_RUN_CASES, FILTER_RUN_NOTHING, FILTER_RUN_CGROUPS };

struct filter_stage {
	struct filter_bpf *programs;
	struct filter_load *load;
	struct filter_case *cases; /* FILTER_CASES, shared with the kernel */
	struct reference_packet packets[FILTER_CASES];
};

/* 0 or negative errno; needs root. */
int filter_stage_open(struct filter_stage *stage);
void filter_stage_close(struct filter_stage *stage);
/* New random packets, in `packets` and, without verdicts, in `cases`. */
void filter_stage_deal(struct filter_stage *stage);
/* Nanoseconds of one run, the mean of `repeat`; negative errno. */
int64_t filter_stage_run(struct filter_stage *stage, enum filter_run run, uint32_t repeat);
/* What the last FILTER_RUN_CGROUPS found. */
uint64_t filter_stage_cgroups(const struct filter_stage *stage);
/* The word that packets read, FLOW_FILTER_*. */
uint32_t filter_stage_state(const struct filter_stage *stage);

#endif
