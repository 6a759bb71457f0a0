/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/trace_firewall.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "firewall_bpf.skel.h"
#include "flowd/kernel/bpf_log.h"

#define FIREWALL_HOOKS 3

/* One object a function: an object is loaded whole or not at all. */
struct trace_firewall_hooks {
	struct firewall_bpf *skeletons[FIREWALL_HOOKS];
	struct bpf_link *links[FIREWALL_HOOKS];
	unsigned count;
};

static struct bpf_program *firewall_program(struct firewall_bpf *skeleton, int hook)
{
	struct bpf_program *programs[FIREWALL_HOOKS] = { skeleton->progs.trace_nft_chain,
							 skeleton->progs.trace_ipt_table,
							 skeleton->progs.trace_ip6t_table };

	return programs[hook];
}

static int firewall_load(struct firewall_bpf *skeleton, int hook, int map_fd)
{
	for (int other = 0; other < FIREWALL_HOOKS; other++)
		bpf_program__set_autoload(firewall_program(skeleton, other), other == hook);
	bpf_map__set_autocreate(skeleton->maps.trace_states, false);
	bpf_map__set_autocreate(skeleton->maps.trace_buckets, false);
	bpf_map__set_autocreate(skeleton->maps.trace_events, false);
	bpf_map__set_autocreate(skeleton->maps.trace_sockets, false);
	bpf_map__set_autocreate(skeleton->maps.trace_namespaces, false);
	if (bpf_map__reuse_fd(skeleton->maps.trace_firewalls, map_fd))
		return -1;
	return firewall_bpf__load(skeleton);
}

static void firewall_attach(struct trace_firewall_hooks *hooks, int hook, int map_fd,
			    const char *btf_path)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf_path);
	struct firewall_bpf *skeleton = firewall_bpf__open_opts(&options);

	hooks->skeletons[hook] = skeleton;
	if (!skeleton || firewall_load(skeleton, hook, map_fd))
		return;
	hooks->links[hook] = bpf_program__attach(firewall_program(skeleton, hook));
	hooks->count += hooks->links[hook] != NULL;
}

struct trace_firewall_hooks *trace_firewall_open(int map_fd, const char *btf_path)
{
	struct trace_firewall_hooks *hooks = calloc(1, sizeof(*hooks));

	if (!hooks)
		return NULL;
	bpf_log_quiet(true);
	for (int hook = 0; hook < FIREWALL_HOOKS; hook++)
		firewall_attach(hooks, hook, map_fd, btf_path);
	bpf_log_quiet(false);
	if (hooks->count)
		return hooks;
	trace_firewall_close(hooks);
	return NULL;
}

void trace_firewall_close(struct trace_firewall_hooks *hooks)
{
	if (!hooks)
		return;
	for (int hook = 0; hook < FIREWALL_HOOKS; hook++) {
		bpf_link__destroy(hooks->links[hook]);
		firewall_bpf__destroy(hooks->skeletons[hook]);
	}
	free(hooks);
}

unsigned trace_firewall_count(const struct trace_firewall_hooks *hooks)
{
	return hooks ? hooks->count : 0;
}
