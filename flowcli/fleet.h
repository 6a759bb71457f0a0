/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of a whole fleet, from the stream that its daemons export to (NATS JetStream): history
 * and follow are the same subscription. Records come merged by time, as far as FLEET_WINDOW
 * reaches; each node's messages are numbered, so that what is missing is told by node.
 */
#ifndef FLOWCLI_FLEET_H
#define FLOWCLI_FLEET_H

#include "flowcli/observation.h"
#include "flowcli/option.h"

extern const struct option_group fleet_options;

/* True when --nats was given. */
bool fleet_given(void);
/* An option that makes no sense without --nats; NULL: none was given. */
const char *fleet_stray_option(void);
/* As live_observe(). */
int fleet_observe(struct observation *observation);

#endif
