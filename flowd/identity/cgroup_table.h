/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups of the v2 hierarchy by id: path, what the path says, what the engine's files say. Read
 * once, when the cgroup is made or first met, and kept for a while after it has gone, so that
 * whoever lived for milliseconds still has a name. Bounded. Not thread-safe.
 */
#ifndef IDENTITY_CGROUP_TABLE_H
#define IDENTITY_CGROUP_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "flowd/identity/container_files.h"

struct cgroup_entry {
	uint64_t id;
	uint64_t born_ns; /* CLOCK_MONOTONIC; 0: before we looked */
	uint64_t gone_ns; /* 0: still there */
	char *path;	  /* below the hierarchy's root */
	struct cgroup_name name;
	struct container_facts *facts; /* NULL: it is no container's */
	bool known;		       /* some engine's file has been found */
	uint32_t inside;	       /* a process that was seen in it; 0: none yet */
	/* the table's own */
	uint64_t read_ns, used_ns;
	struct cgroup_entry *next;
};

struct cgroup_table_options {
	struct container_paths paths;
	const char *root; /* mount point of the v2 hierarchy, host root included */
	uint64_t keep_ns; /* how long what has gone is kept */
	uint32_t most;	  /* entries */
	/* A container's cgroup, each time its files have been read; or NULL. */
	void (*met)(void *context, const struct cgroup_entry *entry);
	void *met_context;
};

struct cgroup_table;
/* Texts of the options are borrowed. 0 or -ENOMEM. */
int cgroup_table_open(struct cgroup_table **out, const struct cgroup_table_options *options);
void cgroup_table_close(struct cgroup_table *table);
/* Enters every cgroup there is. */
void cgroup_table_scan(struct cgroup_table *table, uint64_t now_ns);
void cgroup_table_made(struct cgroup_table *table, uint64_t id, const char *path, uint64_t time_ns);
void cgroup_table_gone(struct cgroup_table *table, uint64_t id, uint64_t time_ns);
/* Looks for it in the hierarchy where it is not known. NULL: gone unseen, or not of this root. */
const struct cgroup_entry *cgroup_table_find(struct cgroup_table *table, uint64_t id,
					     uint64_t now_ns);
/* Reads again what is new and has no metadata; true: some still have none. */
bool cgroup_table_retry(struct cgroup_table *table, uint64_t now_ns);
/* Forgets what has been gone for long. */
void cgroup_table_sweep(struct cgroup_table *table, uint64_t now_ns);
/* Looks into containers without a known process: calls `visit` for those that have one now. */
typedef void (*cgroup_inhabited_fn)(void *context, const struct cgroup_entry *entry);
void cgroup_table_inhabit(struct cgroup_table *table, cgroup_inhabited_fn visit, void *context);
/* A process that is in it now; 0: none, or the cgroup has gone. */
uint32_t cgroup_table_process(const struct cgroup_table *table, const struct cgroup_entry *entry);
typedef void (*cgroup_visit_fn)(void *context, const struct cgroup_entry *entry);
void cgroup_table_each(const struct cgroup_table *table, cgroup_visit_fn visit, void *context);
/* Mount point of the v2 hierarchy below `host_root`: 0 or -ENODEV. */
int cgroup_table_root(const char *host_root, char *root, size_t size);

#endif
