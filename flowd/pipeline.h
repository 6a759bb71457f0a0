/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon's wiring: kernel tables -> flow table -> history -> publication and queries.
 * Everything runs on one loop; what each part does is told in its own header.
 */
#ifndef FLOWD_PIPELINE_H
#define FLOWD_PIPELINE_H

#include "flowd/base/loop.h"
#include "flowd/config.h"

struct pipeline;

/* Loads, serves, attaches. `config` is borrowed. 0 or negative errno; the reason has been logged.
 */
int pipeline_open(struct pipeline **out, struct loop *loop, const struct config *config);
/* Detaches, ends and publishes every flow, answers who waits, and frees. Accepts NULL. */
void pipeline_close(struct pipeline *pipeline);
/* Takes over the settings that may change while running (rows with `reload`); what cannot be
 * changed is logged and stays as it was. */
void pipeline_reload(struct pipeline *pipeline);

#endif
