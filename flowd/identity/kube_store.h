/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The objects of a cluster, by uid, container, address and name; each address with the times in
 * which it was whose. What has gone is kept for a while. Times are CLOCK_MONOTONIC ns. Not
 * thread-safe.
 */
#ifndef IDENTITY_KUBE_STORE_H
#define IDENTITY_KUBE_STORE_H

#include "flowd/identity/kube_watch.h"

struct kube_store;
/* 0 or -ENOMEM. */
int kube_store_open(struct kube_store **out, uint64_t keep_ns);
void kube_store_close(struct kube_store *store);
/* Takes the object over. */
void kube_store_news(struct kube_store *store, enum kube_news_type type, enum kube_kind kind,
		     struct kube_object *object, uint64_t now_ns);
/* Drops what has been gone for long. */
void kube_store_sweep(struct kube_store *store, uint64_t now_ns);

/* Each NULL where there is none, or more than one in that time. */
const struct kube_object *kube_store_pod_by_container(struct kube_store *store, const char *id);
const struct kube_object *kube_store_by_uid(struct kube_store *store, const char *uid);
const struct kube_object *kube_store_by_name(struct kube_store *store, enum kube_kind kind,
					     const char *namespace, const char *name);
/* True in *moved: the address changed hands in that time. */
const struct kube_object *kube_store_by_address(struct kube_store *store, enum kube_kind kind,
						const uint8_t address[16], uint64_t first_ns,
						uint64_t last_ns, bool *moved);
/* Of several slices that have the address, the one with this port. */
const struct kube_object *kube_store_slice(struct kube_store *store, const uint8_t address[16],
					   uint16_t port, uint8_t protocol);
const struct kube_object *kube_store_node_port(struct kube_store *store, uint16_t port,
					       uint8_t protocol);
typedef void (*kube_visit_fn)(void *context, const struct kube_object *object);
void kube_store_each(struct kube_store *store, kube_visit_fn visit, void *context);
uint32_t kube_store_count(const struct kube_store *store);

#endif
