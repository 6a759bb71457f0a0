/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last source: what the address itself says (multicast, link-local, the world). */
#ifndef IDENTITY_RESERVED_SOURCE_H
#define IDENTITY_RESERVED_SOURCE_H

#include "flowd/identity/source.h"

/* `node_name` is borrowed: where ends of the daemon's own machine are. */
struct identity_source reserved_source(const char *node_name);

#endif
