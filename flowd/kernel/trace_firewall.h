/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of bpf-trace/firewall.bpf.c: each on a function of a firewall that may be absent, in
 * a kernel that may not let functions be traced. What cannot be attached is left out.
 */
#ifndef KERNEL_TRACE_FIREWALL_H
#define KERNEL_TRACE_FIREWALL_H

#include "flowd/symbols/kallsyms.h"

struct trace_firewall_hooks;
/* `map_fd`: trace_firewalls of the tracing programs. NULL: none could be attached. */
struct trace_firewall_hooks *trace_firewall_open(int map_fd, const char *btf_path,
						 struct kallsyms *symbols);
/* Accepts NULL, like the next. */
void trace_firewall_close(struct trace_firewall_hooks *hooks);
/* Functions that are traced. */
unsigned trace_firewall_count(const struct trace_firewall_hooks *hooks);

#endif
