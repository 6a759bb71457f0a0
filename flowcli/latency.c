/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/latency.h"

#include <errno.h>
#include <stdlib.h>

#define SAMPLES_MAX 64
#define SUB_BITS    5 /* buckets in each power of two: 32 */
#define SUB	    (1u << SUB_BITS)
#define BUCKETS	    ((64 - SUB_BITS + 1) * SUB)

static uint32_t bucket_of(uint64_t ns)
{
	uint32_t power;

	if (ns < SUB)
		return (uint32_t)ns;
	power = 63u - (uint32_t)__builtin_clzll(ns);
	return (power - SUB_BITS + 1) * SUB + (uint32_t)(ns >> (power - SUB_BITS) & (SUB - 1));
}

/* The middle of a bucket. */
static uint64_t bucket_value(uint32_t bucket)
{
	uint32_t power = bucket / SUB;
	uint64_t width;

	if (!power)
		return bucket;
	width = 1ull << (power - 1);
	return (SUB + bucket % SUB) * width + width / 2;
}

static int become_histogram(struct latency *latency)
{
	latency->buckets = calloc(BUCKETS, sizeof(*latency->buckets));
	if (!latency->buckets)
		return -ENOMEM;
	for (uint64_t i = 0; i < latency->count; i++)
		latency->buckets[bucket_of(latency->samples[i])]++;
	free(latency->samples);
	latency->samples = NULL;
	return 0;
}

static int grow(struct latency *latency)
{
	size_t room = latency->room ? latency->room * 2 : 4;
	uint64_t *more;

	if (latency->room == SAMPLES_MAX)
		return become_histogram(latency);
	more = reallocarray(latency->samples, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	latency->samples = more;
	latency->room = room;
	return 0;
}

int latency_add(struct latency *latency, uint64_t ns)
{
	if (!latency->buckets && latency->count == latency->room && grow(latency))
		return -ENOMEM;
	if (latency->buckets)
		latency->buckets[bucket_of(ns)]++;
	else
		latency->samples[latency->count] = ns;
	latency->count++;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
	return 0;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

uint64_t latency_percentile(struct latency *latency, unsigned percent)
{
	uint64_t rank = (latency->count * percent + 99) / 100, seen = 0, value;

	if (!latency->count)
		return 0;
	rank = rank ? rank : 1;
	if (!latency->buckets) {
		qsort(latency->samples, latency->count, sizeof(*latency->samples), compare);
		return latency->samples[rank - 1];
	}
	for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
		seen += latency->buckets[bucket];
		value = bucket_value(bucket);
		if (seen >= rank)
			return value < latency->max_ns ? value : latency->max_ns;
	}
	return latency->max_ns;
}

void latency_fini(struct latency *latency)
{
	free(latency->samples);
	free(latency->buckets);
	*latency = (struct latency){ 0 };
}
