/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_source.h"

#include <ctype.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"

#define KUBE_SWEEP_TICKS 30

struct kube {
	struct kube_watch *watch;
	struct kube_store *store;
	const char *node_name;
	uint32_t ticks;
	char why[384]; /* of a counter, as told last */
};

static void kube_close(void *self)
{
	struct kube *kube = self;

	if (!kube)
		return;
	kube_watch_close(kube->watch);
	kube_store_close(kube->store);
	free(kube);
}

int kube_open(struct kube **out, const struct kube_options *options, char *why, size_t why_size)
{
	struct kube *kube = calloc(1, sizeof(*kube));
	int err = kube ? kube_store_open(&kube->store, options->keep_ns) : -ENOMEM;

	snprintf(why, why_size, "no memory");
	if (!err)
		err = kube_watch_open(&kube->watch, &options->watch, why, why_size);
	if (err) {
		kube_close(kube);
		return err;
	}
	kube->node_name = options->node_name;
	*out = kube;
	return 0;
}

int kube_fd(const struct kube *kube)
{
	return kube_watch_fd(kube->watch);
}

void kube_counters(struct kube *kube, kube_count_fn visit, void *context)
{
	struct kube_watch_stats stats;

	kube_watch_stats(kube->watch, &stats);
	snprintf(kube->why, sizeof(kube->why), "times the API server did not do as asked%s%s",
		 *stats.why ? "; now: " : "", stats.why);
	visit(context, "kubernetes_objects", kube_store_count(kube->store),
	      "objects of the cluster that are known");
	visit(context, "kubernetes_failures", stats.failures, kube->why);
}

struct kube_store *kube_objects(struct kube *kube)
{
	return kube->store;
}

static void kube_news(void *context, enum kube_news_type type, enum kube_kind kind,
		      struct kube_object *object)
{
	struct kube *kube = context;

	kube_store_news(kube->store, type, kind, object, clock_monotonic_ns());
	if (type == KUBE_NEWS_LISTED)
		malloc_trim(0); /* what the pages of a list took is not needed again soon */
}

void kube_dispatch(struct kube *kube)
{
	kube_watch_take(kube->watch, kube_news, kube);
}

/* ---- answering ------------------------------------------------------------------------------ */

/* A ReplicaSet is a Deployment's, a Job may be a CronJob's; without its object the name tells. */
static void kube_fill_workload(struct kube *kube, const struct kube_object *pod,
			       struct identity_draft *draft)
{
	const char *kind = pod->owner_kind, *name = pod->owner_name;
	const struct kube_object *owner = NULL;

	if (!kind || !name)
		return;
	if (!strcmp(kind, "ReplicaSet"))
		owner = kube_store_by_name(kube->store, KUBE_REPLICASET, pod->namespace, name);
	else if (!strcmp(kind, "Job"))
		owner = kube_store_by_name(kube->store, KUBE_JOB, pod->namespace, name);
	if (owner && owner->owner_kind && owner->owner_name) {
		kind = owner->owner_kind;
		name = owner->owner_name;
	}
	identity_draft_join(draft, ENDPOINT_WORKLOAD, kind, name);
}

static void kube_fill_labels(const struct kube_object *pod, struct identity_draft *draft)
{
	char label[ENDPOINT_TEXT_MAX + 64];

	identity_draft_labels(draft, pod->labels ? pod->labels : "", pod->label_count);
	snprintf(label, sizeof(label), "k8s:io.kubernetes.pod.namespace=%s", pod->namespace);
	identity_draft_label(draft, label);
}

static void kube_fill_container(const struct kube_object *pod, struct identity_draft *draft)
{
	const char *id = draft->endpoint.text[ENDPOINT_CONTAINER_ID];

	for (size_t i = 0; id && i < pod->container_count; i++) {
		const struct kube_container *container = &pod->containers[i];

		if (!container->id || strcmp(container->id, id))
			continue;
		identity_draft_text(draft, ENDPOINT_CONTAINER_NAME, container->name);
		identity_draft_text(draft, ENDPOINT_IMAGE, container->image);
	}
}

