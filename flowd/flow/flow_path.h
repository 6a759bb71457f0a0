/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths: the points, link addresses, VLANs, sampling and tunnel of a flow, and what an ICMP error
 * quotes. Thousands of flows share a few,
 * so each distinct path is kept once and counted; a flow holds its number. Path 0 is the empty one
 * and stands in when memory is short. Bounded by the number of flows.
 */
#ifndef FLOW_FLOW_PATH_H
#define FLOW_FLOW_PATH_H

#include <stdint.h>

#include "bpf-common/flow_abi.h"

struct flow_path {
	uint32_t points[FLOW_POINTS];
	uint32_t sampling;
	uint16_t vlan[2];
	uint8_t eth_src[6], eth_dst[6];
	uint32_t extra; /* FLOW_FLAG_TUNNEL, FLOW_FLAG_QUOTE or 0: what follows; else zeros */
	union {
		struct flow_outer outer;
		struct flow_key quoted;
	};
};
_Static_assert(sizeof(struct flow_path) == 80, "compared byte by byte: no gaps");

struct flow_path_entry {
	struct flow_path path;
	uint32_t users; /* a free entry: 0 */
	uint32_t next;	/* in its bucket, or next free one; 0 ends */
};

struct flow_paths {
	struct flow_path_entry *entries;
	uint32_t *buckets;
	uint32_t capacity, high, free, mask;
	uint32_t recent; /* asked for last: nearly always the one asked for next */
	uint64_t seed[2];
};

/* 0 or -ENOMEM. */
int flow_paths_init(struct flow_paths *paths, const uint64_t seed[2]);
void flow_paths_fini(struct flow_paths *paths);
/* The number of `path`, with one user more. */
uint32_t flow_paths_take(struct flow_paths *paths, const struct flow_path *path);
void flow_paths_put(struct flow_paths *paths, uint32_t number);

static inline const struct flow_path *flow_paths_at(const struct flow_paths *paths, uint32_t number)
{
	return &paths->entries[number].path;
}

#endif
