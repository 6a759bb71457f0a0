/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is kept of an object of Kubernetes' API: who it is, where it runs, what it owns; read from
 * the API's JSON. An object is one piece of memory, made by the watcher's thread and handed over.
 */
#ifndef IDENTITY_KUBE_OBJECT_H
#define IDENTITY_KUBE_OBJECT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* kind, X(NAME, path, metadata_only): what is listed and watched */
#define KUBE_KINDS(X)                                               \
	X(POD, "/api/v1/pods", false)                               \
	X(SERVICE, "/api/v1/services", false)                       \
	X(SLICE, "/apis/discovery.k8s.io/v1/endpointslices", false) \
	X(NODE, "/api/v1/nodes", false)                             \
	X(NAMESPACE, "/api/v1/namespaces", true)                    \
	X(REPLICASET, "/apis/apps/v1/replicasets", true)            \
	X(JOB, "/apis/batch/v1/jobs", true)
#define KUBE_KIND_ENUM(name, path, metadata) KUBE_##name,
enum kube_kind { KUBE_KINDS(KUBE_KIND_ENUM) KUBE_KIND_COUNT };

#define KUBE_ADDRESSES_MAX 1024 /* of a slice; others have few */

struct kube_container {
	const char *id; /* without "containerd://" */
	const char *name, *image;
};

struct kube_port {
	uint16_t port, node_port;
	uint8_t protocol;
};

struct kube_object {
	enum kube_kind kind;
	const char *namespace, *name, *uid;  /* never NULL; "" where there is none */
	const char *owner_kind, *owner_name; /* the controller; NULL: none */
	const char *node;		     /* a pod's; NULL */
	const char *service;		     /* a slice's; NULL */
	const char *labels;		     /* "k8s:KEY=VALUE" strings, each with its NUL */
	uint32_t label_count;
	bool host_network; /* its addresses are the node's */
	bool finished;	   /* a pod that has ended: its address is free again */
	uint8_t (*addresses)[16];
	size_t address_count;
	struct kube_container *containers;
	size_t container_count;
	struct kube_port *ports;
	size_t port_count;
	void *memory;
};

/* NULL: no such object, or no memory. */
struct kube_object *kube_object_read(enum kube_kind kind, struct json_object *json);
void kube_object_free(struct kube_object *object);

#endif
