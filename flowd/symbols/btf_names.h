/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the running kernel calls its reasons, read from its BTF: why a packet was dropped (also the
 * reasons that subsystems and modules have registered) and why a connection was reset. Never from a
 * table of numbers: they differ from kernel to kernel. Also how many arguments a tracepoint has.
 * Not thread-safe; no log.
 */
#ifndef SYMBOLS_BTF_NAMES_H
#define SYMBOLS_BTF_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct btf_names;
/* `btf_path` NULL: the kernel's own. 0 or negative errno; -ENOENT: the kernel has no BTF. A kernel
 * without reasons is no error. */
int btf_names_open(struct btf_names **out, const char *btf_path);
/* Accepts NULL. */
void btf_names_close(struct btf_names *names);

/*
 * "NETFILTER_DROP"; NULL: the kernel has no such reason. *subsystem (may be NULL) becomes "CORE",
 * "OPENVSWITCH" ... The texts live as long as the names.
 */
const char *btf_names_drop(const struct btf_names *names, uint32_t reason, const char **subsystem);
/* "NO_SOCKET", or NULL. */
const char *btf_names_reset(const struct btf_names *names, uint32_t reason);
/* The number of a reason named as the kernel does ("SKB_CONSUMED"), or -1. */
int64_t btf_names_find(const struct btf_names *names, const char *kernel_name);

typedef void (*btf_names_fn)(void *context, const char *name);
/* The names of all reasons for drops. */
void btf_names_each_drop(const struct btf_names *names, btf_names_fn visit, void *context);

/* Arguments of a tracepoint; 0: this kernel has no such tracepoint. */
unsigned btf_names_arguments(const struct btf_names *names, const char *tracepoint);

#endif
