/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/pcap_verdicts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf-common/filter_abi.h"
#include "bpf-common/packet_parse.h"
#include "flow_bpf.skel.h"
#include "flowd/base/log.h"

/* The same maps, so the same counters, tables and constants. */
static int verdicts_share_maps(struct flow_bpf *copy, const struct flow_bpf *programs)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, copy->obj)
	{
		const struct bpf_map *held =
			bpf_object__find_map_by_name(programs->obj, bpf_map__name(map));
		int err = held ? bpf_map__reuse_fd(map, bpf_map__fd(held)) : -ENOENT;

		if (err)
			return err;
	}
	return 0;
}

static void verdicts_choose_programs(struct flow_bpf *copy, const struct flow_bpf *programs)
{
	uint32_t xdp_flags = bpf_program__flags(programs->progs.xdp_ingress);
	struct bpf_program *program;

	bpf_object__for_each_program(program, copy->obj)
		bpf_program__set_autoload(program, !bpf_program__autoload(program));
	bpf_program__set_flags(copy->progs.xdp_ingress_accepted, xdp_flags);
	bpf_program__set_flags(copy->progs.xdp_ingress_excluded, xdp_flags);
}

static int verdicts_enter_one(const struct bpf_map *verdicts, uint32_t hook,
			      enum flow_pcap_verdict verdict, const struct bpf_program *program)
{
	uint32_t index = FLOW_PCAP_NEXT(hook, verdict);
	int fd = bpf_program__fd(program);

	return bpf_map_update_elem(bpf_map__fd(verdicts), &index, &fd, BPF_ANY);
}

static int verdicts_enter(const struct flow_bpf *copy, const struct flow_bpf *programs)
{
	const struct bpf_map *tc = programs->maps.tc_pcap_verdicts;
	const struct bpf_map *xdp = programs->maps.xdp_pcap_verdicts;
	int err = verdicts_enter_one(tc, 0, FLOW_PCAP_ACCEPT, copy->progs.tc_ingress_accepted);

	if (!err)
		err = verdicts_enter_one(tc, 0, FLOW_PCAP_EXCLUDE, copy->progs.tc_ingress_excluded);
	if (!err)
		err = verdicts_enter_one(tc, 1, FLOW_PCAP_ACCEPT, copy->progs.tc_egress_accepted);
	if (!err)
		err = verdicts_enter_one(tc, 1, FLOW_PCAP_EXCLUDE, copy->progs.tc_egress_excluded);
	if (!err)
		err = verdicts_enter_one(xdp, 0, FLOW_PCAP_ACCEPT,
					 copy->progs.xdp_ingress_accepted);
	if (!err)
		err = verdicts_enter_one(xdp, 0, FLOW_PCAP_EXCLUDE,
					 copy->progs.xdp_ingress_excluded);
	return err;
}

int pcap_verdicts_load(const struct flow_bpf *programs)
{
	struct flow_bpf *copy;
	int err = -ENOMEM;

	errno = 0;
	copy = flow_bpf__open();
	if (copy)
		err = verdicts_share_maps(copy, programs);
	else if (errno)
		err = -errno;
	if (!err) {
		verdicts_choose_programs(copy, programs);
		err = flow_bpf__load(copy);
	}
	if (!err)
		err = verdicts_enter(copy, programs);
	if (err)
		log_error(
			"filter.pcap: the kernel refused the programs behind the filter: %s; leave "
			"the expression out",
			strerror(-err));
	flow_bpf__destroy(copy);
	return err;
}

void pcap_verdicts_hooks(const struct flow_bpf *programs,
			 struct pcap_filter_hook hooks[PCAP_VERDICT_HOOKS])
{
	static const char *const names[PCAP_VERDICT_HOOKS] = { "tc ingress", "tc egress", "XDP" };

	for (uint32_t i = 0; i < PCAP_VERDICT_HOOKS; i++) {
		bool xdp = i == 2;
		uint32_t hook = xdp ? 0 : i;

		hooks[i] = (struct pcap_filter_hook){
			.name = names[i],
			.xdp = xdp,
			.xdp_frags = bpf_program__flags(programs->progs.xdp_ingress) &
				     BPF_F_XDP_HAS_FRAGS,
			.jumps_fd = bpf_map__fd(xdp ? programs->maps.xdp_pcap_filters
						    : programs->maps.tc_pcap_filters),
			.slots = { FLOW_PCAP_SLOT(hook, 0), FLOW_PCAP_SLOT(hook, 1) },
			.verdicts_fd = bpf_map__fd(xdp ? programs->maps.xdp_pcap_verdicts
						       : programs->maps.tc_pcap_verdicts),
			.accept = FLOW_PCAP_NEXT(hook, FLOW_PCAP_ACCEPT),
			.exclude = FLOW_PCAP_NEXT(hook, FLOW_PCAP_EXCLUDE),
		};
	}
}
