/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From history to who asks: the publisher, which sends each record once, and the query service,
 * which answers from history and wakes who waits; and the outlets, exporters and metrics. Records
 * wait a few milliseconds for company. Runs on the daemon's loop.
 */
#ifndef FLOWD_DELIVERY_H
#define FLOWD_DELIVERY_H

#include "flowd/base/loop.h"
#include "flowd/config.h"
#include "flowd/outlets.h"
#include "flowd/serve/publish.h"
#include "flowd/serve/query.h"
#include "flowd/store/history.h"
#include "flowd/store/losses.h"

struct delivery_options {
	const struct config *config;
	struct history *history;
	struct losses *losses;
	uint64_t epoch;
	void (*status)(void *context, struct status *status);
	/* query.h's */
	int (*listing)(void *context, const struct request *asked, bool local, struct listing *out,
		       char *why, size_t why_size);
	void *context; /* of both */
};

struct delivery;

/* Borrows everything. 0 or negative errno, logged. */
int delivery_open(struct delivery **out, struct loop *loop, const struct delivery_options *options);
/* Accepts NULL. */
void delivery_close(struct delivery *delivery);

/* A record has gone into history; returns how many nobody was given yet. */
uint64_t delivery_add(struct delivery *delivery);
/* They are to be given, in a few milliseconds. */
void delivery_need(struct delivery *delivery);
/* Publishes them now: a burst is published while it lasts, lest it leave history first. */
void delivery_publish(struct delivery *delivery);
/* On the way down: lets subscribers and followers take what there is, as long as they keep asking
 * within `quiet_ns`, and for `most_ns`. */
void delivery_serve_rest(struct delivery *delivery, uint64_t quiet_ns, uint64_t most_ns);
/* Tells subscribers. */
void delivery_loss(struct delivery *delivery, const struct flow_loss *loss);

/* For the status. */
struct publisher *delivery_publisher(const struct delivery *delivery);
struct outlets *delivery_outlets(const struct delivery *delivery);
struct query_service *delivery_queries(const struct delivery *delivery);

#endif
