/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/map_memory.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int map_memory_open(struct map_memory *memory, const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *address;

	size = (size + page - 1) & ~(page - 1);
	address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (address == MAP_FAILED)
		return -errno;
	*memory = (struct map_memory){ address, size };
	return 0;
}

void map_memory_close(struct map_memory *memory)
{
	if (memory->address)
		munmap(memory->address, memory->size);
	memory->address = NULL;
}
