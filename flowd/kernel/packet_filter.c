/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/packet_filter.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-common/packet_parse.h"
#include "flow_bpf.skel.h"
#include "flowd/base/log.h"
#include "flowd/kernel/pcap_filter.h"
#include "flowd/kernel/pcap_verdicts.h"

#define FILTER_WHY_BYTES 768

struct packet_filter {
	struct flow_bpf *programs;
	struct filter_load *load;
	bool asks_cgroups;
	struct pcap_filter *pcap;
	char *expression; /* of `pcap` */
	bool has_verdicts;
};

int packet_filter_open(struct packet_filter **out, const struct datapath *datapath)
{
	struct packet_filter *filter = calloc(1, sizeof(*filter));
	struct flow_bpf *programs = datapath_programs(datapath);
	const struct filter_maps maps = {
		.banks = bpf_map__fd(programs->maps.filter_banks),
		.prefixes = bpf_map__fd(programs->maps.filter_prefixes),
		.interfaces = bpf_map__fd(programs->maps.filter_interfaces),
		.cgroups = bpf_map__fd(programs->maps.filter_cgroups),
		.state = &programs->bss->flow_filter_state,
	};

	if (!filter || filter_load_open(&filter->load, &maps)) {
		log_error("filter: no memory");
		free(filter);
		return -ENOMEM;
	}
	filter->programs = programs;
	*out = filter;
	return 0;
}

void packet_filter_close(struct packet_filter *filter)
{
	if (!filter)
		return;
	filter_load_close(filter->load);
	pcap_filter_remove(filter->pcap);
	free(filter->expression);
	free(filter);
}

static int filter_install_pcap(struct packet_filter *filter, const char *expression)
{
	struct pcap_filter_hook hooks[PCAP_VERDICT_HOOKS];
	char why[FILTER_WHY_BYTES];
	int err = 0;

	if (!filter->has_verdicts)
		err = pcap_verdicts_load(filter->programs);
	if (err)
		return err;
	filter->has_verdicts = true;
	pcap_verdicts_hooks(filter->programs, hooks);
	err = pcap_filter_install(&filter->pcap, expression, hooks, PCAP_VERDICT_HOOKS, why,
				  sizeof(why));
	if (err) {
		log_error("filter.pcap: %s", why);
		return err;
	}
	if (pcap_filter_note(filter->pcap))
		log_warning("filter.pcap: devices without a link header count nothing: %s",
			    pcap_filter_note(filter->pcap));
	filter_load_pcap(filter->load, true);
	return 0;
}

static void filter_remove_pcap(struct packet_filter *filter)
{
	filter_load_pcap(filter->load, false);
	pcap_filter_remove(filter->pcap);
	filter->pcap = NULL;
	free(filter->expression);
	filter->expression = NULL;
}

static int filter_set_pcap(struct packet_filter *filter, const char *expression)
{
	char *copy;
	int err;

	if (!expression) {
		filter_remove_pcap(filter);
		return 0;
	}
	if (filter->expression && !strcmp(filter->expression, expression))
		return 0;
	copy = strdup(expression);
	err = copy ? filter_install_pcap(filter, expression) : -ENOMEM;
	if (err) {
		free(copy);
		return err;
	}
	free(filter->expression);
	filter->expression = copy;
	return 0;
}

int packet_filter_set(struct packet_filter *filter, const struct filter_rules *rules,
		      const char *expression)
{
	int err = filter_load_rules(filter->load, rules), other;

	if (!err)
		filter->asks_cgroups = filter_rules_dimensions(rules) & FLOW_FILTER_CGROUP;
	other = filter_set_pcap(filter, expression);
	return err ? err : other;
}

void packet_filter_device(struct packet_filter *filter, uint32_t ifindex, const char *name)
{
	int err = filter ? filter_load_device(filter->load, ifindex, name) : 0;

	if (err)
		log_error("filter: rules with an interface do not know %s: %s",
			  name ? name : "a device", strerror(-err));
}

int packet_filter_scope(struct packet_filter *filter, bool on,
			const struct filter_scope_cgroup *cgroups, size_t count)
{
	return filter_load_scope(filter->load, on, cgroups, count);
}

bool packet_filter_asks_cgroups(const struct packet_filter *filter)
{
	return filter && filter->asks_cgroups;
}
