/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ends on this machine: by their socket, else by who listens there, else by the network namespace
 * that has the address; from there to cgroup, container, pod and unit. Fed by the kernel's events.
 */
#ifndef IDENTITY_LOCAL_SOURCE_H
#define IDENTITY_LOCAL_SOURCE_H

#include "bpf-common/owner_abi.h"
#include "flowd/identity/cgroup_table.h"
#include "flowd/identity/owner_table.h"
#include "flowd/identity/source.h"

struct local_options {
	struct cgroup_table_options cgroups;
	const char *proc; /* mount point of the host's proc */
	uint32_t most;	  /* owners remembered, of each kind */
	bool sockets;	  /* false: the kernel does not tell of sockets */
};

struct local;
/* 0 or -ENOMEM. */
int local_open(struct local **out, const struct local_options *options, uint64_t now_ns);
/* As a source for the resolver, which closes it. */
struct identity_source local_source(struct local *local);
/* An event of owner.h. */
void local_event(struct local *local, const struct flow_event *event);
/* A socket that was there before the daemon. */
void local_found(struct local *local, const struct owner_socket *socket);
/* Owner events were lost until now: what is not known may have been told. */
void local_lost(struct local *local);

/* Looks again for metadata of cgroups that are new; true: some are still without. */
bool local_retry(struct local *local);

/* To watch, and what to do then: devices and addresses of other namespaces. -1: not watched. */
int local_peers_fd(const struct local *local);
void local_dispatch_peers(struct local *local);

struct cgroup_table *local_cgroups(struct local *local);
struct owner_table *local_owners(struct local *local);
struct netns_table *local_spaces(struct local *local);

#endif
