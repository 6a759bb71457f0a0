/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The compatibility report: what this kernel and these privileges allow, feature by feature. */
#ifndef KERNEL_CHECK_H
#define KERNEL_CHECK_H

#include <stdio.h>

/* Prints the report; each line yes/no, feature, reason. 0 when flowd could run here, else -ENOTSUP.
 */
int check_report(FILE *out, const char *btf_path);

#endif
