/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Later fragments of a datagram have no ports: they are given those of the first one, where it was
 * seen. The same rule as the kernel programs' (bpf-common/flow_fragment.bpf.h), for captures.
 * Bounded: FLOW_FRAGMENTS datagrams, the oldest is forgotten; FLOW_FRAGMENT_TIMEOUT_S.
 */
#ifndef FLOW_FRAGMENTS_H
#define FLOW_FRAGMENTS_H

#include <stdint.h>

#include "bpf-common/packet_fragment.h"

struct fragments;

/* NULL: no memory. */
struct fragments *fragments_open(void);
void fragments_close(struct fragments *fragments);
/* Remembers a first fragment, completes a later one or marks it FLOW_FLAG_ORPHAN; leaves a whole
 * packet as it is. */
void fragments_join(struct fragments *fragments, struct packet *packet, uint64_t time_ns);

#endif
