/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The real kernel programs, one packet at a time: load once, run a packet through a hook
 * (BPF_PROG_TEST_RUN, as if it had come in on device 1), look at the entry it made, start afresh.
 */
#ifndef TESTS_BPF_HOOK_H
#define TESTS_BPF_HOOK_H

#include <stdint.h>

#include "bpf-common/flow_abi.h"

/* A CPU's. Few, for all are looked at after each packet. */
#define HOOK_ENTRIES (FLOW_SETS_MIN * FLOW_WAYS)

enum hook { HOOK_TC_INGRESS, HOOK_TC_EGRESS, HOOK_XDP, HOOK_COUNT };

struct hook_input {
	const void *bytes;
	uint32_t size;
	uint32_t gso_size; /* tc: a GSO packet of this segment size */
	uint32_t gso_segments;
	uint32_t came_in; /* tc egress: the device that a forwarded packet entered by */
};

/* What one packet left behind. */
struct hook_result {
	int verdict;
	int entries; /* entries in the flow table */
	struct flow_hot hot;
	struct flow_cold cold;
	struct flow_extra extra; /* as hot.flags say */
	struct flow_ledger ledger;
};

/* 0 or negative errno; needs root. */
int hook_load(void);
/* The same as fixtures of a group of tests, which say why not; the second as on PREEMPT_RT. */
int hook_setup(void **state);
int hook_setup_realtime(void **state);
int hook_teardown(void **state);
/* Another one is in the table, on every CPU. */
void hook_set_busy(void);
void hook_unload(void);
/* FLOW_DEVICE_* of device 1. */
void hook_set_role(uint32_t role);
/* The same, 1 in `sampling` packets or, with FLOW_DEVICE_SAMPLE_FLOWS, conversations. */
void hook_set_sampling(uint32_t role, uint16_t sampling);
/* The word that packets read (FLOW_FILTER_*), and one cgroup of the scope; 0: none. */
void hook_set_scope(uint32_t state, uint64_t cgroup_id);
/* Empties table and ledger. */
void hook_reset(void);
/* Runs the packet, adding to what is there; -EINVAL: the kernel does not take such a packet here.
 */
int hook_run(enum hook hook, const struct hook_input *input, struct hook_result *result);
/* ns a run, of `repeat` runs in a row; or negative errno. */
int64_t hook_time(enum hook hook, const struct hook_input *input, int repeat);

#endif
