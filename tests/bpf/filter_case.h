/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One question to the filter, and its answer: between filter.bpf.c and the programs that load it.
 */
#ifndef TESTS_BPF_FILTER_CASE_H
#define TESTS_BPF_FILTER_CASE_H

#include "bpf-common/flow_abi.h"

#define FILTER_CASES 256

struct filter_case {
	struct flow_key key;
	__u64 cgroups;
	__u32 ifindex;
	__u32 verdict;
};

#endif
