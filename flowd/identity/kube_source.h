/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pods, workloads, services and nodes of a Kubernetes cluster: pods by container and uid where the
 * local source knows these, else by address.
 */
#ifndef IDENTITY_KUBE_SOURCE_H
#define IDENTITY_KUBE_SOURCE_H

#include "flowd/identity/kube_store.h"
#include "flowd/identity/source.h"

struct kube;
struct kube_options {
	struct kube_watch_options watch;
	uint64_t keep_ns;
	const char *node_name; /* the daemon's; borrowed */
};
/* 0, or negative errno with a sentence in `why`. */
int kube_open(struct kube **out, const struct kube_options *options, char *why, size_t why_size);
/* For the resolver, which closes it. */
struct identity_source kube_source(struct kube *kube);
/* To watch, and what to do then. */
int kube_fd(const struct kube *kube);
void kube_dispatch(struct kube *kube);
/* Counters by name; `text` of failures says why while they last. */
typedef void (*kube_count_fn)(void *context, const char *name, uint64_t value, const char *text);
void kube_counters(struct kube *kube, kube_count_fn visit, void *context);
struct kube_store *kube_objects(struct kube *kube);

#endif
