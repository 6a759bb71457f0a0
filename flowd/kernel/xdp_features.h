/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a driver says of its XDP (generic netlink family "netdev", Linux 6.3 and later). */
#ifndef KERNEL_XDP_FEATURES_H
#define KERNEL_XDP_FEATURES_H

#include <stdint.h>

/* 1: the driver runs XDP programs; 0: it does not; -1: the kernel does not tell. */
int xdp_features_native(uint32_t ifindex);

#endif
