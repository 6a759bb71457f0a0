/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets of another network namespace: the calling thread goes in, opens what it needs and comes
 * back; what it opened stays there. Needs CAP_SYS_ADMIN. No log.
 */
#ifndef KERNEL_NET_SPACE_H
#define KERNEL_NET_SPACE_H

#include <sys/types.h>

/* Into the namespace of a process. Returns a descriptor for net_space_leave(), or negative errno
 * and the thread is where it was. */
int net_space_enter(pid_t process);
/* Back; takes the descriptor. A thread that cannot come back ends the program: everything that it
 * would do from then on would be done to the wrong devices. */
void net_space_leave(int home);

#endif
