/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests in, replies out: the REP socket with its contexts. nng's threads receive and send; each
 * request is handed to the daemon's loop, is held there as long as it takes, and is answered from
 * there. What the bytes mean is query.h's matter.
 */
#ifndef SERVE_SERVICE_H
#define SERVE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/base/loop.h"
#include "flowd/serve/listen.h"
#include "proto/buffer.h"

struct service;
struct service_request;

/* Both run on the loop. `arrived`: must end, now or later, in service_reply(). `gone`: the client
 * of a held request has disconnected; reply to it at once, the reply goes nowhere. */
struct service_handler {
	void (*arrived)(void *context, struct service_request *request);
	void (*gone)(void *context, struct service_request *request);
	void *context;
};

struct service_options {
	const struct listen_options *listen;
	size_t listen_count;
	unsigned int contexts; /* requests held at once; more wait in their connections */
	size_t max_bytes;      /* of a request; a connection that sends more is closed */
	gid_t group;	       /* who may ask, besides root and ourselves */
};

/* 0 or negative errno, logged. */
int service_open(struct service **out, struct loop *loop, const struct service_options *options,
		 const struct service_handler *handler);
/* All requests must have been answered. Waits for replies under way, at most a second. Accepts
 * NULL. */
void service_close(struct service *service);

/* The bytes of the request, until it is answered. */
const uint8_t *service_request_data(const struct service_request *request, size_t *size);
/* It came through a socket of this machine: who asks was let in by its user or group. */
bool service_request_is_local(const struct service_request *request);
/* The handler's own, NULL at first. */
void service_request_keep(struct service_request *request, void *job);
void *service_request_kept(const struct service_request *request);

/* Sends the reply (empty on want of memory: the client then waits in vain) and frees the request.
 */
void service_reply(struct service_request *request, const struct buffer *reply);

#endif