static void kube_fill_pod(struct kube *kube, const struct kube_object *pod,
			  struct identity_draft *draft)
{
	/* What the engine said of the pod's labels is less than what the API says. */
	identity_draft_text(draft, ENDPOINT_NAMESPACE, pod->namespace);
	identity_draft_join(draft, ENDPOINT_POD, pod->namespace, pod->name);
	identity_draft_text(draft, ENDPOINT_POD_UID, pod->uid);
	identity_draft_text(draft, ENDPOINT_NODE, pod->node);
	kube_fill_workload(kube, pod, draft);
	kube_fill_container(pod, draft);
	kube_fill_labels(pod, draft);
	identity_draft_from(draft, IDENTITY_FROM_KUBERNETES);
	if (draft->end->missing == IDENTITY_MISSING_NO_METADATA)
		draft->end->missing = IDENTITY_MISSING_NONE;
}

static const struct kube_object *kube_find_pod(struct kube *kube, const struct identity_ask *ask,
					       struct identity_draft *draft)
{
	const char *id = draft->endpoint.text[ENDPOINT_CONTAINER_ID];
	const char *uid = draft->endpoint.text[ENDPOINT_POD_UID];
	const struct kube_object *pod = id ? kube_store_pod_by_container(kube->store, id) : NULL;
	bool moved;

	if (!pod && uid)
		pod = kube_store_by_uid(kube->store, uid);
	if (pod || id || draft->conflict || draft->endpoint.identity == IDENTITY_HOST)
		return pod;
	pod = kube_store_by_address(kube->store, KUBE_POD, draft->address, ask->first_ns,
				    ask->last_ns, &moved);
	if (moved) {
		draft->conflict = true;
		identity_draft_missing(draft, IDENTITY_MISSING_ADDRESS_MOVED);
	}
	return pod;
}

static bool kube_is_api(const char *namespace, const char *name)
{
	return !strcmp(namespace, "default") && !strcmp(name, "kubernetes");
}

static void kube_fill_service(struct kube *kube, const struct identity_ask *ask,
			      struct identity_draft *draft)
{
	uint8_t protocol = ask->record->key.protocol;
	bool moved;
	const struct kube_object *service = kube_store_by_address(
		kube->store, KUBE_SERVICE, draft->asked ? draft->asked : ask->address,
		ask->first_ns, ask->last_ns, &moved);
	const struct kube_object *slice =
		service ? NULL
			: kube_store_slice(kube->store, draft->address, draft->port, protocol);
	const char *namespace = service ? service->namespace : slice ? slice->namespace : NULL;
	const char *name = service ? service->name : slice ? slice->service : NULL;

	if (!name && (draft->endpoint.identity == IDENTITY_HOST ||
		      draft->endpoint.identity == IDENTITY_REMOTE_NODE)) {
		service = kube_store_node_port(kube->store, draft->port, protocol);
		namespace = service ? service->namespace : NULL;
		name = service ? service->name : NULL;
	}
	if (!name)
		return;
	identity_draft_join(draft, ENDPOINT_SERVICE, namespace, name);
	identity_draft_from(draft, IDENTITY_FROM_KUBERNETES);
	if (kube_is_api(namespace, name) && !draft->local)
		draft->endpoint.identity = IDENTITY_KUBE_APISERVER;
	else if (service && !draft->endpoint.identity)
		identity_draft_text(draft, ENDPOINT_NAMESPACE, namespace);
}

static void kube_fill_node(struct kube *kube, const struct identity_ask *ask,
			   struct identity_draft *draft)
{
	bool moved;
	const struct kube_object *node = kube_store_by_address(
		kube->store, KUBE_NODE, draft->address, ask->first_ns, ask->last_ns, &moved);

	if (!node)
		return;
	identity_draft_text(draft, ENDPOINT_NODE, node->name);
	if (draft->endpoint.identity || draft->local)
		return;
	draft->endpoint.identity =
		!strcmp(node->name, kube->node_name) ? IDENTITY_HOST : IDENTITY_REMOTE_NODE;
	identity_draft_from(draft, IDENTITY_FROM_NODE);
}

static void kube_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	struct kube *kube = self;
	const struct kube_object *pod = kube_find_pod(kube, ask, draft);

	if (pod)
		kube_fill_pod(kube, pod, draft);
	else
		kube_fill_node(kube, ask, draft);
	kube_fill_service(kube, ask, draft);
}

static void kube_tick(void *self, uint64_t now_ns)
{
	struct kube *kube = self;

	if (++kube->ticks % KUBE_SWEEP_TICKS == 0)
		kube_store_sweep(kube->store, now_ns);
}

struct identity_source kube_source(struct kube *kube)
{
	return (struct identity_source){ .name = "kubernetes",
					 .fill = kube_fill,
					 .tick = kube_tick,
					 .close = kube_close,
					 .self = kube };
}
