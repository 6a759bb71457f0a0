/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_pool.h"

#include <errno.h>
#include <stdlib.h>

#define INDEX_SLOTS_MIN 1024u

static uint32_t slot_hash(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

static uint32_t slot_number(uint64_t slot)
{
	return (uint32_t)slot;
}

int flow_pool_init(struct flow_pool *pool, uint32_t max, const uint64_t seed[6])
{
	memset(pool, 0, sizeof(*pool));
	memcpy(pool->seed, seed, sizeof(pool->seed));
	pool->max = max;
	pool->high = 1;
	pool->mask = INDEX_SLOTS_MIN - 1;
	pool->slots = calloc(INDEX_SLOTS_MIN, sizeof(*pool->slots));
	return pool->slots ? 0 : -ENOMEM;
}

void flow_pool_fini(struct flow_pool *pool)
{
	for (uint32_t i = 0; i < pool->chunk_count; i++)
		free(pool->chunks[i]);
	free(pool->chunks);
	free(pool->slots);
	memset(pool, 0, sizeof(*pool));
}

static void index_put(uint64_t *slots, uint32_t mask, uint64_t slot)
{
	uint32_t at = slot_hash(slot) & mask;

	while (slots[at])
		at = (at + 1) & mask;
	slots[at] = slot;
}

/* Keeps the index at most seven eighths full. The hashes are in it: no entry is touched. */
static int index_reserve(struct flow_pool *pool)
{
	uint64_t size = (uint64_t)pool->mask + 1;
	uint64_t *slots;

	if (pool->used < size - size / 8)
		return 0;
	if (size > UINT32_MAX / 2)
		return -ENOMEM;
	slots = calloc(size * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint64_t i = 0; i < size; i++) {
		if (pool->slots[i])
			index_put(slots, (uint32_t)(size * 2 - 1), pool->slots[i]);
	}
	free(pool->slots);
	pool->slots = slots;
	pool->mask = (uint32_t)(size * 2 - 1);
	return 0;
}

static int chunk_add(struct flow_pool *pool)
{
	if (pool->chunk_count == pool->chunk_capacity) {
		uint32_t capacity = pool->chunk_capacity ? pool->chunk_capacity * 2 : 16;
		struct flow **chunks = realloc(pool->chunks, capacity * sizeof(*chunks));

		if (!chunks)
			return -ENOMEM;
		pool->chunks = chunks;
		pool->chunk_capacity = capacity;
	}
	pool->chunks[pool->chunk_count] = malloc(FLOW_CHUNK_SIZE * sizeof(struct flow));
	if (!pool->chunks[pool->chunk_count])
		return -ENOMEM;
	pool->chunk_count++;
	return 0;
}

static uint32_t entry_take(struct flow_pool *pool)
{
	uint32_t number = pool->free;

	if (number) {
		pool->free = flow_pool_at(pool, number)->next;
		return number;
	}
	if ((pool->high >> FLOW_CHUNK_BITS) == pool->chunk_count && chunk_add(pool))
		return 0;
	return pool->high++;
}

uint32_t flow_pool_add(struct flow_pool *pool, const struct flow_key *key, uint32_t hash)
{
	struct flow *flow;
	uint32_t number;

	if (pool->used >= pool->max || index_reserve(pool))
		return 0;
	number = entry_take(pool);
	if (!number)
		return 0;
	flow = flow_pool_at(pool, number);
	memset(flow, 0, sizeof(*flow));
	flow->key = *key;
	index_put(pool->slots, pool->mask, (uint64_t)hash << 32 | number);
	pool->used++;
	return number;
}

/* Closes the gap at `hole`: what probed past it moves back, so that no marker is needed. */
static void index_close_gap(struct flow_pool *pool, uint32_t hole)
{
	uint32_t at = hole;

	for (;;) {
		at = (at + 1) & pool->mask;
		if (!pool->slots[at])
			break;
		uint32_t home = slot_hash(pool->slots[at]) & pool->mask;
		if (((at - home) & pool->mask) >= ((at - hole) & pool->mask)) {
			pool->slots[hole] = pool->slots[at];
			hole = at;
		}
	}
	pool->slots[hole] = 0;
}

void flow_pool_remove(struct flow_pool *pool, uint32_t number)
{
	struct flow *flow = flow_pool_at(pool, number);
	uint32_t at = flow_pool_hash(pool, &flow->key) & pool->mask;

	while (slot_number(pool->slots[at]) != number)
		at = (at + 1) & pool->mask;
	index_close_gap(pool, at);
	flow->id = 0;
	flow->next = pool->free;
	pool->free = number;
	pool->used--;
}

uint32_t flow_pool_find(const struct flow_pool *pool, const struct flow_key *key, uint32_t hash)
{
	uint64_t slot;

	for (uint32_t at = hash & pool->mask; (slot = pool->slots[at]);
	     at = (at + 1) & pool->mask) {
		if (slot_hash(slot) == hash &&
		    flow_key_equal(&flow_pool_at(pool, slot_number(slot))->key, key))
			return slot_number(slot);
	}
	return 0;
}

void flow_pool_prefetch_slot(const struct flow_pool *pool, uint32_t hash)
{
	__builtin_prefetch(&pool->slots[hash & pool->mask]);
}

void flow_pool_prefetch_entry(const struct flow_pool *pool, uint32_t hash)
{
	uint64_t slot;

	for (uint32_t at = hash & pool->mask; (slot = pool->slots[at]);
	     at = (at + 1) & pool->mask) {
		if (slot_hash(slot) == hash) {
			const char *entry = (const char *)flow_pool_at(pool, slot_number(slot));

			__builtin_prefetch(entry, 1);
			__builtin_prefetch(entry + 64, 1);
			return;
		}
	}
}
