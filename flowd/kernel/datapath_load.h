/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the skeleton to programs in the kernel and maps in our memory. Logs every refusal. */
#ifndef KERNEL_DATAPATH_LOAD_H
#define KERNEL_DATAPATH_LOAD_H

#include "flowd/kernel/datapath.h"
#include "flowd/kernel/drain.h"
#include "flowd/kernel/map_memory.h"

struct flow_bpf;

/* The maps that user space reads and writes in place. */
struct datapath_mapped {
	struct map_memory cpus, colds, extras, clocks;
};

struct datapath_sizes {
	uint32_t cpus, sets_per_cpu, ring_bytes;
};

/* 0 or negative errno. */
int datapath_load(struct flow_bpf **out, struct datapath_sizes *sizes,
		  const struct datapath_options *options);
int datapath_map(struct datapath_mapped *mapped, const struct flow_bpf *skeleton);
void datapath_unmap(struct datapath_mapped *mapped);
/* `extras` alone, which few entries have: mapped while it is read. NULL: no memory, logged. */
const struct flow_extra_set *datapath_map_extras(struct datapath_mapped *mapped,
						 const struct flow_bpf *skeleton);
void datapath_unmap_extras(struct datapath_mapped *mapped);

#endif
