/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet filter's tables in the kernel: a new set of rules is written into the bank that no
 * packet reads, then one store makes it the one that packets read. Devices and cgroups are looked
 * up here, because rules name them and packets carry numbers. Not thread-safe.
 */
#ifndef KERNEL_FILTER_LOAD_H
#define KERNEL_FILTER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/filter_rules.h"

/* Of the loaded programs: descriptors, and the word in their .bss. Borrowed. */
struct filter_maps {
	int banks, prefixes, interfaces, cgroups;
	uint32_t *state;
};

struct filter_load;
int filter_load_open(struct filter_load **out, const struct filter_maps *maps);
/* Switches the filter off. Accepts NULL. */
void filter_load_close(struct filter_load *load);

/*
 * Makes these rules the filter; they are copied, their texts are not, and must live until the next
 * call. 0 or negative errno, logged: what was there stays in force. Waits for packets on their way,
 * some milliseconds.
 */
int filter_load_rules(struct filter_load *load, const struct filter_rules *rules);
/* Packets ask the pcap filter first, or no longer. */
void filter_load_pcap(struct filter_load *load, bool asked);
/* A cgroup of the scope: its number, and how far it lies below the root. */
struct filter_scope_cgroup {
	uint64_t id;
	uint64_t level; /* below FLOW_FILTER_LEVELS */
};
/* Packets outside the scope are left alone: `on`, and what is in it besides devices. 0 or negative
 * errno, not logged: what could be entered is in it. At most FLOW_SCOPE_CGROUPS. */
int filter_load_scope(struct filter_load *load, bool on, const struct filter_scope_cgroup *cgroups,
		      size_t count);
/* A device has come or got another name; NULL: it has gone. 0 or negative errno, not logged. */
int filter_load_device(struct filter_load *load, uint32_t ifindex, const char *name);

#endif
