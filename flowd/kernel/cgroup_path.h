/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Cgroups (version 2) between their path and the number that the kernel's programs see. */
#ifndef KERNEL_CGROUP_PATH_H
#define KERNEL_CGROUP_PATH_H

#include <stdint.h>

/* Where the hierarchy is mounted is found out at each call. 0 or negative errno; -ENODEV: nowhere.
 */
int cgroup_path_id(const char *path, uint64_t *id);
/* How far below the root, which is 0: as bpf_skb_ancestor_cgroup_id() counts. */
unsigned int cgroup_path_level(const char *path);

#endif
