/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets count (docs/decisions/filter.md): ordered rules, and a pcap-filter(7) expression in
 * front of them. Both are changed while the programs stay attached; what they exclude is in the
 * ledger (filtered_packets). One instance a datapath; not thread-safe.
 */
#ifndef KERNEL_PACKET_FILTER_H
#define KERNEL_PACKET_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "flowd/kernel/filter_load.h"
#include "flowd/kernel/filter_rules.h"

struct packet_filter;

/* Everything counts. Borrows the datapath. 0 or negative errno, logged. */
int packet_filter_open(struct packet_filter **out, const struct datapath *datapath);
/* Everything counts again. Before datapath_close(). Accepts NULL. */
void packet_filter_close(struct packet_filter *filter);

/*
 * The rules, whose texts must live until the next call, and the expression (NULL: none). Takes
 * milliseconds, but seconds for very long expressions and for names of hosts. 0 or negative errno,
 * logged: what is refused, rules or expression, stays as it was.
 */
int packet_filter_set(struct packet_filter *filter, const struct filter_rules *rules,
		      const char *expression);
/* As filter_load_scope(). */
int packet_filter_scope(struct packet_filter *filter, bool on,
			const struct filter_scope_cgroup *cgroups, size_t count);
/* A device has come or got another name; NULL: it has gone. Failure is logged. Accepts NULL. */
void packet_filter_device(struct packet_filter *filter, uint32_t ifindex, const char *name);
/* Some rule has a condition on cgroups. Accepts NULL. */
bool packet_filter_asks_cgroups(const struct packet_filter *filter);

#endif
