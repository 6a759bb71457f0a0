/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The TCP and UDP sockets that are open now, in every network namespace that has a process, with
 * their owners: sock_diag tells the sockets, /proc whose they are. For the daemon's start; takes
 * milliseconds for thousands of sockets. Enters namespaces on a thread of its own.
 */
#ifndef KERNEL_SOCKET_SCAN_H
#define KERNEL_SOCKET_SCAN_H

#include "bpf-common/owner_abi.h"

/* The event's type is LISTEN, BIND or CONNECT, its time 1: before anything that is told later. */
typedef void (*socket_scan_fn)(void *context, const struct owner_socket *socket);
/* `proc` is the mount point of the host's proc. Number of sockets, or negative errno. */
int socket_scan(const char *proc, socket_scan_fn take, void *context);

#endif
