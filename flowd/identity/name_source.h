/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names for addresses out of a file: the operator's own ("10.1.0.0/16 office team=shop", the
 * longest prefix wins) and /etc/hosts. Read again when the file changes. A line that cannot be read
 * is told with its number and left out.
 */
#ifndef IDENTITY_NAME_SOURCE_H
#define IDENTITY_NAME_SOURCE_H

#include "flowd/identity/source.h"

enum name_format { NAME_NETWORKS, NAME_HOSTS };

/* `path` is borrowed. 0 or -ENOMEM; a file that is not there is told once, and looked for again. */
int name_source_open(struct identity_source *source, enum name_format format, const char *path);

#endif
