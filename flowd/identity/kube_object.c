/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_object.h"

#include <stdio.h>
#include <string.h>

#include "flowd/identity/json_file.h"
#include "proto/address.h"
#include "proto/arena.h"
#include "proto/endpoint.h"

#define KUBE_OBJECT_HINT  1024 /* a pod, as most are */
#define KUBE_OBJECT_LIMIT (256u << 10)
#define KUBE_PODS_LABELS  (ENDPOINT_LABELS_MAX - 2)

static const char *kube_copy(struct arena *arena, const char *text)
{
	size_t length = text ? strnlen(text, ENDPOINT_TEXT_MAX) : 0;
	char *copy = length ? arena_alloc(arena, length + 1) : NULL;

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

static const char *kube_text(struct arena *arena, struct json_object *object, const char *key)
{
	return kube_copy(arena, json_member_text(object, key));
}

static const char *kube_always(struct arena *arena, struct json_object *object, const char *key)
{
	const char *text = kube_text(arena, object, key);

	return text ? text : "";
}

static size_t kube_length(struct json_object *list, size_t most)
{
	size_t length =
		json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	return length < most ? length : most;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void kube_read_labels(struct kube_object *out, struct arena *arena,
			     struct json_object *labels)
{
	size_t size = 1;
	char *at;

	if (!json_object_is_type(labels, json_type_object))
		return;
	json_object_object_foreach(labels, key, value) size +=
		strlen(key) + (size_t)json_object_get_string_len(value) + 8;
	at = arena_alloc(arena, size);
	out->labels = at;
	if (!at)
		return;
	json_object_object_foreach(labels, name, text)
	{
		if (!json_object_is_type(text, json_type_string) ||
		    out->label_count == KUBE_PODS_LABELS)
			continue;
		at += sprintf(at, "k8s:%s=%s", name, json_object_get_string(text)) + 1;
		out->label_count++;
	}
}

static void kube_read_owner(struct kube_object *out, struct arena *arena,
			    struct json_object *owners)
{
	for (size_t i = 0; i < kube_length(owners, 8); i++) {
		struct json_object *owner = json_object_array_get_idx(owners, i);

		if (!json_object_get_boolean(json_member(owner, "controller")))
			continue;
		out->owner_kind = kube_text(arena, owner, "kind");
		out->owner_name = kube_text(arena, owner, "name");
		return;
	}
}

static void kube_add_address(struct kube_object *out, const char *text)
{
	int version;

	if (text && !address_parse(text, out->addresses[out->address_count], &version))
		out->address_count++;
}

/* The members `key` of a list's objects, or its strings where `key` is NULL. */
static void kube_read_addresses(struct kube_object *out, struct arena *arena,
				struct json_object *list, const char *key)
{
	size_t count = kube_length(list, KUBE_ADDRESSES_MAX);

	out->addresses = count ? arena_alloc(arena, count * sizeof(*out->addresses)) : NULL;
	for (size_t i = 0; out->addresses && i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		kube_add_address(out,
				 key ? json_member_text(item, key) : json_object_get_string(item));
	}
}

static void kube_read_ports(struct kube_object *out, struct arena *arena, struct json_object *list)
{
	size_t count = kube_length(list, 256);

	out->ports = count ? arena_alloc(arena, count * sizeof(*out->ports)) : NULL;
	for (size_t i = 0; out->ports && i < count; i++) {
		struct json_object *port = json_object_array_get_idx(list, i);
		const char *protocol = json_member_text(port, "protocol");
		struct kube_port *to = &out->ports[out->port_count++];

		to->port = (uint16_t)json_object_get_int(json_member(port, "port"));
		to->node_port = (uint16_t)json_object_get_int(json_member(port, "nodePort"));
		to->protocol = !protocol || !strcmp(protocol, "TCP") ? 6
			       : !strcmp(protocol, "UDP")	     ? 17
								     : 132;
	}
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static void kube_read_containers(struct kube_object *out, struct arena *arena,
				 struct json_object *list)
{
	size_t count = kube_length(list, 64);

	out->containers = count ? arena_alloc(arena, count * sizeof(*out->containers)) : NULL;
	for (size_t i = 0; out->containers && i < count; i++) {
		struct json_object *status = json_object_array_get_idx(list, i);
		const char *id = json_member_text(status, "containerID");
		const char *scheme = id ? strstr(id, "://") : NULL;
		struct kube_container *to = &out->containers[out->container_count++];

		to->id = kube_copy(arena, scheme ? scheme + 3 : id);
		to->name = kube_text(arena, status, "name");
		to->image = kube_text(arena, status, "image");
	}
}

static void kube_read_pod(struct kube_object *out, struct arena *arena, struct json_object *json)
{
	struct json_object *spec = json_member(json, "spec"), *status = json_member(json, "status");
	const char *phase = json_member_text(status, "phase");

	out->node = kube_text(arena, spec, "nodeName");
	out->host_network = json_object_get_boolean(json_member(spec, "hostNetwork"));
	out->finished = phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
	kube_read_addresses(out, arena, json_member(status, "podIPs"), "ip");
	kube_read_containers(out, arena, json_member(status, "containerStatuses"));
}

static void kube_read_service(struct kube_object *out, struct arena *arena,
			      struct json_object *json)
{
	struct json_object *spec = json_member(json, "spec");

	kube_read_addresses(out, arena, json_member(spec, "clusterIPs"), NULL);
	kube_read_ports(out, arena, json_member(spec, "ports"));
}

static void kube_read_slice(struct kube_object *out, struct arena *arena, struct json_object *json)
{
	struct json_object *list = json_member(json, "endpoints");
	struct json_object *labels = json_member(json_member(json, "metadata"), "labels");
	size_t count = kube_length(list, KUBE_ADDRESSES_MAX);

	out->service = kube_text(arena, labels, "kubernetes.io/service-name");
	out->addresses = count ? arena_alloc(arena, count * sizeof(*out->addresses)) : NULL;
	for (size_t i = 0; out->addresses && i < count; i++) {
		struct json_object *endpoint = json_object_array_get_idx(list, i);
		struct json_object *addresses = json_member(endpoint, "addresses");

		/* one address in practice: the others would mean the same */
		if (kube_length(addresses, 1))
			kube_add_address(out, json_object_get_string(
						      json_object_array_get_idx(addresses, 0)));
	}
	kube_read_ports(out, arena, json_member(json, "ports"));
}

static void kube_read_node(struct kube_object *out, struct arena *arena, struct json_object *json)
{
	kube_read_addresses(out, arena, json_member(json_member(json, "status"), "addresses"),
			    "address");
}

static void kube_read_kind(struct kube_object *out, struct arena *arena, struct json_object *json)
{
	switch (out->kind) {
	case KUBE_POD:
		kube_read_pod(out, arena, json);
		return;
	case KUBE_SERVICE:
		kube_read_service(out, arena, json);
		return;
	case KUBE_SLICE:
		kube_read_slice(out, arena, json);
		return;
	case KUBE_NODE:
		kube_read_node(out, arena, json);
		return;
	case KUBE_NAMESPACE:
	case KUBE_REPLICASET:
	case KUBE_JOB:
	case KUBE_KIND_COUNT:
		return;
	}
}

struct kube_object *kube_object_read(enum kube_kind kind, struct json_object *json)
{
	struct json_object *metadata = json_member(json, "metadata");
	struct arena *arena;
	struct kube_object *out;

	if (!json_member_text(metadata, "name"))
		return NULL;
	arena = arena_open(KUBE_OBJECT_HINT, KUBE_OBJECT_LIMIT);
	out = arena ? arena_alloc(arena, sizeof(*out)) : NULL;
	if (!out) {
		arena_close(arena);
		return NULL;
	}
	out->memory = arena;
	out->kind = kind;
	out->namespace = kube_always(arena, metadata, "namespace");
	out->name = kube_always(arena, metadata, "name");
	out->uid = kube_always(arena, metadata, "uid");
	if (kind == KUBE_POD || kind == KUBE_NODE)
		kube_read_labels(out, arena, json_member(metadata, "labels"));
	kube_read_owner(out, arena, json_member(metadata, "ownerReferences"));
	kube_read_kind(out, arena, json);
	return out;
}

void kube_object_free(struct kube_object *object)
{
	if (object)
		arena_close(object->memory);
}
