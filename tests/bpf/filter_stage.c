/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bpf/filter_stage.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>

#include "filter_bpf.skel.h"

static int open_loader(struct filter_stage *stage)
{
	struct filter_bpf *programs = stage->programs;
	const struct filter_maps maps = {
		.banks = bpf_map__fd(programs->maps.filter_banks),
		.prefixes = bpf_map__fd(programs->maps.filter_prefixes),
		.interfaces = bpf_map__fd(programs->maps.filter_interfaces),
		.cgroups = bpf_map__fd(programs->maps.filter_cgroups),
		.state = &programs->bss->flow_filter_state,
	};
	int error = filter_load_open(&stage->load, &maps);

	for (uint32_t i = 0; i < REFERENCE_INTERFACES && !error; i++)
		error = filter_load_device(stage->load, i + 1, reference_interfaces[i]);
	return error;
}

int filter_stage_open(struct filter_stage *stage)
{
	void *cases;

	memset(stage, 0, sizeof(*stage));
	stage->programs = filter_bpf__open_and_load();
	if (!stage->programs)
		return -errno;
	cases = mmap(NULL, FILTER_CASES * sizeof(*stage->cases), PROT_READ | PROT_WRITE, MAP_SHARED,
		     bpf_map__fd(stage->programs->maps.cases), 0);
	if (cases == MAP_FAILED)
		return -errno;
	stage->cases = cases;
	return open_loader(stage);
}

void filter_stage_close(struct filter_stage *stage)
{
	filter_load_close(stage->load);
	if (stage->cases)
		munmap(stage->cases, FILTER_CASES * sizeof(*stage->cases));
	filter_bpf__destroy(stage->programs);
}

static uint32_t ifindex_of(const char *name)
{
	uint32_t ifindex = 1;

	while (reference_interfaces[ifindex - 1] != name)
		ifindex++;
	return ifindex;
}

void filter_stage_deal(struct filter_stage *stage)
{
	for (size_t i = 0; i < FILTER_CASES; i++) {
		reference_packet_random(&stage->packets[i]);
		stage->cases[i] =
			(struct filter_case){ .key = stage->packets[i].key,
					      .ifindex = ifindex_of(stage->packets[i].interface),
					      .verdict = 2 };
	}
}

int64_t filter_stage_run(struct filter_stage *stage, enum filter_run run, uint32_t repeat)
{
	struct bpf_program *programs[] = {
		[FILTER_RUN_CASES] = stage->programs->progs.run_cases,
		[FILTER_RUN_NOTHING] = stage->programs->progs.run_nothing,
		[FILTER_RUN_CGROUPS] = stage->programs->progs.run_cgroups,
	};
	uint8_t frame[64] = { [12] = 0x08 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(bpf_program__fd(programs[run]), &options))
		return -errno;
	return options.duration;
}

uint64_t filter_stage_cgroups(const struct filter_stage *stage)
{
	return stage->programs->bss->cgroup_rules;
}

uint32_t filter_stage_state(const struct filter_stage *stage)
{
	return stage->programs->bss->flow_filter_state;
}
