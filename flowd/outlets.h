/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where records go from history: live publication, exporters, metrics. */
#ifndef FLOWD_DELIVERY_H
#define FLOWD_DELIVERY_H

#include "flowd/base/loop.h"
#include "flowd/config.h"
#include "proto/codec.h"
#include "flowd/serve/publish.h"
#include "flowd/store/history.h"

struct delivery;

struct delivery_options {
	const struct config *config;
	struct loop *loop;
	struct history *history;
	struct publisher *publisher; /* borrowed */
	uint64_t epoch;
	void (*status)(void *context, struct status *status); /* for the page of metrics */
	void *context;
};
/* 0, or negative errno after it has been logged. */
int delivery_open(struct delivery **out, const struct delivery_options *options);
/* Accepts NULL. What is new in history is taken over first; waits some seconds for targets. */
void delivery_close(struct delivery *delivery);

/* True while there is more. */
bool delivery_pump(struct delivery *delivery);
/* A burst is published while it lasts, lest it leave history first. `patient`: exporters may take
 * some milliseconds to make room. */
void delivery_burst(struct delivery *delivery, bool patient);
void delivery_loss(struct delivery *delivery, const struct flow_loss *loss);
/* SIGHUP: log files may have been moved away. */
void delivery_reopen(struct delivery *delivery);
struct exporters *delivery_exporters(struct delivery *delivery);

#endif
