/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The compatibility report: what this kernel and these privileges allow, feature by feature. */
#ifndef KERNEL_CHECK_H
#define KERNEL_CHECK_H

#include <stdio.h>

struct check_options {
	const char *btf_path;	 /* NULL: the kernel's */
	const char *cgroup_root; /* mount point of the v2 hierarchy; NULL: there is none */
};
/* Prints the report; each line yes/no, feature, reason. 0 when flowd could run here, else -ENOTSUP.
 */
int check_report(FILE *out, const struct check_options *options);

#endif
