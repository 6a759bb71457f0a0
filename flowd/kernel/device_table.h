/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The devices of the namespace by ifindex, and the names of all that ever were. Memory only.
 */
#ifndef KERNEL_DEVICE_TABLE_H
#define KERNEL_DEVICE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/kernel/attach.h"
#include "flowd/kernel/link_watch.h"
#include "flowd/kernel/roles.h"

struct device {
	uint32_t ifindex;
	const char *name; /* interned */
	char kind[16];
	uint32_t link_type, link, master;
	bool link_elsewhere;
	int32_t elsewhere;
	uint32_t sweep; /* the dump that saw it last */

	bool wanted;	       /* include, exclude */
	bool refused;	       /* wanted, and attaching failed: `note` says why */
	enum attach_mode mode; /* as configured */
	struct attachment *attachment;
	uint16_t role, sampling; /* as the datapath has them */
	char note[ATTACH_NOTE_SIZE];
};

struct device_table {
	struct intern *names;
	struct device **devices; /* sorted by ifindex */
	size_t count, capacity;
	struct device_name *known; /* sorted by ifindex; only grows */
	size_t known_count, known_capacity;
};

int device_table_init(struct device_table *table);
/* The devices must have no attachment any more. */
void device_table_fini(struct device_table *table);

struct device *device_table_find(const struct device_table *table, uint32_t ifindex);
/* Enters what the kernel says of a device, new or known. NULL: out of memory. */
struct device *device_table_enter(struct device_table *table, const struct link_info *info);
/* Frees the device; its name stays. */
void device_table_remove(struct device_table *table, struct device *device);
const char *device_table_name(const struct device_table *table, uint32_t ifindex);

#endif
