/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The identity part of the pipeline: which sources the settings ask for, the kernel's events into
 * them, and names onto records. Off, or refused by the kernel, it leaves records as they are, and
 * says so in them.
 */
#ifndef FLOWD_IDENTIFICATION_H
#define FLOWD_IDENTIFICATION_H

#include "flowd/base/loop.h"
#include "flowd/config.h"
#include "flowd/identity/identity.h"
#include "flowd/kernel/datapath.h"
#include "flowd/kernel/owner.h"

struct identification;
/* `config` and `datapath` are borrowed. 0 or -ENOMEM: what the kernel refuses is logged, and done
 * without. */
int identification_open(struct identification **out, struct loop *loop, const struct config *config,
			struct datapath *datapath);
/* Before the datapath. Accepts NULL, like the others. */
void identification_close(struct identification *part);

/* Takes what the kernel has told so far; before records are made of what it has counted. */
void identification_drain(struct identification *part);
/* A copy of the record with its ends named, valid until the next call. */
const struct flow_record *identification_name(struct identification *part,
					      const struct flow_record *record,
					      int64_t wall_offset_ns);
/* Records from this position on are in somebody's hands, in history or not. */
void identification_held(struct identification *part, uint64_t position);
void identification_stored(struct identification *part, uint64_t position);

/* Calls `changed` when cgroups came, went or got names; one listener. Accepts NULL. */
void identification_listen(struct identification *part, void (*changed)(void *context),
			   void *context);
/* The sources themselves, for lists and for the scope; NULL: there is none. Accept NULL. */
struct local *identification_local(const struct identification *part);
struct kube *identification_kube(const struct identification *part);
/* Where the host's proc is. */
const char *identification_proc(const struct identification *part);

/* Each counter of this part, and what the kernel refused (value 0, text: what). Accepts NULL. */
typedef void (*identification_count_fn)(void *context, const char *name, uint64_t value,
					const char *text);
void identification_counters(const struct identification *part, identification_count_fn visit,
			     void *context);

#endif
