/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/endpoint_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/intern.h"

#define POOL_BUCKETS 4096
#define POOL_COMMS   16384 /* different names of processes */
#define POOL_COMM    16

struct pool_entry {
	struct flow_endpoint endpoint; /* first: what the pool hands out */
	struct pool_entry *next;
	uint64_t hash, position, used_ns;
	uint32_t held;
	uint32_t size; /* of `texts` */
	char texts[];
};

struct endpoint_pool {
	struct pool_entry *buckets[POOL_BUCKETS];
	size_t count;
	uint64_t grace_ns;
	struct intern *comms;
	size_t comm_count;
	const char *last_comm;
};

int endpoint_pool_open(struct endpoint_pool **out, uint64_t grace_ns)
{
	struct endpoint_pool *pool = calloc(1, sizeof(*pool));

	if (!pool || intern_open(&pool->comms)) {
		free(pool);
		return -ENOMEM;
	}
	pool->grace_ns = grace_ns;
	*out = pool;
	return 0;
}

void endpoint_pool_close(struct endpoint_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		while (pool->buckets[i]) {
			struct pool_entry *entry = pool->buckets[i];

			pool->buckets[i] = entry->next;
			free(entry);
		}
	}
	intern_close(pool->comms);
	free(pool);
}

static size_t pool_length(const char *text, enum endpoint_text which)
{
	size_t max = which == ENDPOINT_CGROUP ? ENDPOINT_CGROUP_MAX : ENDPOINT_TEXT_MAX;

	/* namespace/name of a pod may be twice as long as one of them */
	if (which == ENDPOINT_POD || which == ENDPOINT_SERVICE || which == ENDPOINT_WORKLOAD)
		max *= 2;
	return text ? strnlen(text, max) : 0;
}

static size_t pool_labels_size(const struct flow_endpoint *draft)
{
	const char *at = draft->labels;

	for (uint32_t i = 0; i < draft->label_count; i++)
		at += strlen(at) + 1;
	return (size_t)(at - draft->labels);
}

static uint64_t pool_mix(uint64_t hash, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 1099511628211ull; /* FNV-1a */
	return (hash ^ size) * 1099511628211ull;
}

static uint64_t pool_hash(const struct flow_endpoint *draft, size_t labels)
{
	uint64_t hash = 14695981039346656037ull;
	const uint64_t numbers[] = { draft->id, draft->identity, draft->asn, draft->netns,
				     draft->cgroup_id };

	hash = pool_mix(hash, numbers, sizeof(numbers));
	for (int i = 0; i < ENDPOINT_TEXT_COUNT; i++)
		hash = pool_mix(hash, draft->text[i], pool_length(draft->text[i], i));
	return pool_mix(hash, draft->labels, labels);
}

static bool pool_same_text(const char *kept, const char *text, enum endpoint_text which)
{
	size_t length = pool_length(text, which);

	if (!length)
		return !kept;
	return kept && strlen(kept) == length && !memcmp(kept, text, length);
}

static bool pool_equal(const struct flow_endpoint *kept, const struct flow_endpoint *draft,
		       size_t labels)
{
	if (kept->id != draft->id || kept->identity != draft->identity || kept->asn != draft->asn ||
	    kept->netns != draft->netns || kept->cgroup_id != draft->cgroup_id ||
	    kept->label_count != draft->label_count)
		return false;
	for (int i = 0; i < ENDPOINT_TEXT_COUNT; i++)
		if (!pool_same_text(kept->text[i], draft->text[i], i))
			return false;
	return pool_labels_size(kept) == labels && !memcmp(kept->labels, draft->labels, labels);
}

static struct pool_entry *pool_copy(const struct flow_endpoint *draft, size_t labels)
{
	size_t size = labels + 1;
	struct pool_entry *entry;
	char *at;

	for (int i = 0; i < ENDPOINT_TEXT_COUNT; i++)
		size += pool_length(draft->text[i], i) + 1;
	entry = calloc(1, sizeof(*entry) + size);
	if (!entry)
		return NULL;
	entry->endpoint = *draft;
	at = entry->texts;
	for (int i = 0; i < ENDPOINT_TEXT_COUNT; i++) {
		size_t length = pool_length(draft->text[i], i);

		entry->endpoint.text[i] = length ? at : NULL;
		memcpy(at, length ? draft->text[i] : "", length);
		at += length + 1;
	}
	memcpy(at, labels ? draft->labels : "", labels);
	entry->endpoint.labels = at;
	entry->size = (uint32_t)size;
	return entry;
}

const struct flow_endpoint *endpoint_pool_keep(struct endpoint_pool *pool,
					       const struct flow_endpoint *draft, uint64_t now_ns)
{
	struct flow_endpoint whole = *draft;
	struct pool_entry **bucket, *entry;
	size_t labels;
	uint64_t hash;

	if (!whole.labels)
		whole.labels = "";
	labels = pool_labels_size(&whole);
	hash = pool_hash(&whole, labels);
	bucket = &pool->buckets[hash % POOL_BUCKETS];
	for (entry = *bucket; entry; entry = entry->next)
		if (entry->hash == hash && pool_equal(&entry->endpoint, &whole, labels))
			return &entry->endpoint;
	entry = pool_copy(&whole, labels);
	if (!entry)
		return NULL;
	entry->hash = hash;
	entry->used_ns = now_ns;
	entry->next = *bucket;
	*bucket = entry;
	pool->count++;
	return &entry->endpoint;
}

static struct pool_entry *pool_entry_of(const struct flow_endpoint *endpoint)
{
	return (struct pool_entry *)(uintptr_t)endpoint;
}

void endpoint_pool_used(struct endpoint_pool *pool, const struct flow_endpoint *endpoint,
			uint64_t position, uint64_t now_ns)
{
	(void)pool;
	if (!endpoint)
		return;
	pool_entry_of(endpoint)->position = position;
	pool_entry_of(endpoint)->used_ns = now_ns;
}

void endpoint_pool_hold(const struct flow_endpoint *endpoint)
{
	if (endpoint)
		pool_entry_of(endpoint)->held++;
}

void endpoint_pool_release(const struct flow_endpoint *endpoint)
{
	if (endpoint)
		pool_entry_of(endpoint)->held--;
}

void endpoint_pool_sweep(struct endpoint_pool *pool, uint64_t oldest, uint64_t now_ns)
{
	for (size_t i = 0; i < POOL_BUCKETS; i++) {
		struct pool_entry **link = &pool->buckets[i], *entry;

		while ((entry = *link)) {
			if (entry->held || entry->position >= oldest ||
			    now_ns < entry->used_ns + pool->grace_ns) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			free(entry);
			pool->count--;
		}
	}
}

const char *endpoint_pool_comm(struct endpoint_pool *pool, const char *comm, size_t size)
{
	char name[POOL_COMM + 1];

	snprintf(name, sizeof(name), "%.*s", (int)size, comm);
	if (!*name)
		return NULL;
	if (pool->last_comm && !strcmp(pool->last_comm, name))
		return pool->last_comm;
	if (pool->comm_count >= POOL_COMMS && !intern_find(pool->comms, name))
		return NULL;
	if (!intern_find(pool->comms, name))
		pool->comm_count++;
	pool->last_comm = intern_text(pool->comms, name);
	return pool->last_comm;
}

size_t endpoint_pool_count(const struct endpoint_pool *pool)
{
	return pool->count;
}
