/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The scope: only these containers, pods, cgroups and network namespaces are looked at, the rest is
 * turned away in the hook (bpf-common/flow_scope.bpf.h) and counted. An entry is a wish: what it
 * stands for now is found again whenever cgroups or devices come and go. Begins as the settings
 * say; what `flowcli scope` changes lasts until the settings are read again. Runs on the loop.
 */
#ifndef FLOWD_SCOPE_H
#define FLOWD_SCOPE_H

#include "flowd/base/loop.h"
#include "flowd/config.h"
#include "flowd/identification.h"
#include "flowd/kernel/interfaces.h"
#include "flowd/kernel/packet_filter.h"
#include "flowd/serve/query.h"
#include "proto/codec.h"

struct scope_options {
	const struct config *config;
	struct identification *identification; /* NULL: off, and then there is no scope */
	struct interfaces *interfaces;
	struct packet_filter *filter;
	struct query_service *queries; /* is told how many entries there are */
};

struct scope;
/* Borrows everything. 0 or negative errno, logged. */
int scope_open(struct scope **out, struct loop *loop, const struct scope_options *options);
/* Everything is looked at again. Accepts NULL, like the others. */
void scope_close(struct scope *scope);
/* The settings have been read again: they are the scope now. */
void scope_reload(struct scope *scope);
/* Devices have come or gone: looks again soon. */
void scope_need(struct scope *scope);
/* Makes the change if it is one, and answers with the scope. 0, or negative errno with a sentence
 * in `why`. */
int scope_answer(struct scope *scope, const struct scope_change *change, bool local,
		 struct listing *out, char *why, size_t why_size);
/* Entries; 0: everything is looked at. */
uint32_t scope_entries(const struct scope *scope);
/* Events but DNS come from the whole machine: whether this one, with its ends named, is looked at;
 * counts those that are not. */
bool scope_takes_event(struct scope *scope, const struct flow_record *record);
uint64_t scope_events_left(const struct scope *scope);

#endif
