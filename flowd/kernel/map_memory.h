/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An array map (BPF_F_MMAPABLE) in our memory. */
#ifndef KERNEL_MAP_MEMORY_H
#define KERNEL_MAP_MEMORY_H

#include <stddef.h>

struct bpf_map;

struct map_memory {
	void *address; /* NULL: not mapped */
	size_t size;   /* bytes, whole pages */
};

/* All of it, to read and write. 0, or negative errno of mmap(); then *memory is as it was. */
int map_memory_open(struct map_memory *memory, const struct bpf_map *map);
/* Also where it is not mapped. */
void map_memory_close(struct map_memory *memory);

#endif
