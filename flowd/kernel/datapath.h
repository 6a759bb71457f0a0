/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel programs, loaded: open (CO-RE, sizes, seed), drain of the per-CPU flow tables and of
 * the ring buffer, counters, clocks. Attaching to devices is attach.h's. One instance a process;
 * not thread-safe: everything runs on the daemon's loop.
 */
#ifndef KERNEL_DATAPATH_H
#define KERNEL_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"
#include "bpf-common/packet.h"
#include "flowd/flow/flow_table.h"

struct datapath;
struct flow_bpf; /* the skeleton */

struct datapath_options {
	uint32_t table_flows; /* entries over all CPUs; each CPU gets its share, rounded up to a
				 power of two */
	bool table_grows;     /* begins with a part of them (table_growth.h) */
	uint32_t ring_bytes;  /* power of two, at least a page */
	uint32_t owner_ring_bytes; /* the same for owners of sockets; 0: not asked for */
	int tcp_watch;		   /* packets go on to tcp_watch.h, once that is open */
	struct packet_rules rules; /* which tunnels are followed (packet_rules.h) */
	const char *btf_path;	   /* external BTF where the kernel has none; NULL = the kernel's */
};

/* 0 or negative errno; the reason, with a remedy, has been logged. */
int datapath_open(struct datapath **out, const struct datapath_options *options);
/* Detaches nothing (attach.h); frees maps and programs. Accepts NULL. */
void datapath_close(struct datapath *datapath);

/* After the log's level has changed: at level debug samples of packets that are not understood are
 * logged. */
void datapath_follow_log(struct datapath *datapath);

/* Called for each difference found; times are CLOCK_MONOTONIC ns. */
typedef void (*datapath_delta_fn)(void *context, const struct flow_delta *delta);

/*
 * Reads what changed since the last drain, without stopping the writers and without losing an
 * update: touched sets are copied, then the ring buffer is emptied, then both are applied in the
 * order they happened. `everything` reads all sets, touched or not (start, shutdown, and now and
 * then on weakly ordered machines). Returns the number of deltas or negative errno.
 */
int datapath_drain(struct datapath *datapath, bool everything, datapath_delta_fn emit,
		   void *context);
/*
 * Called, while draining, for each event that is not the flow table's (DNS); valid during the call.
 * False: the type or the size is not known, and counts as events_unknown.
 */
typedef bool (*datapath_event_fn)(void *context, const struct flow_event *event);
void datapath_set_listener(struct datapath *datapath, datapath_event_fn listen, void *context);
/* Only the ring buffer; for its wake-up. */
int datapath_drain_events(struct datapath *datapath, datapath_delta_fn emit, void *context);
/* File descriptor that becomes readable when the ring buffer passes its wake-up mark. Watch it
 * edge-triggered: below the mark it may look readable, and a level would spin under traffic. */
int datapath_event_fd(const struct datapath *datapath);

/* What lies between kernel and flow table. Sums over CPUs, except where said. */
struct datapath_ledger {
	struct flow_ledger kernel;
	uint64_t drained_packets, drained_bytes; /* handed out in deltas since open */
	uint64_t event_gaps;			 /* events missing in a CPU's sequence */
	uint64_t events_unknown;		 /* type or size not known */
	uint64_t torn_reads; /* copies taken again because the entry was being replaced */
};
int datapath_ledger(struct datapath *datapath, struct datapath_ledger *ledger);

/* Roles of devices (docs/decisions/ownership.md), FLOW_DEVICE_*; role 0 removes. 1 in `sampling` of
 * its packets is counted, 1 to 65535. 0 or negative errno. */
int datapath_device_role(struct datapath *datapath, uint32_t ifindex, uint16_t role,
			 uint16_t sampling);

/* For the packet filter, which adds programs (packet_filter.h). */
struct flow_bpf *datapath_programs(const struct datapath *datapath);

/* What the programs of owner.h share with ours. */
struct datapath_owner_maps {
	int events_fd, counters_fd;
	uint32_t ring_bytes;
};
struct datapath_owner_maps datapath_owner_maps(const struct datapath *datapath);

/* Program descriptors for attach.h and tests. */
int datapath_tc_ingress_fd(const struct datapath *datapath);
int datapath_tc_egress_fd(const struct datapath *datapath);
int datapath_xdp_fd(const struct datapath *datapath);

/* Kernel-measured run time of our programs, ns and count, where BPF statistics are on; else zeros.
 */
void datapath_run_stats(const struct datapath *datapath, uint64_t *run_ns, uint64_t *run_count);

#endif
