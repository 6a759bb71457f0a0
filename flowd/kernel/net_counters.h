/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drops that never become the event of a packet: what the kernel counts by network namespace
 * (/proc/net/snmp, netstat), by device (device_counters.h: cards and queueing disciplines) and by
 * CPU (softnet_stat). Namespaces are found by the processes in them. Reads files; to be called
 * every few seconds. Not thread-safe; no log.
 */
#ifndef KERNEL_NET_COUNTERS_H
#define KERNEL_NET_COUNTERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf-common/flow_abi.h"

struct net_counter {
	uint32_t netns; /* inode number; 0: of the machine */
	char name[60];	/* "TcpExt.ListenOverflows", "eth0.rx_missed", "eth0.qdisc.fq_codel.drops",
			   ... */
	uint64_t value; /* since the namespace was made */
	uint64_t gain;	/* since the read before this one; 0 at the first */
};

struct net_counters;
/* Only these namespaces; none: all. 0 or -ENOMEM. */
int net_counters_open(struct net_counters **out, const uint32_t *namespaces, size_t count);
/* Accepts NULL. */
void net_counters_close(struct net_counters *counters);
void net_counters_read(struct net_counters *counters);
/* Those that are not zero. */
typedef void (*net_counter_fn)(void *context, const struct net_counter *counter);
void net_counters_each(const struct net_counters *counters, net_counter_fn visit, void *context);
/* Each namespace that was found at the last read, and a process in it. */
typedef void (*net_space_fn)(void *context, uint32_t netns, pid_t process);
void net_counters_spaces(const struct net_counters *counters, net_space_fn visit, void *context);
/* Counters that there was no room for at the last read. */
uint64_t net_counters_untold(const struct net_counters *counters);
/* The listening TCP socket of the namespace with the longest accept queue: its end as the source of
 * *key. 0 or -ENOENT. */
int net_counters_listener(const struct net_counters *counters, uint32_t netns,
			  struct flow_key *key);

#endif
