/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/quantile.h"

#include <stdlib.h>

#define PARTS	16
#define BUCKETS (61 * PARTS)

struct quantile {
	uint64_t total;
	uint32_t count[BUCKETS];
};

struct quantile *quantile_alloc(void)
{
	return calloc(1, sizeof(struct quantile));
}

void quantile_free(struct quantile *quantile)
{
	free(quantile);
}

/* Below PARTS each number has its own bucket; then PARTS buckets to a power of two. */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < PARTS)
		return (unsigned int)value;
	shift = 59 - (unsigned int)__builtin_clzll(value);
	return (shift + 1) * PARTS + (unsigned int)(value >> shift & (PARTS - 1));
}

/* The largest number of the bucket. */
static uint64_t bucket_top(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < PARTS)
		return bucket;
	shift = bucket / PARTS - 1;
	return ((UINT64_C(16) + bucket % PARTS + 1) << shift) - 1;
}

void quantile_add(struct quantile *quantile, uint64_t value)
{
	quantile->total++;
	quantile->count[bucket_of(value)]++;
}

uint64_t quantile_get(const struct quantile *quantile, unsigned int thousandths)
{
	uint64_t wanted = (quantile->total * thousandths + 999) / 1000, seen = 0;

	for (unsigned int bucket = 0; bucket < BUCKETS; bucket++) {
		seen += quantile->count[bucket];
		if (seen && seen >= wanted)
			return bucket_top(bucket);
	}
	return 0;
}
