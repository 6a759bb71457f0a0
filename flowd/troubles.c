/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/troubles.h"

int troubles_open(struct trouble **out, struct loop *loop, const struct config *config,
		  struct flow_table *table,
		  void (*tell)(void *context, const struct flow_record *record),
		  void (*lost)(void *context, const struct flow_loss *loss), void *context)
{
	const struct trouble_options options = { .drops = config->events.drops,
						 .tcp = config->events.tcp,
						 .firewalls = config->events.firewalls,
						 .nftrace = config->events.nftrace,
						 .manner = (unsigned)config->events.tracepoints,
						 .tcp_states = config->events.tcp_states,
						 .rate = config->events.rate,
						 .namespaces = config->events.namespaces,
						 .quiet = config->events.quiet,
						 .btf_path = config->btf,
						 .node_name = config->node_name,
						 .table = table,
						 .tell = tell,
						 .lost = lost,
						 .context = context };

	return trouble_open(out, loop, &options);
}
