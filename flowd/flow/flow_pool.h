/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The entries of the flow table and the way to find them: growing chunks addressed by 32-bit
 * numbers (0 = none) and an open-addressed index of (hash, number). Bounded by `max`; no policy.
 */
#ifndef FLOW_FLOW_POOL_H
#define FLOW_FLOW_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bpf-common/flow_abi.h"

/* One direction of one flow instance. What every packet touches comes first. */
struct flow {
	struct flow_key key;
	uint64_t packets; /* since the last record, like the next two */
	uint64_t bytes;
	uint64_t l3_bytes;
	uint64_t last_ns;
	uint32_t seen_tick; /* of the last activity: ages the flow, never runs backwards */
	uint32_t path;	    /* flow_path number */
	uint32_t peer;	    /* the other direction, or 0 */
	uint16_t flags;
	uint16_t slot; /* the list of the wheel it is in */
	uint64_t first_ns;
	uint64_t told_packets; /* in records so far */
	uint64_t told_bytes;
	uint64_t id;	      /* 0: the entry is free */
	uint32_t record_tick; /* where the running active period began */
	uint32_t next, prev;  /* in its list, circular; a free entry: next free one */
	uint8_t reply;	      /* enum flow_reply */
	uint8_t guessed;      /* `reply` rests on order or ports, not on a handshake */
	uint8_t closing;      /* the conversation saw FIN both ways, or RST */
	uint8_t noted;	      /* it is in flow_notes */
};
_Static_assert(sizeof(struct flow) == 136, "100,000 flows in 16 MB");

#define FLOW_CHUNK_BITS 12
#define FLOW_CHUNK_SIZE (1u << FLOW_CHUNK_BITS)

struct flow_pool {
	struct flow **chunks;
	uint32_t chunk_count, chunk_capacity;
	uint32_t max;  /* entries in use at most */
	uint32_t high; /* numbers below it have been in use */
	uint32_t free; /* head of the free entries, or 0 */
	uint32_t used;
	uint64_t *slots; /* hash << 32 | number; 0 = empty */
	uint32_t mask;
	uint64_t seed[6];
};

/* 0 or -ENOMEM. */
int flow_pool_init(struct flow_pool *pool, uint32_t max, const uint64_t seed[6]);
void flow_pool_fini(struct flow_pool *pool);
/* A zeroed entry in the index under `key`, or 0: full or no memory; then something must go first.
 */
uint32_t flow_pool_add(struct flow_pool *pool, const struct flow_key *key, uint32_t hash);
void flow_pool_remove(struct flow_pool *pool, uint32_t number);
/* The entry of `key`, or 0. */
uint32_t flow_pool_find(const struct flow_pool *pool, const struct flow_key *key, uint32_t hash);
/* Asks for the memory that flow_pool_find() of `hash` will touch: the index, then the entry. */
void flow_pool_prefetch_slot(const struct flow_pool *pool, uint32_t hash);
void flow_pool_prefetch_entry(const struct flow_pool *pool, uint32_t hash);

static inline struct flow *flow_pool_at(const struct flow_pool *pool, uint32_t number)
{
	return &pool->chunks[number >> FLOW_CHUNK_BITS][number & (FLOW_CHUNK_SIZE - 1)];
}

static inline uint64_t flow_hash_mix(uint64_t left, uint64_t right)
{
	unsigned __int128 product = (unsigned __int128)left * right;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed, so that nobody outside can aim at a slot. */
static inline uint32_t flow_pool_hash(const struct flow_pool *pool, const struct flow_key *key)
{
	const uint64_t *seed = pool->seed;
	uint64_t word[5], sum;

	memcpy(word, key, sizeof(word));
	sum = flow_hash_mix(word[0] ^ seed[0], word[1] ^ seed[1]) +
	      flow_hash_mix(word[2] ^ seed[2], word[3] ^ seed[3]) +
	      flow_hash_mix(word[4] ^ seed[4], seed[5] | 1);
	return (uint32_t)(sum ^ (sum >> 32));
}

static inline bool flow_key_equal(const struct flow_key *left, const struct flow_key *right)
{
	return memcmp(left, right, sizeof(*left)) == 0;
}

#endif
