/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way from the watcher's thread to the daemon's loop: bounded, the writer waits. */
#ifndef IDENTITY_KUBE_QUEUE_H
#define IDENTITY_KUBE_QUEUE_H

#include "flowd/identity/kube_watch.h"

struct kube_queue;
/* 0 or negative errno. */
int kube_queue_open(struct kube_queue **out);
/* Frees what nobody took. Accepts NULL. */
void kube_queue_close(struct kube_queue *queue);
/* From the thread; takes the object over. False: the queue has been stopped. */
bool kube_queue_put(struct kube_queue *queue, enum kube_news_type type, enum kube_kind kind,
		    struct kube_object *object);
/* From the loop. */
int kube_queue_fd(const struct kube_queue *queue);
void kube_queue_take(struct kube_queue *queue, kube_news_fn take, void *context);
/* The writer waits no longer. */
void kube_queue_stop(struct kube_queue *queue);

#endif
