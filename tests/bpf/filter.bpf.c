/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet filter alone: user space writes keys, the real functions write verdicts. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "bpf-common/flow_filter.bpf.h"
#include "tests/bpf/filter_case.h"

#pragma clang diagnostic ignored "-Wmissing-variable-declarations"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FILTER_CASES);
	__type(key, __u32);
	__type(value, struct filter_case);
} cases SEC(".maps");

__u64 cgroup_rules;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static long run_case(__u32 index, const __u32 *state)
{
	struct filter_case *one = bpf_map_lookup_elem(&cases, &index);

	if (!one)
		return 1;
	one->verdict = !(*state & FLOW_FILTER_ON) ||
		       flow_filter(&one->key, one->ifindex, *state, one->cgroups);
	return 0;
}

static long run_empty_case(__u32 index, const __u32 *state)
{
	struct filter_case *one = bpf_map_lookup_elem(&cases, &index);

	if (!one)
		return 1;
	one->verdict = !(*state & FLOW_FILTER_ON);
	return 0;
}

/* All cases under one state, as one packet would be. */
SEC("tc")
int run_cases(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 state = flow_filter_read_state();

	bpf_loop(FILTER_CASES, run_case, &state, 0);
	return TC_ACT_UNSPEC;
}

/* The loop and the switch without the filter: what is taken off a measurement. */
SEC("tc")
int run_nothing(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 state = flow_filter_read_state();

	bpf_loop(FILTER_CASES, run_empty_case, &state, 0);
	return TC_ACT_UNSPEC;
}

/* The cgroups of the test run's socket, which is the caller's. */
SEC("tc")
int run_cgroups(struct __sk_buff *skb)
{
	__u64 rules = 0;

	flow_filter_cgroups(skb, flow_filter_read_state(), &rules);
	cgroup_rules = rules;
	return TC_ACT_UNSPEC;
}
