/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the devices of a network namespace and their queueing disciplines have dropped, by
 * rtnetlink: also what /proc/net/dev does not tell apart (rx_missed: the card had no room) or at
 * all (qdiscs). Blocks for two short dumps; no log.
 */
#ifndef KERNEL_DEVICE_COUNTERS_H
#define KERNEL_DEVICE_COUNTERS_H

#include <stdint.h>
#include <sys/types.h>

/* "eth0", then "rx_missed", "tx_dropped", "qdisc.fq_codel.drops" ...: qdiscs of one kind at one
 * device are one counter, and a parent that sums its children (mq) is a kind of its own. */
typedef void (*device_counter_fn)(void *context, const char *device, const char *counter,
				  uint64_t value);
/* Of the namespace of a process. 0 or negative errno. */
int device_counters_read(pid_t process, device_counter_fn visit, void *context);

#endif
