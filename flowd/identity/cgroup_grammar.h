/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the path of a cgroup says of what runs in it: the container engines' and systemd's ways to
 * name cgroups, nested ones too (the innermost container wins). Pure; a path that says nothing
 * gives empty texts. The table of paths in tests/unit/test_cgroup_grammar.c is the specification.
 */
#ifndef IDENTITY_CGROUP_GRAMMAR_H
#define IDENTITY_CGROUP_GRAMMAR_H

#include <stdbool.h>

struct cgroup_name {
	char runtime[16]; /* "docker", "containerd", "cri-o", "podman", "lxc", "nspawn", "libvirt",
			     "cri" (Kubernetes, engine not told) ... */
	char container[129]; /* id, or name where the engine has only names */
	char pod_uid[64];    /* of Kubernetes */
	char pod_group[129]; /* podman's pod id, ECS task, nomad allocation */
	char unit[256];	     /* systemd unit, innermost; unescaped */
	bool monitor;	     /* the engine's own helper beside the container, not the container */
};

/* `path` begins at the hierarchy's root: "/docker/ID". */
void cgroup_grammar_parse(const char *path, struct cgroup_name *name);

#endif
