/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who counts: from the devices of one network namespace and how they are stacked to the role of
 * each (docs/decisions/ownership.md). Pure.
 */
#ifndef KERNEL_ROLES_H
#define KERNEL_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"

struct role_device {
	uint32_t ifindex;
	const char *kind;    /* IFLA_INFO_KIND; "" for hardware and lo */
	uint32_t link;	     /* lower device, or veth peer; 0: none, or in another namespace */
	uint32_t master;     /* bridge, bond, team, vrf above it; 0: none */
	bool link_elsewhere; /* the lower device, or peer, is in another namespace */
	uint32_t link_type;  /* ARPHRD_* */
	bool monitored;	     /* has, or is about to have, our programs on ingress ... */
	bool egress;	     /* ... and on egress */
};

/* `devices` sorted by ifindex; roles[i] belongs to devices[i]. */
void roles_compute(const struct role_device *devices, size_t count, uint32_t *roles);

/* Link types whose packets the programs can read. */
bool roles_link_type_supported(uint32_t link_type);

#endif
