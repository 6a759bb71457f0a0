/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The right to count on a device: an abstract Unix socket, so that it is one per network
 * namespace, ends with its process, and tells a filter left behind by a crash from a neighbour's.
 */
#ifndef KERNEL_CLAIM_H
#define KERNEL_CLAIM_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The descriptor that holds the claim. -EBUSY: process *owner holds it. An ordinary user's socket
 * of that name is no claim: -EADDRINUSE.
 */
int claim_take(uint32_t ifindex, pid_t *owner);

#endif
