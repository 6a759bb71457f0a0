/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What goes wrong with flows: takes the kernel's events of drops and TCP trouble, tells each as a
 * record of its own (repeated drops as one record an interval), and joins them to their flows in
 * the flow table. On the daemon's loop; what the kernel does not offer is left out by name.
 */
#ifndef TROUBLE_TROUBLE_H
#define TROUBLE_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/base/loop.h"
#include "flowd/flow/flow_table.h"
#include "proto/flow_record.h"

struct trouble_options {
	bool drops, tcp;
	bool firewalls;		/* names of tables and chains, where the kernel tells */
	bool nftrace;		/* the same by nftables' trace */
	unsigned manner;	/* enum trace_manner of kernel/trace.h */
	bool tcp_states;	/* a record for each change of state */
	uint64_t rate;		/* events a second of one reason on one CPU */
	const char *namespaces; /* inode numbers, with commas; NULL: all */
	const char *quiet;	/* reasons that are only counted, with commas; NULL: none */
	const char *btf_path;
	const char *node_name;
	struct flow_table *table;
	void (*tell)(void *context, const struct flow_record *record);
	void (*lost)(void *context, const struct flow_loss *loss); /* what was not told */
	void *context;
};

struct trouble;
/* 0 or negative errno. A kernel without the tracepoints is no error: there is nothing to tell. */
int trouble_open(struct trouble **out, struct loop *loop, const struct trouble_options *options);
/* Accepts NULL. */
void trouble_close(struct trouble *trouble);
/* Takes what waits now; it is taken by a timer too. */
void trouble_read(struct trouble *trouble);

/* Each counter of this part, and each tracepoint that is not attached (value 0, text: why). */
typedef void (*trouble_count_fn)(void *context, const char *name, uint64_t value, const char *text);
void trouble_counters(const struct trouble *trouble, trouble_count_fn visit, void *context);
/* The kernel's own counters of drops, by namespace (0: of the machine); see net_counters.h. */
typedef void (*trouble_net_fn)(void *context, uint32_t netns, const char *name, uint64_t value);
void trouble_net_counters(const struct trouble *trouble, trouble_net_fn visit, void *context);

#endif
