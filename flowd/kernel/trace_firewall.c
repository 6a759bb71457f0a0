/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/trace_firewall.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "firewall_bpf.skel.h"
#include "flowd/kernel/bpf_log.h"

#define FIREWALL_HOOKS 3

struct trace_firewall_hooks {
	struct firewall_bpf *skeleton;
	struct bpf_link *links[FIREWALL_HOOKS];
	unsigned count;
};

static struct bpf_program *firewall_program(const struct firewall_bpf *skeleton, int hook)
{
	struct bpf_program *programs[FIREWALL_HOOKS] = { skeleton->progs.trace_nft_chain,
							 skeleton->progs.trace_ipt_table,
							 skeleton->progs.trace_ip6t_table };

	return programs[hook];
}

/* An object is loaded whole or not at all: what the kernel does not have is left out before. */
static unsigned firewall_choose(const struct firewall_bpf *skeleton, struct kallsyms *symbols)
{
	static const char *const functions[FIREWALL_HOOKS] = { "nft_do_chain", "ipt_do_table",
							       "ip6t_do_table" };
	unsigned chosen = 0;

	for (int hook = 0; hook < FIREWALL_HOOKS; hook++) {
		bool there = kallsyms_has(symbols, functions[hook]);

		bpf_program__set_autoload(firewall_program(skeleton, hook), there);
		chosen += there;
	}
	return chosen;
}

static int firewall_load(const struct firewall_bpf *skeleton, int map_fd)
{
	bpf_map__set_autocreate(skeleton->maps.trace_states, false);
	bpf_map__set_autocreate(skeleton->maps.trace_buckets, false);
	bpf_map__set_autocreate(skeleton->maps.trace_events, false);
	bpf_map__set_autocreate(skeleton->maps.trace_sockets, false);
	bpf_map__set_autocreate(skeleton->maps.trace_namespaces, false);
	if (bpf_map__reuse_fd(skeleton->maps.trace_firewalls, map_fd))
		return -1;
	return firewall_bpf__load((struct firewall_bpf *)(uintptr_t)skeleton);
}

static void firewall_attach(struct trace_firewall_hooks *hooks)
{
	for (int hook = 0; hook < FIREWALL_HOOKS; hook++) {
		struct bpf_program *program = firewall_program(hooks->skeleton, hook);

		if (bpf_program__fd(program) < 0)
			continue;
		hooks->links[hook] = bpf_program__attach(program);
		hooks->count += hooks->links[hook] != NULL;
	}
}

struct trace_firewall_hooks *trace_firewall_open(int map_fd, const char *btf_path,
						 struct kallsyms *symbols)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf_path);
	struct trace_firewall_hooks *hooks = calloc(1, sizeof(*hooks));
	bool was_quiet;

	if (!hooks)
		return NULL;
	was_quiet = bpf_log_quiet(true);
	hooks->skeleton = firewall_bpf__open_opts(&options);
	if (hooks->skeleton && firewall_choose(hooks->skeleton, symbols) &&
	    !firewall_load(hooks->skeleton, map_fd))
		firewall_attach(hooks);
	bpf_log_quiet(was_quiet);
	if (hooks->count)
		return hooks;
	trace_firewall_close(hooks);
	return NULL;
}

void trace_firewall_close(struct trace_firewall_hooks *hooks)
{
	if (!hooks)
		return;
	for (int hook = 0; hook < FIREWALL_HOOKS; hook++)
		bpf_link__destroy(hooks->links[hook]);
	firewall_bpf__destroy(hooks->skeleton);
	free(hooks);
}

unsigned trace_firewall_count(const struct trace_firewall_hooks *hooks)
{
	return hooks ? hooks->count : 0;
}
