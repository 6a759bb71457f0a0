/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What packets tell of TCP connections that pass (kernel/tcp_watch.h), to their flows. In two
 * steps: what a socket of this machine tells of the same segments must be with the flow before,
 * since it knows better. NULL (flow.tcp_connections: 0, or the kernel refused) takes and tells
 * nothing.
 */
#ifndef FLOWD_FORWARDED_H
#define FLOWD_FORWARDED_H

#include "flowd/config.h"
#include "flowd/flow/flow_table.h"
#include "flowd/kernel/datapath.h"

struct forwarded;
/* *out stays NULL where there is nothing to take. 0 or -ENOMEM. */
int forwarded_open(struct forwarded **out, const struct config *config,
		   const struct datapath *datapath, struct flow_table *table);
void forwarded_close(struct forwarded *forwarded);
/* Before the events of sockets are read, and after the flows are. */
void forwarded_take(struct forwarded *forwarded);
void forwarded_tell(struct forwarded *forwarded);

typedef void (*forwarded_count_fn)(void *context, const char *name, uint64_t value,
				   const char *text);
void forwarded_counters(const struct forwarded *forwarded, forwarded_count_fn visit, void *context);

#endif
