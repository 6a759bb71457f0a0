/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packets that the benchmarks send through the hooks, by name, and where in each the mutator
 * writes the flow number: in a tunnel, into the inner packet.
 */
#ifndef BENCH_PACKET_KINDS_H
#define BENCH_PACKET_KINDS_H

#include <stdint.h>

#include "tests/packets/frame.h"

struct packet_sample {
	const char *name;
	struct frame frame;
	uint32_t address_at;   /* the last four bytes of the source address */
	uint32_t port_at;      /* the source port */
	uint32_t address_base; /* host order */
	uint32_t address_mask; /* the bits that the flow number takes */
};

/* 0, or -ENOENT for a name that packet_kinds_names() has not. */
int packet_kinds_make(const char *name, struct packet_sample *sample);
/* The names, with '|' between. */
const char *packet_kinds_names(void);

#endif
