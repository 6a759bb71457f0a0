/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/identity/lru.h"

#define STORE_OBJECTS  262144u
#define STORE_BINDINGS 3
#define STORE_UID      40
/* The API tells of an address some time after it is in use. */
#define STORE_EARLY_NS (5 * 1000000000ull)

struct store_object {
	char uid[STORE_UID];
	struct kube_object *object;
	uint64_t gone_ns;
	uint32_t round; /* of the list that it was in last */
};

struct store_container {
	char id[80];
	char uid[STORE_UID];
};

/* Names are long: two hashes of "kind/namespace/name" stand for it. */
struct store_name {
	uint64_t hash[2];
	char uid[STORE_UID];
};

struct store_address_key {
	uint8_t address[16];
	uint64_t kind;
};

struct store_address {
	struct store_address_key key;
	struct store_binding {
		char uid[STORE_UID]; /* empty: free */
		uint64_t from_ns, to_ns;
	} binding[STORE_BINDINGS]; /* the latest first */
};

struct store_node_port {
	uint64_t key; /* protocol << 16 | port */
	char uid[STORE_UID];
};

struct kube_store {
	struct lru *objects, *containers, *names, *addresses, *node_ports;
	uint32_t round[KUBE_KIND_COUNT];
	uint64_t keep_ns;
};

static void store_drop(void *entry)
{
	struct store_object *object = entry;

	kube_object_free(object->object);
}

int kube_store_open(struct kube_store **out, uint64_t keep_ns)
{
	struct kube_store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->keep_ns = keep_ns;
	if (lru_open(&store->objects, sizeof(struct store_object), STORE_UID, STORE_OBJECTS,
		     store_drop) ||
	    lru_open(&store->containers, sizeof(struct store_container), 80, STORE_OBJECTS, NULL) ||
	    lru_open(&store->names, sizeof(struct store_name), 2 * sizeof(uint64_t), STORE_OBJECTS,
		     NULL) ||
	    lru_open(&store->addresses, sizeof(struct store_address),
		     sizeof(struct store_address_key), STORE_OBJECTS, NULL) ||
	    lru_open(&store->node_ports, sizeof(struct store_node_port), sizeof(uint64_t), 4096,
		     NULL)) {
		kube_store_close(store);
		return -ENOMEM;
	}
	*out = store;
	return 0;
}

void kube_store_close(struct kube_store *store)
{
	if (!store)
		return;
	lru_close(store->objects);
	lru_close(store->containers);
	lru_close(store->names);
	lru_close(store->addresses);
	lru_close(store->node_ports);
	free(store);
}

