/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon tells from now on of a kind of trouble, asked for in between other work. */
#ifndef FLOWCLI_CAPTURE_EVENTS_H
#define FLOWCLI_CAPTURE_EVENTS_H

#include "flowd/flow/flow_table.h"

struct capture_events;
/* `trigger`: one of capture_triggers. 0, or -EINVAL or another negative errno, told. */
int capture_events_open(struct capture_events **out, const char *trigger);
/* Accepts NULL. */
void capture_events_close(struct capture_events *events);
/* Hands over what is new, without waiting for more. 0 or negative errno, told. */
int capture_events_poll(struct capture_events *events, flow_record_fn take, void *context);

extern const char *const capture_triggers[]; /* "drop", "rst", "dns-fail"; ends with NULL */

#endif
