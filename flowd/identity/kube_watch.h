/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lists and watches objects of Kubernetes' API over HTTPS, on a thread of its own: pages of a list,
 * then the watch with bookmarks from there on; what expires (410) is listed again, what breaks is
 * tried again with growing pauses. News are handed over through a bounded queue. What goes wrong is
 * logged once, and once when it is well again.
 */
#ifndef IDENTITY_KUBE_WATCH_H
#define IDENTITY_KUBE_WATCH_H

#include "flowd/identity/kube_object.h"

enum kube_news_type {
	KUBE_NEWS_CHANGED, /* there is this object, or it has changed */
	KUBE_NEWS_GONE,	   /* it has gone */
	KUBE_NEWS_LIST,	   /* a list of the kind begins: what does not come again ... */
	KUBE_NEWS_LISTED   /* ... until now has gone */
};

struct kube_watch_options {
	const char *kubeconfig; /* NULL: the service account */
	const char *node;	/* only pods of this node; NULL: all */
};

struct kube_watch;
/* 0, or negative errno with a sentence in `why`. The server need not be there yet. */
int kube_watch_open(struct kube_watch **out, const struct kube_watch_options *options, char *why,
		    size_t why_size);
/* Waits for the thread, which is not long. Accepts NULL. */
void kube_watch_close(struct kube_watch *watch);
/* How often the server did not do as asked, and why the last time, while that lasts. */
struct kube_watch_stats {
	uint64_t failures;
	char why[288];
};
void kube_watch_stats(struct kube_watch *watch, struct kube_watch_stats *stats);
/* Readable when there are news. */
int kube_watch_fd(const struct kube_watch *watch);
/* `object` is the callee's. NULL for LIST and LISTED. */
typedef void (*kube_news_fn)(void *context, enum kube_news_type type, enum kube_kind kind,
			     struct kube_object *object);
void kube_watch_take(struct kube_watch *watch, kube_news_fn take, void *context);

#endif
