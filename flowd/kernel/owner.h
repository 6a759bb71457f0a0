/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's word on who owns sockets and which cgroups come and go: loads and attaches the
 * programs of bpf-trace/owner.bpf.c, each as far as this kernel has it, and reads their ring. What
 * could not be attached is told in `missing` and in the log; the rest works on. Runs on the loop.
 */
#ifndef KERNEL_OWNER_H
#define KERNEL_OWNER_H

#include <stddef.h>
#include <stdint.h>

#include "bpf-common/owner_abi.h"
#include "flowd/kernel/datapath.h"

struct owner_options {
	const char *cgroup_root; /* mount point of the v2 hierarchy */
	const char *btf_path;	 /* NULL = the kernel's */
};

struct owner;
/* `datapath` was opened with owner_ring_bytes. 0 or negative errno; logged. */
int owner_open(struct owner **out, struct datapath *datapath, const struct owner_options *options);
void owner_close(struct owner *owner);

/* Hands over what is in the ring; the size of each event has been checked. */
typedef void (*owner_event_fn)(void *context, const struct flow_event *event);
void owner_drain(struct owner *owner, owner_event_fn event, void *context);
/* Becomes readable when events wait for it; watch it edge-triggered. */
int owner_event_fd(const struct owner *owner);

struct owner_stats {
	uint64_t events;  /* submitted by the kernel */
	uint64_t lost;	  /* the ring was full */
	uint64_t unknown; /* of another type or size */
};
void owner_stats(const struct owner *owner, struct owner_stats *stats);
/* Names of what this kernel refused, "sockops, cgroup_mkdir"; empty: nothing; and how many. */
const char *owner_missing(const struct owner *owner);
unsigned owner_missing_count(const struct owner *owner);

/* Each hook, what it tells, and why it is not attached (errno, 0: it is). */
typedef void (*owner_hook_fn)(void *context, const char *hook, const char *use, int err);
void owner_hooks(const struct owner *owner, owner_hook_fn visit, void *context);

#endif
