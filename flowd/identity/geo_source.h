/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Country and autonomous system of addresses of the world, from MaxMind databases. */
#ifndef IDENTITY_GEO_SOURCE_H
#define IDENTITY_GEO_SOURCE_H

#include "flowd/identity/source.h"

/* Paths are borrowed; NULL: none. A file that cannot be read is told, and tried again when it
 * changes. 0 or -ENOMEM. */
int geo_source_open(struct identity_source *source, const char *city, const char *asn);

#endif
