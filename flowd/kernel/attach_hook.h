/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The three ways to hang a program on a device, each with the same care: never replace or remove
 * what is somebody else's. Functions return 0 (or a descriptor) or negative errno and do not log;
 * the policy, and the words, are attach.c's.
 */
#ifndef KERNEL_ATTACH_HOOK_H
#define KERNEL_ATTACH_HOOK_H

#include <stdbool.h>
#include <stdint.h>

/* ---- bpf links: tcx and XDP; they end with their descriptor --------------------------------- */

/* In front of all others, because a verdict other than "next" ends the chain. -EOPNOTSUPP: this
 * kernel has no tcx (before 6.6). */
int hook_tcx_attach(uint32_t ifindex, bool ingress, int program_fd);
/* -EBUSY: an XDP program is there; -EOPNOTSUPP: the driver has no native mode. */
int hook_xdp_attach(uint32_t ifindex, bool generic, int program_fd);
/* Id of the XDP program on the device, 0 when there is none. */
uint32_t hook_xdp_program(uint32_t ifindex);
/* A device of a bus, by what its driver says. Asked by ioctl: /sys may show another namespace. */
bool hook_device_is_hardware(const char *name);
/* Whether the link still hangs on the device (which may have gone and come back). */
bool hook_link_alive(int link_fd, uint32_t ifindex);
/* Whether a flow counter of ours other than `own` (program id) hangs on the device by tcx or XDP.
 * Needs CAP_SYS_ADMIN to see; false without. */
bool hook_link_foreign(uint32_t ifindex, int own_fd);

/* ---- clsact: a filter each way under a qdisc that may be shared ----------------------------- */

struct hook_filter {
	uint32_t handle, priority; /* priority 0: not attached */
};

/* Makes the qdisc where it is missing; *created tells. */
int hook_clsact_open(uint32_t ifindex, bool *created);
/* Removes the qdisc if no filter is left under it. */
void hook_clsact_close(uint32_t ifindex);
int hook_filter_attach(struct hook_filter *filter, uint32_t ifindex, bool ingress, int program_fd);
void hook_filter_detach(const struct hook_filter *filter, uint32_t ifindex, bool ingress);
bool hook_filter_alive(const struct hook_filter *filter, uint32_t ifindex, bool ingress);
/* Removes filters that a flowd left behind; only for who holds the claim. Returns how many. */
int hook_filter_clean(uint32_t ifindex, bool ingress);

#endif
