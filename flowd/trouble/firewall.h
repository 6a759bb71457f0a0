/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which hook of netfilter a dropped packet stood at. The kernel's tracepoint says only that
 * netfilter dropped it; what the stack had already done with the packet says where: whether it was
 * routed, to what, and which device it had. Pure.
 */
#ifndef TROUBLE_FIREWALL_H
#define TROUBLE_FIREWALL_H

#include "bpf-common/trace_abi.h"

/* "prerouting", "input", "forward", "output", "postrouting"; NULL: not certain. `next` is the name
 * of the function at drop->dst_input, NULL where there is none. */
const char *firewall_hook(const struct trace_drop *drop, const char *reason, const char *next);

#endif
