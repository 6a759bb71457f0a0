/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exporters and metrics: who takes records from history by a cursor and a queue of its own. */
#ifndef FLOWD_OUTLETS_H
#define FLOWD_OUTLETS_H

#include "flowd/base/loop.h"
#include "flowd/config.h"
#include "proto/codec.h"
#include "flowd/store/history.h"

struct outlets;

struct outlets_options {
	const struct config *config;
	struct loop *loop;
	struct history *history;
	uint64_t epoch;
	void (*status)(void *context, struct status *status); /* for the page of metrics */
	void *context;
};
/* 0, or negative errno after it has been logged. */
int outlets_open(struct outlets **out, const struct outlets_options *options);
/* Accepts NULL. What is new in history is taken over first; waits some seconds for targets. */
void outlets_close(struct outlets *outlets);

/* True while there is more. */
bool outlets_pump(struct outlets *outlets);
/* The same, waiting some milliseconds for those that have no room. */
void outlets_pump_patiently(struct outlets *outlets);
/* Position of the oldest record that they hold beside history; UINT64_MAX: none. */
uint64_t outlets_oldest(struct outlets *outlets);
void outlets_loss(struct outlets *outlets, const struct flow_loss *loss);
/* SIGHUP: log files may have been moved away. */
void outlets_reopen(struct outlets *outlets);
struct exporters *outlets_exporters(struct outlets *outlets);

#endif
