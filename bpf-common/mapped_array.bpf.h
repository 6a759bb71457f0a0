/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An array map that user space maps into its memory (flowd/kernel/map_memory.h). Weak, because
 * each object that is linked into one has its own copy. `entries` 1 where it is sized at load.
 */
#ifndef MAPPED_ARRAY_BPF_H
#define MAPPED_ARRAY_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAPPED_ARRAY(name, entries, value_type)    \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, entries);      \
		__type(key, __u32);                \
		__type(value, value_type);         \
	} name SEC(".maps") __weak

#endif
