/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon's query service as seen from here: one connection (nng REQ), one question at a time.
 * The connection heals itself; a question that was under way when it broke is asked again by the
 * caller.
 */
#ifndef FLOWCLI_SERVER_H
#define FLOWCLI_SERVER_H

#include <stdint.h>

#include "proto/codec.h"

#define SERVER_DEFAULT "ipc:///run/flowd/flowd.sock"

struct server_options {
	const char *url;
	const char *tls_ca_file; /* NULL = not given, all four */
	const char *tls_cert_file;
	const char *tls_key_file;
	const char *tls_server_name;
};

struct server;

/* Connects. 0 or negative errno with a sentence, remedy included, in `why`. */
int server_open(struct server **out, const struct server_options *options, char *why,
		size_t why_size);
/* Accepts NULL. */
void server_close(struct server *server);

/* 0; -ENOTCONN: there is no connection now; or another negative errno. */
int server_send(struct server *server, const struct request *request);

/*
 * The reply to the last question. 0: *reply is filled, released by reply_fini(). -ENOTCONN: the
 * connection broke; once it is back (server_wait) nng repeats the question by itself, so receive
 * again. -ETIMEDOUT: nothing in `timeout_ms`. -EPROTO: an error of the daemon or a reply of another
 * kind. -EINTR: a signal came. `why` holds a sentence for all but -EINTR.
 */
int server_receive(struct server *server, enum reply_type wanted, uint32_t timeout_ms,
		   struct reply *reply, char *why, size_t why_size);
/* Both: a question that the daemon answers at once. */
int server_ask(struct server *server, const struct request *request, enum reply_type wanted,
	       uint32_t timeout_ms, struct reply *reply, char *why, size_t why_size);
/* For the status. */
int server_ask_status(struct server *server, uint32_t timeout_ms, struct reply *reply, char *why,
		      size_t why_size);
/* Waits until the connection is back. 0, or -EINTR when a signal came. */
int server_wait(struct server *server);

#endif
