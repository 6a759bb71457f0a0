/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bpf/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf-common/filter_abi.h"
#include "bpf-common/packet_parse.h"
#include "flow_bpf.skel.h"
#include "flowd/flow/packet_rules.h"
#include "flowd/kernel/flow_cpus.h"

#define SETS (HOOK_ENTRIES / FLOW_WAYS)

static struct flow_bpf *programs;
static struct flow_cpus tables;
static struct flow_cold_set *colds;
static struct flow_extra_set *extras;
static uint32_t cpus;

static void *map_array(struct bpf_map *map, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

/* The XDP program takes packets in several buffers where the kernel can hand them over. */
static void allow_frags(void)
{
	if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL) != 1)
		return;
	programs->rodata->cfg_xdp_frags = 1;
	bpf_program__set_flags(programs->progs.xdp_ingress, BPF_F_XDP_HAS_FRAGS);
}

/* On one CPU: the others have tables of their own. */
static void stay(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
}

static size_t table_bytes(void)
{
	return (size_t)cpus * FLOW_CPU_BYTES(SETS);
}

static int load(bool realtime)
{
	stay();
	cpus = (uint32_t)libbpf_num_possible_cpus();
	programs = flow_bpf__open();
	if (!programs)
		return -errno;
	allow_frags();
	programs->rodata->cfg_sets_per_cpu = SETS;
	for (int i = 0; i < 6; i++)
		programs->rodata->cfg_hash_seed[i] = 0x9e3779b97f4a7c15ull * (unsigned)(i + 1);
	bpf_map__set_max_entries(programs->maps.flow_cpus, cpus);
	bpf_map__set_value_size(programs->maps.flow_cpus, FLOW_CPU_BYTES(SETS));
	bpf_map__set_max_entries(programs->maps.flow_colds, cpus * SETS);
	bpf_map__set_max_entries(programs->maps.flow_extras, cpus * SETS);
	programs->rodata->cfg_hz = 1000;
	programs->rodata->cfg_guard = realtime;
	packet_rules_default(&programs->bss->flow_rules);
	if (flow_bpf__load(programs))
		return -errno;
	tables = (struct flow_cpus){ map_array(programs->maps.flow_cpus, table_bytes()), cpus,
				     __builtin_ctz(SETS) };
	colds = map_array(programs->maps.flow_colds, cpus * SETS * sizeof(*colds));
	extras = map_array(programs->maps.flow_extras, cpus * SETS * sizeof(*extras));
	return tables.address && colds && extras ? 0 : -errno;
}

int hook_load(void)
{
	return load(false);
}

void hook_set_busy(void)
{
	for (uint32_t cpu = 0; cpu < cpus; cpu++)
		flow_cpus_one(&tables, cpu)->ledger.busy = 1;
}

void hook_unload(void)
{
	flow_bpf__destroy(programs);
	programs = NULL;
}

static int setup(bool realtime)
{
	int err = load(realtime);

	if (err)
		printf("# cannot load the kernel programs: %s\n", strerror(-err));
	return err;
}

int hook_setup(void **state)
{
	(void)state;
	return setup(false);
}

int hook_setup_realtime(void **state)
{
	(void)state;
	return setup(true);
}

int hook_teardown(void **state)
{
	(void)state;
	hook_unload();
	return 0;
}

void hook_set_role(uint32_t role)
{
	hook_set_sampling(role, 0);
}

void hook_set_sampling(uint32_t role, uint16_t sampling)
{
	programs->bss->device_slots[1] =
		(struct flow_device){ .ifindex = 1, .role = (uint16_t)role, .sampling = sampling };
}

void hook_set_scope(uint32_t state, uint64_t cgroup_id)
{
	struct flow_filter_cgroup key = { .id = cgroup_id, .bank = FLOW_FILTER_SCOPE_BANK };
	uint64_t in_scope = 1;

	if (cgroup_id)
		bpf_map_update_elem(bpf_map__fd(programs->maps.filter_cgroups), &key, &in_scope,
				    BPF_ANY);
	__atomic_store_n(&programs->bss->flow_filter_state, state, __ATOMIC_RELEASE);
}

void hook_reset(void)
{
	memset(tables.address, 0, table_bytes());
}

static void look(struct hook_result *result)
{
	for (uint32_t i = 0; i < cpus * SETS * FLOW_WAYS; i++) {
		const struct flow_hot *hot =
			&flow_cpus_hots(&tables, i / FLOW_WAYS)->way[i % FLOW_WAYS];

		if (!hot->generation)
			continue;
		result->hot = *hot;
		result->cold = colds[i / FLOW_WAYS].way[i % FLOW_WAYS];
		result->extra = extras[i / FLOW_WAYS].way[i % FLOW_WAYS];
		result->entries++;
	}
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		const uint64_t *from = (const uint64_t *)&flow_cpus_one(&tables, cpu)->ledger;
		uint64_t *to = (uint64_t *)&result->ledger;

		for (size_t i = 0; i < sizeof(result->ledger) / sizeof(*to); i++)
			to[i] += from[i];
	}
}

static int hook_fd(enum hook hook)
{
	int fds[HOOK_COUNT] = { bpf_program__fd(programs->progs.tc_ingress),
				bpf_program__fd(programs->progs.tc_egress),
				bpf_program__fd(programs->progs.xdp_ingress) };

	return fds[hook];
}

int64_t hook_time(enum hook hook, const struct hook_input *input, int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input->bytes,
		    .data_size_in = input->size, .repeat = repeat);

	if (bpf_prog_test_run_opts(hook_fd(hook), &options))
		return -errno;
	return options.duration;
}

int hook_run(enum hook hook, const struct hook_input *input, struct hook_result *result)
{
	struct __sk_buff context = { .gso_size = input->gso_size,
				     .gso_segs = input->gso_segments,
				     .ingress_ifindex = input->came_in };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input->bytes,
		    .data_size_in = input->size, .repeat = 1);

	if (input->gso_size || input->came_in) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	memset(result, 0, sizeof(*result));
	if (bpf_prog_test_run_opts(hook_fd(hook), &options))
		return -errno;
	result->verdict = (int)options.retval;
	look(result);
	return 0;
}
