/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/device_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/intern.h"

struct device_name {
	uint32_t ifindex;
	const char *name;
};

int device_table_init(struct device_table *table)
{
	memset(table, 0, sizeof(*table));
	return intern_open(&table->names);
}

void device_table_fini(struct device_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->devices[i]);
	free(table->devices);
	free(table->known);
	intern_close(table->names);
	memset(table, 0, sizeof(*table));
}

/* Room for one more of `size` bytes in a growing array; NULL when memory is short. */
static void *device_table_grow(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t wanted = *capacity ? *capacity * 2 : 32;

	if (count < *capacity)
		return array;
	array = reallocarray(array, wanted, size);
	if (array)
		*capacity = wanted;
	return array;
}

/* ---- names ---------------------------------------------------------------------------------- */

static size_t device_table_name_place(const struct device_table *table, uint32_t ifindex)
{
	size_t low = 0, high = table->known_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->known[middle].ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void device_table_know(struct device_table *table, uint32_t ifindex, const char *name)
{
	size_t place = device_table_name_place(table, ifindex);
	struct device_name *known;

	if (place < table->known_count && table->known[place].ifindex == ifindex) {
		table->known[place].name = name;
		return;
	}
	known = device_table_grow(table->known, table->known_count, &table->known_capacity,
				  sizeof(*known));
	if (!known)
		return;
	table->known = known;
	memmove(known + place + 1, known + place, (table->known_count - place) * sizeof(*known));
	known[place] = (struct device_name){ .ifindex = ifindex, .name = name };
	table->known_count++;
}

const char *device_table_name(const struct device_table *table, uint32_t ifindex)
{
	size_t place = device_table_name_place(table, ifindex);

	if (place < table->known_count && table->known[place].ifindex == ifindex)
		return table->known[place].name;
	return NULL;
}

/* ---- devices -------------------------------------------------------------------------------- */

static size_t device_table_place(const struct device_table *table, uint32_t ifindex)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->devices[middle]->ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct device *device_table_find(const struct device_table *table, uint32_t ifindex)
{
	size_t place = device_table_place(table, ifindex);

	if (place < table->count && table->devices[place]->ifindex == ifindex)
		return table->devices[place];
	return NULL;
}

static struct device *device_table_add(struct device_table *table, uint32_t ifindex)
{
	size_t place = device_table_place(table, ifindex);
	struct device **devices, *device;

	devices =
		device_table_grow(table->devices, table->count, &table->capacity, sizeof(*devices));
	if (!devices)
		return NULL;
	table->devices = devices;
	device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	device->ifindex = ifindex;
	memmove(devices + place + 1, devices + place, (table->count - place) * sizeof(*devices));
	devices[place] = device;
	table->count++;
	return device;
}

struct device *device_table_enter(struct device_table *table, const struct link_info *info)
{
	const char *name = intern_text(table->names, info->name);
	struct device *device = device_table_find(table, info->ifindex);

	if (!name)
		return NULL;
	if (!device)
		device = device_table_add(table, info->ifindex);
	if (!device)
		return NULL;
	if (device->name != name)
		device_table_know(table, info->ifindex, name);
	device->name = name;
	snprintf(device->kind, sizeof(device->kind), "%s", info->kind);
	device->link_type = info->link_type;
	device->link = info->link;
	device->link_elsewhere = info->link_elsewhere;
	device->elsewhere = info->elsewhere;
	device->master = info->master;
	return device;
}

void device_table_remove(struct device_table *table, struct device *device)
{
	size_t place = device_table_place(table, device->ifindex);
	struct device **devices = table->devices;

	table->count--;
	memmove(devices + place, devices + place + 1, (table->count - place) * sizeof(*devices));
	free(device);
}
