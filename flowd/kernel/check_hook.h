/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Trying hooks without leaving a trace: on no device, or in a network namespace of our own. */
#ifndef KERNEL_CHECK_HOOK_H
#define KERNEL_CHECK_HOOK_H

/* 0: there is tcx. Negative errno. */
int check_hook_tcx(void);
/* 0: a clsact qdisc and a filter could be made. Negative errno. */
int check_hook_clsact(void);
/* 0: programs can be attached to tracepoints with typed arguments. Negative errno. */
int check_hook_tp_btf(void);
/* `native_xdp`: 1, 0, or -1 where the kernel does not tell. Returns the number of devices. */
typedef void (*check_device_fn)(void *context, const char *name, const char *driver,
				int native_xdp);
int check_hook_devices(check_device_fn visit, void *context);

#endif
