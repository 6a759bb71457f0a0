/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may connect to a local socket: root, the daemon's own user, and members of one group. The
 * socket's mode says the same; this also covers a socket that was put in an open directory. A
 * refusal is logged once per user and minute. Remote peers are the certificate's matter.
 */
#ifndef SERVE_PEER_H
#define SERVE_PEER_H

#include <nng/nng.h>
#include <sys/types.h>

/* On a thread of nng: a connection has gone. */
typedef void (*peer_gone_fn)(void *context, int pipe_id);

struct peer_guard;
/*
 * Watches the connections of `socket`; `group` may be LISTEN_NO_GROUP, `gone` NULL. 0 or negative
 * errno.
 */
int peer_guard_open(struct peer_guard **out, nng_socket socket, gid_t group, peer_gone_fn gone,
		    void *context);
/* Connections there are. Any thread. */
unsigned int peer_guard_count(const struct peer_guard *guard);
/* Call after nng_close(). Accepts NULL. */
void peer_guard_close(struct peer_guard *guard);

#endif
