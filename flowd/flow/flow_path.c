/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MIN 64u /* power of two, like every capacity */

static uint32_t path_hash(const struct flow_paths *paths, const struct flow_path *path)
{
	uint32_t word[sizeof(*path) / 4];
	size_t size = path->extra ? sizeof(*path) : offsetof(struct flow_path, outer);
	uint64_t sum = paths->seed[0];

	memcpy(word, path, size);
	for (size_t i = 0; i < size / sizeof(word[0]); i++) {
		sum = (sum ^ word[i]) * (paths->seed[1] | 1);
		sum ^= sum >> 32;
	}
	return (uint32_t)sum;
}

static bool path_equal(const struct flow_path *left, const struct flow_path *right)
{
	return memcmp(left, right, sizeof(*left)) == 0;
}

int flow_paths_init(struct flow_paths *paths, const uint64_t seed[2])
{
	memset(paths, 0, sizeof(*paths));
	memcpy(paths->seed, seed, sizeof(paths->seed));
	paths->entries = calloc(PATHS_MIN, sizeof(*paths->entries));
	paths->buckets = calloc(PATHS_MIN, sizeof(*paths->buckets));
	if (!paths->entries || !paths->buckets) {
		flow_paths_fini(paths);
		return -ENOMEM;
	}
	paths->entries[0].path.sampling = 1;
	paths->capacity = PATHS_MIN;
	paths->mask = PATHS_MIN - 1;
	paths->high = 1;
	return 0;
}

void flow_paths_fini(struct flow_paths *paths)
{
	free(paths->entries);
	free(paths->buckets);
	memset(paths, 0, sizeof(*paths));
}

static void bucket_add(struct flow_paths *paths, uint32_t number)
{
	struct flow_path_entry *entry = &paths->entries[number];
	uint32_t *bucket = &paths->buckets[path_hash(paths, &entry->path) & paths->mask];

	entry->next = *bucket;
	*bucket = number;
}

/* Only when no entry is free, so every number below `high` is in a bucket. */
static int paths_grow(struct flow_paths *paths)
{
	uint32_t capacity = paths->capacity * 2;
	struct flow_path_entry *entries;
	uint32_t *buckets;

	entries = realloc(paths->entries, capacity * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	paths->entries = entries;
	buckets = calloc(capacity, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(paths->buckets);
	paths->buckets = buckets;
	paths->capacity = capacity;
	paths->mask = capacity - 1;
	for (uint32_t number = 1; number < paths->high; number++)
		bucket_add(paths, number);
	return 0;
}

static uint32_t path_find(const struct flow_paths *paths, const struct flow_path *path)
{
	uint32_t number = paths->buckets[path_hash(paths, path) & paths->mask];

	while (number && !path_equal(&paths->entries[number].path, path))
		number = paths->entries[number].next;
	return number;
}

static uint32_t path_add(struct flow_paths *paths, const struct flow_path *path)
{
	uint32_t number = paths->free;

	if (number) {
		paths->free = paths->entries[number].next;
	} else {
		if (paths->high == paths->capacity && paths_grow(paths))
			return 0;
		number = paths->high++;
	}
	paths->entries[number].path = *path;
	paths->entries[number].users = 0;
	bucket_add(paths, number);
	return number;
}

uint32_t flow_paths_take(struct flow_paths *paths, const struct flow_path *path)
{
	uint32_t number = paths->recent;

	if (!number || !path_equal(&paths->entries[number].path, path)) {
		number = path_find(paths, path);
		if (!number)
			number = path_add(paths, path);
		paths->recent = number;
	}
	if (number)
		paths->entries[number].users++;
	return number;
}

static void path_free(struct flow_paths *paths, uint32_t number)
{
	struct flow_path_entry *entry = &paths->entries[number];
	uint32_t *link = &paths->buckets[path_hash(paths, &entry->path) & paths->mask];

	while (*link != number)
		link = &paths->entries[*link].next;
	*link = entry->next;
	entry->next = paths->free;
	paths->free = number;
	if (paths->recent == number)
		paths->recent = 0;
}

void flow_paths_put(struct flow_paths *paths, uint32_t number)
{
	if (number && --paths->entries[number].users == 0)
		path_free(paths, number);
}
