/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Table and chain of what nftables drops, from its own trace (nft_trace.h), for records of drops
 * that do not know them. Logs once where a namespace cannot be listened in. Every call accepts
 * NULL: the trace is switched off.
 */
#ifndef TROUBLE_CHAIN_NAMES_H
#define TROUBLE_CHAIN_NAMES_H

#include <stdint.h>

#include "bpf-common/trace_abi.h"
#include "flowd/base/intern.h"
#include "flowd/kernel/net_counters.h"
#include "proto/flow_record.h"

struct chain_names;
/* 0 or -ENOMEM. */
int chain_names_open(struct chain_names **out, struct intern *texts);
void chain_names_close(struct chain_names *names);

/* Listens in the namespaces that the counters were read in, and in no others. */
void chain_names_follow(struct chain_names *names, const struct net_counters *counters);
void chain_names_read(struct chain_names *names);
/* Gives the record of a drop what its trace tells. */
void chain_names_tell(struct chain_names *names, const struct trace_drop *drop,
		      struct flow_record *record);

typedef void (*chain_count_fn)(void *context, const char *name, uint64_t value, const char *text);
void chain_names_count(const struct chain_names *names, chain_count_fn visit, void *context);

#endif
