/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Undoes NAT: the kernel's connection tracking (ctnetlink) tells of every translated connection
 * which addresses its ends have of their own. First in the order of sources: the others ask about
 * the end's own address then. Of the daemon's network namespace.
 */
#ifndef IDENTITY_CONNTRACK_SOURCE_H
#define IDENTITY_CONNTRACK_SOURCE_H

#include "flowd/identity/source.h"

/* 0 or negative errno: this kernel has no ctnetlink, or we may not use it. */
int conntrack_source_open(struct identity_source *source);

#endif
