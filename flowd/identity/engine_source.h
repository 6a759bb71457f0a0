/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What engines know of containers that their files do not tell: podman's labels, containers of an
 * engine whose files lie elsewhere. Each is asked once, when its cgroup is met, and answers beside
 * the daemon's loop; until then, and where it does not answer, files must do.
 */
#ifndef IDENTITY_ENGINE_SOURCE_H
#define IDENTITY_ENGINE_SOURCE_H

#include "flowd/identity/cgroup_table.h"
#include "flowd/identity/source.h"

struct engines;
struct engines_options {
	const char *host_root;
	const char *docker, *podman; /* sockets; NULL: not asked */
};
/* 0 or negative errno. */
int engines_open(struct engines **out, const struct engines_options *options);
/* Accepts NULL. */
void engines_close(struct engines *engines);
/* For the resolver, which closes it. */
struct identity_source engines_source(struct engines *engines);
/* As cgroup_table_options.met. */
void engines_meet(void *engines, const struct cgroup_entry *entry);
/* To watch, and what to do then. */
int engines_fd(const struct engines *engines);
void engines_dispatch(struct engines *engines);

/* Counters by name; `text` of a failure says why while it lasts. */
typedef void (*engines_count_fn)(void *context, const char *name, uint64_t value, const char *text);
void engines_counters(struct engines *engines, engines_count_fn visit, void *context);

#endif