/* Keys are compared to their last byte. */
static void store_key(char *key, size_t size, const char *text)
{
	memset(key, 0, size);
	snprintf(key, size, "%s", text);
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void store_bind(struct kube_store *store, const struct kube_object *object,
		       const uint8_t address[16], uint64_t now_ns)
{
	struct store_address_key key = { .kind = (uint64_t)object->kind };
	struct store_address *entry;

	memcpy(key.address, address, 16);
	entry = lru_make(store->addresses, &key);
	if (!entry)
		return;
	for (int i = 0; i < STORE_BINDINGS; i++)
		if (!strcmp(entry->binding[i].uid, object->uid) && !entry->binding[i].to_ns)
			return;
	for (int i = 0; i < STORE_BINDINGS && object->kind == KUBE_POD; i++)
		if (*entry->binding[i].uid && !entry->binding[i].to_ns)
			entry->binding[i].to_ns = now_ns;
	memmove(&entry->binding[1], &entry->binding[0],
		sizeof(entry->binding[0]) * (STORE_BINDINGS - 1));
	entry->binding[0] = (struct store_binding){ .from_ns = now_ns };
	store_key(entry->binding[0].uid, STORE_UID, object->uid);
}

static void store_unbind(struct kube_store *store, const struct kube_object *object,
			 const uint8_t address[16], uint64_t now_ns)
{
	struct store_address_key key = { .kind = (uint64_t)object->kind };
	struct store_address *entry;

	memcpy(key.address, address, 16);
	entry = lru_find(store->addresses, &key);
	for (int i = 0; entry && i < STORE_BINDINGS; i++)
		if (!strcmp(entry->binding[i].uid, object->uid) && !entry->binding[i].to_ns)
			entry->binding[i].to_ns = now_ns;
}

static bool store_has(const struct kube_object *object, const uint8_t address[16])
{
	for (size_t i = 0; object && i < object->address_count; i++)
		if (!memcmp(object->addresses[i], address, 16))
			return true;
	return false;
}

static void store_update_addresses(struct kube_store *store, const struct kube_object *before,
				   const struct kube_object *now, uint64_t now_ns)
{
	for (size_t i = 0; before && i < before->address_count; i++)
		if (!store_has(now, before->addresses[i]))
			store_unbind(store, before, before->addresses[i], now_ns);
	for (size_t i = 0; now && i < now->address_count; i++)
		store_bind(store, now, now->addresses[i], now_ns);
}

/* ---- news ----------------------------------------------------------------------------------- */

static void store_hash(uint64_t hash[2], const char *text)
{
	for (; *text; text++) {
		hash[0] = (hash[0] ^ (uint8_t)*text) * 1099511628211ull; /* FNV-1a */
		hash[1] = (hash[1] + (uint8_t)*text) * 0x9fb21c651e98df25ull;
	}
	hash[0] = (hash[0] ^ '/') * 1099511628211ull;
	hash[1] = (hash[1] + '/') * 0x9fb21c651e98df25ull;
}

static void store_name_of(uint64_t hash[2], enum kube_kind kind, const char *namespace,
			  const char *object)
{
	hash[0] = 14695981039346656037ull + (uint64_t)kind;
	hash[1] = (uint64_t)kind + 1;
	store_hash(hash, namespace);
	store_hash(hash, object);
}

static void store_index(struct kube_store *store, const struct kube_object *object)
{
	uint64_t name[2];
	char id[80];
	struct store_name *named;

	store_name_of(name, object->kind, object->namespace, object->name);
	named = lru_make(store->names, name);
	if (named)
		store_key(named->uid, STORE_UID, object->uid);
	for (size_t i = 0; i < object->container_count; i++) {
		struct store_container *container;

		if (!object->containers[i].id)
			continue;
		store_key(id, sizeof(id), object->containers[i].id);
		container = lru_make(store->containers, id);
		if (container)
			store_key(container->uid, STORE_UID, object->uid);
	}
	for (size_t i = 0; object->kind == KUBE_SERVICE && i < object->port_count; i++) {
		uint64_t key =
			(uint64_t)object->ports[i].protocol << 16 | object->ports[i].node_port;
		struct store_node_port *port =
			object->ports[i].node_port ? lru_make(store->node_ports, &key) : NULL;

		if (port)
			store_key(port->uid, STORE_UID, object->uid);
	}
}

/* Where a pod's address is the node's, or free again, it says nothing. */
static void store_prune(struct kube_object *object)
{
	if (object->kind == KUBE_POD && (object->host_network || object->finished))
		object->address_count = 0;
}

static void store_change(struct kube_store *store, struct kube_object *object, uint64_t now_ns)
{
	char uid[STORE_UID];
	struct store_object *entry;

	store_key(uid, sizeof(uid), object->uid);
	entry = *uid ? lru_make(store->objects, uid) : NULL;
	if (!entry) {
		kube_object_free(object);
		return;
	}
	store_prune(object);
	store_update_addresses(store, entry->object, object, now_ns);
	store_index(store, object);
	kube_object_free(entry->object);
	entry->object = object;
	entry->gone_ns = 0;
	entry->round = store->round[object->kind];
}

static void store_go(struct kube_store *store, struct store_object *entry, uint64_t now_ns)
{
	if (entry->gone_ns)
		return;
	entry->gone_ns = now_ns;
	store_update_addresses(store, entry->object, NULL, now_ns);
}

struct store_sweep {
	struct kube_store *store;
	enum kube_kind kind;
	uint64_t now_ns;
};

static void store_go_unlisted(void *context, void *visited)
{
	const struct store_sweep *sweep = context;
	struct store_object *entry = visited;

	if (entry->object && entry->object->kind == sweep->kind &&
	    entry->round != sweep->store->round[sweep->kind])
		store_go(sweep->store, entry, sweep->now_ns);
}

void kube_store_news(struct kube_store *store, enum kube_news_type type, enum kube_kind kind,
		     struct kube_object *object, uint64_t now_ns)
{
	struct store_sweep sweep = { store, kind, now_ns };
	struct store_object *entry;
	char uid[STORE_UID];

	switch (type) {
	case KUBE_NEWS_CHANGED:
		store_change(store, object, now_ns);
		return;
	case KUBE_NEWS_GONE:
		store_key(uid, sizeof(uid), object->uid);
		entry = lru_find(store->objects, uid);
		if (entry)
			store_go(store, entry, now_ns);
		kube_object_free(object);
		return;
	case KUBE_NEWS_LIST:
		store->round[kind]++;
		return;
	case KUBE_NEWS_LISTED:
		lru_each(store->objects, store_go_unlisted, &sweep);
		return;
	}
}

static void store_forget(void *context, void *visited)
{
	const struct store_sweep *sweep = context;
	struct store_object *entry = visited;

	if (entry->gone_ns && sweep->now_ns > entry->gone_ns + sweep->store->keep_ns)
		lru_remove(sweep->store->objects, entry);
}

void kube_store_sweep(struct kube_store *store, uint64_t now_ns)
{
	struct store_sweep sweep = { .store = store, .now_ns = now_ns };

	lru_each(store->objects, store_forget, &sweep);
}

/* ---- questions ------------------------------------------------------------------------------ */

const struct kube_object *kube_store_by_uid(struct kube_store *store, const char *uid)
{
	const struct store_object *entry;
	char key[STORE_UID];

	store_key(key, sizeof(key), uid);
	entry = lru_find(store->objects, key);
	return entry ? entry->object : NULL;
}

const struct kube_object *kube_store_pod_by_container(struct kube_store *store, const char *id)
{
	const struct store_container *container;
	char key[80];

	store_key(key, sizeof(key), id);
	container = lru_find(store->containers, key);
	return container ? kube_store_by_uid(store, container->uid) : NULL;
}

const struct kube_object *kube_store_by_name(struct kube_store *store, enum kube_kind kind,
					     const char *namespace, const char *name)
{
	const struct store_name *named;
	uint64_t key[2];

	store_name_of(key, kind, namespace, name);
	named = lru_find(store->names, key);
	return named ? kube_store_by_uid(store, named->uid) : NULL;
}

static const struct store_address *store_address(struct kube_store *store, enum kube_kind kind,
						 const uint8_t address[16])
{
	struct store_address_key key = { .kind = (uint64_t)kind };

	memcpy(key.address, address, 16);
	return lru_find(store->addresses, &key);
}

const struct kube_object *kube_store_by_address(struct kube_store *store, enum kube_kind kind,
						const uint8_t address[16], uint64_t first_ns,
						uint64_t last_ns, bool *moved)
{
	const struct store_address *known = store_address(store, kind, address);
	const struct store_binding *found = NULL;

	*moved = false;
	for (int i = 0; known && i < STORE_BINDINGS; i++) {
		const struct store_binding *binding = &known->binding[i];
		bool last = i + 1 == STORE_BINDINGS || !*known->binding[i + 1].uid;
		/* the first that had it may have had it before we were told */
		uint64_t from_ns = last ? 0
				   : binding->from_ns > STORE_EARLY_NS
					   ? binding->from_ns - STORE_EARLY_NS
					   : 0;

		if (!*binding->uid || from_ns > last_ns ||
		    (binding->to_ns && binding->to_ns < first_ns))
			continue;
		if (found && strcmp(found->uid, binding->uid)) {
			*moved = true;
			return NULL;
		}
		found = binding;
	}
	if (found && found->to_ns && found->to_ns < last_ns) {
		*moved = true;
		return NULL;
	}
	return found ? kube_store_by_uid(store, found->uid) : NULL;
}

static bool store_serves(const struct kube_object *object, uint16_t port, uint8_t protocol)
{
	for (size_t i = 0; object && i < object->port_count; i++)
		if (object->ports[i].port == port && object->ports[i].protocol == protocol)
			return true;
	return false;
}

const struct kube_object *kube_store_slice(struct kube_store *store, const uint8_t address[16],
					   uint16_t port, uint8_t protocol)
{
	const struct store_address *known = store_address(store, KUBE_SLICE, address);

	for (int i = 0; known && i < STORE_BINDINGS; i++) {
		const struct store_binding *binding = &known->binding[i];
		const struct kube_object *slice = *binding->uid && !binding->to_ns
							  ? kube_store_by_uid(store, binding->uid)
							  : NULL;

		if (slice && slice->service && store_serves(slice, port, protocol))
			return slice;
	}
	return NULL;
}

const struct kube_object *kube_store_node_port(struct kube_store *store, uint16_t port,
					       uint8_t protocol)
{
	uint64_t key = (uint64_t)protocol << 16 | port;
	const struct store_node_port *found = lru_find(store->node_ports, &key);

	return found ? kube_store_by_uid(store, found->uid) : NULL;
}

struct store_visit {
	kube_visit_fn visit;
	void *context;
};

static void store_visit_one(void *context, void *visited)
{
	const struct store_visit *visit = context;
	const struct store_object *entry = visited;

	if (entry->object && !entry->gone_ns)
		visit->visit(visit->context, entry->object);
}

void kube_store_each(struct kube_store *store, kube_visit_fn visit, void *context)
{
	struct store_visit one = { visit, context };

	lru_each(store->objects, store_visit_one, &one);
}

uint32_t kube_store_count(const struct kube_store *store)
{
	return lru_count(store->objects);
}
