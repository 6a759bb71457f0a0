/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of bpf-trace/, loaded and attached: drops and TCP trouble as events. A tracepoint
 * that this kernel does not have, or refuses, is left out and told by name; without any of them
 * flowd still counts packets. One instance a process; not thread-safe.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-common/trace_abi.h"
#include "flowd/symbols/btf_names.h"
#include "flowd/symbols/kallsyms.h"

/* How the programs hang at the tracepoints: with the kernel's types, or without. */
enum trace_manner { TRACE_AUTO, TRACE_BTF, TRACE_RAW };

struct trace_options {
	enum trace_manner manner; /* TRACE_AUTO: TRACE_RAW where the kernel refuses TRACE_BTF */
	bool drops, tcp;
	struct kallsyms *firewalls; /* ask firewalls for the names of table and chain, where
					     these functions are and can be traced; NULL: do not */
	uint32_t rate;	      /* events a second of one reason on one CPU; above, only counted */
	uint32_t ring_bytes;  /* power of two, at least a page */
	const char *btf_path; /* NULL: the kernel's */
	const struct btf_names *names;
	const uint32_t *namespaces; /* inode numbers; none: all */
	size_t namespace_count;	    /* up to TRACE_NAMESPACES_MAX */
};
#define TRACE_NAMESPACES_MAX 256

struct trace;
/* 0, -ENOTSUP (no program could be loaded; the reason has been logged) or negative errno. */
int trace_open(struct trace **out, const struct trace_options *options);
/* Detaches. Accepts NULL. */
void trace_close(struct trace *trace);

/* Each event that waits; `event->size` bytes. */
typedef void (*trace_event_fn)(void *context, const struct flow_event *event);
void trace_read(struct trace *trace, trace_event_fn take, void *context);

struct trace_counts {
	uint64_t seen, suppressed, lost; /* events; see struct trace_bucket */
	uint64_t taken;			 /* handed out */
	uint64_t unknown;		 /* of unknown type or size */
	uint64_t not_packets;
	uint64_t missed; /* not traced: they fell into another one on the same CPU */
};
void trace_count(const struct trace *trace, struct trace_counts *counts);
/* Of one element of the buckets, over all CPUs. */
void trace_bucket_count(const struct trace *trace, uint32_t bucket, struct trace_bucket *sum);

/* One line a tracepoint: its name, and NULL where it is attached or why it is not. */
typedef void (*trace_hook_fn)(void *context, const char *tracepoint, const char *why_not);
void trace_hooks(const struct trace *trace, trace_hook_fn visit, void *context);
/* Not TRACE_AUTO: what was taken. */
enum trace_manner trace_manner(const struct trace *trace);
/* How many of the firewalls' functions (nftables, iptables, ip6tables) are traced. */
unsigned trace_firewall_names(const struct trace *trace);

#endif
