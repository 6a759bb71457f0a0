/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the daemon is reached: starts a listener of an nng socket at a URL. ipc:// lies in a
 * directory of its own (0750) with a 0660 socket and a lock file, so that a second daemon is
 * refused and the socket of a killed one is replaced; tls+tcp:// demands a certificate of both
 * sides; plain tcp:// is for loopback unless the operator insists.
 */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <nng/nng.h>
#include <stdbool.h>
#include <sys/types.h>

#define LISTEN_NO_GROUP ((gid_t)-1)

struct listen_options {
	const char *url;
	gid_t group;		     /* of ipc sockets and their directory; LISTEN_NO_GROUP */
	bool insecure_tcp;	     /* plain tcp:// beyond loopback */
	const char *cert, *key, *ca; /* PEM files for tls+tcp:// */
};

struct listener;
/* 0 or negative errno (-EADDRINUSE: another daemon serves there); the reason has been logged. */
int listener_open(struct listener **out, nng_socket socket, const struct listen_options *options);
/* Gives up the lock. Call after nng_close(). Accepts NULL. */
void listener_close(struct listener *listener);

/* nng's error codes as negative errno. */
int listen_errno(int nng_error);

#endif
