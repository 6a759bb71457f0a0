/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/lru.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LRU_BUCKETS 64 /* at first; as many as entries later */

struct lru_node {
	struct lru_node *next; /* in the bucket */
	struct lru_node *newer, *older;
	uint64_t hash;
	max_align_t entry[];
};

struct lru {
	struct lru_node **buckets;
	uint32_t mask, count, most;
	size_t entry_size, key_size;
	struct lru_node *newest, *oldest;
	uint64_t seed, dropped;
	lru_drop_fn drop;
};

int lru_open(struct lru **out, size_t entry_size, size_t key_size, uint32_t most, lru_drop_fn drop)
{
	struct lru *lru = calloc(1, sizeof(*lru));

	if (!lru)
		return -ENOMEM;
	lru->buckets = calloc(LRU_BUCKETS, sizeof(*lru->buckets));
	if (!lru->buckets) {
		free(lru);
		return -ENOMEM;
	}
	lru->mask = LRU_BUCKETS - 1;
	lru->most = most ? most : 1;
	lru->entry_size = entry_size;
	lru->key_size = key_size;
	lru->drop = drop;
	if (getrandom(&lru->seed, sizeof(lru->seed), GRND_NONBLOCK) < 0)
		lru->seed = (uintptr_t)lru;
	*out = lru;
	return 0;
}

void lru_close(struct lru *lru)
{
	if (!lru)
		return;
	while (lru->newest)
		lru_remove(lru, lru->newest->entry);
	free(lru->buckets);
	free(lru);
}

static uint64_t lru_hash(const struct lru *lru, const void *key)
{
	const uint8_t *at = key;
	uint64_t hash = lru->seed, word;
	size_t left = lru->key_size;

	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash = (hash ^ word) * 0x9fb21c651e98df25ull;
		hash ^= hash >> 32;
	}
	for (; left; left--, at++)
		hash = (hash ^ *at) * 0x9fb21c651e98df25ull;
	return hash ^ hash >> 29;
}

static struct lru_node *lru_node_of(void *entry)
{
	return (struct lru_node *)((char *)entry - offsetof(struct lru_node, entry));
}

static void lru_unlink(struct lru *lru, struct lru_node *node)
{
	*(node->newer ? &node->newer->older : &lru->newest) = node->older;
	*(node->older ? &node->older->newer : &lru->oldest) = node->newer;
}

static void lru_push(struct lru *lru, struct lru_node *node)
{
	node->newer = NULL;
	node->older = lru->newest;
	*(lru->newest ? &lru->newest->newer : &lru->oldest) = node;
	lru->newest = node;
}

static struct lru_node *lru_seek(const struct lru *lru, uint64_t hash, const void *key)
{
	struct lru_node *node = lru->buckets[hash & lru->mask];

	while (node && (node->hash != hash || memcmp(node->entry, key, lru->key_size)))
		node = node->next;
	return node;
}

void *lru_find(struct lru *lru, const void *key)
{
	struct lru_node *node = lru_seek(lru, lru_hash(lru, key), key);

	if (!node)
		return NULL;
	if (node != lru->newest) {
		lru_unlink(lru, node);
		lru_push(lru, node);
	}
	return node->entry;
}

/* Twice the buckets, when there are as many entries; without memory it goes on as it is. */
static void lru_grow(struct lru *lru)
{
	uint32_t mask = lru->mask * 2 + 1;
	struct lru_node **buckets;

	if (lru->count <= lru->mask)
		return;
	buckets = calloc((size_t)mask + 1, sizeof(*buckets));
	if (!buckets)
		return;
	for (struct lru_node *node = lru->newest; node; node = node->older) {
		node->next = buckets[node->hash & mask];
		buckets[node->hash & mask] = node;
	}
	free(lru->buckets);
	lru->buckets = buckets;
	lru->mask = mask;
}

void *lru_make(struct lru *lru, const void *key)
{
	void *found = lru_find(lru, key);
	struct lru_node *node;

	if (found)
		return found;
	if (lru->count >= lru->most && lru->oldest) {
		lru->dropped++;
		lru_remove(lru, lru->oldest->entry);
	}
	node = calloc(1, sizeof(*node) + lru->entry_size);
	if (!node)
		return NULL;
	lru_grow(lru);
	memcpy(node->entry, key, lru->key_size);
	node->hash = lru_hash(lru, key);
	node->next = lru->buckets[node->hash & lru->mask];
	lru->buckets[node->hash & lru->mask] = node;
	lru_push(lru, node);
	lru->count++;
	return node->entry;
}

void lru_remove(struct lru *lru, void *entry)
{
	struct lru_node *node = lru_node_of(entry), **link = &lru->buckets[node->hash & lru->mask];

	while (*link != node)
		link = &(*link)->next;
	*link = node->next;
	lru_unlink(lru, node);
	if (lru->drop)
		lru->drop(entry);
	free(node);
	lru->count--;
}

void lru_each(struct lru *lru, lru_visit_fn visit, void *context)
{
	struct lru_node *older;

	for (struct lru_node *node = lru->newest; node; node = older) {
		older = node->older;
		visit(context, node->entry);
	}
}

uint32_t lru_count(const struct lru *lru)
{
	return lru->count;
}

uint64_t lru_dropped(const struct lru *lru)
{
	return lru->dropped;
}
