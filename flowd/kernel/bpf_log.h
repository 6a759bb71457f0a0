/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libbpf's own messages, in the daemon's log: its warnings as warnings, the rest as debug. */
#ifndef KERNEL_BPF_LOG_H
#define KERNEL_BPF_LOG_H

#include <stdbool.h>

void bpf_log_install(void);
/* While quiet, warnings become debug: around calls whose failure is expected and handled. Returns
 * whether it was so before. */
bool bpf_log_quiet(bool quiet);

#endif
