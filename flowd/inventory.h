/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `flowcli list` shows of the machine and its cluster: containers, pods, devices, namespaces,
 * nodes, as the daemon knows them now. A cell that is not known is empty, and the column `why` says
 * why.
 */
#ifndef FLOWD_INVENTORY_H
#define FLOWD_INVENTORY_H

#include "flowd/identification.h"
#include "flowd/kernel/interfaces.h"
#include "flowd/scope.h"
#include "proto/codec.h"

struct inventory_sources {
	const struct identification *identification; /* NULL: off */
	const struct interfaces *interfaces;
	struct scope *scope;	     /* NULL: there can be none */
	const struct status *status; /* of this node */
};

/* REQUEST_LIST, REQUEST_SCOPE: 0, or negative errno with a sentence in `why`. */
int inventory_answer(const struct inventory_sources *sources, const struct request *asked,
		     bool local, struct listing *out, char *why, size_t why_size);

#endif
