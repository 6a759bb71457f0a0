/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/tally.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TALLY_FIRST 256u /* slots, a power of two */

struct tally_entry {
	char *key;
	_Alignas(16) char row[];
};

struct tally {
	size_t row_bytes, count, slots;
	struct tally_entry **list;
	void **sorted;
};

int tally_open(struct tally **out, size_t row_bytes)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (tally)
		tally->list = calloc(TALLY_FIRST, sizeof(*tally->list));
	if (!tally || !tally->list) {
		free(tally);
		return -ENOMEM;
	}
	tally->row_bytes = row_bytes;
	tally->slots = TALLY_FIRST;
	*out = tally;
	return 0;
}

void tally_close(struct tally *tally)
{
	if (!tally)
		return;
	for (size_t i = 0; i < tally->slots; i++) {
		if (tally->list[i])
			free(tally->list[i]->key);
		free(tally->list[i]);
	}
	free(tally->list);
	free(tally->sorted);
	free(tally);
}

static size_t tally_hash(const char *key)
{
	uint64_t sum = 14695981039346656037ull; /* FNV-1a */

	for (; *key; key++)
		sum = (sum ^ (unsigned char)*key) * 1099511628211ull;
	return (size_t)(sum ^ sum >> 32);
}

/* The entry's slot, or the empty one where it belongs. */
static size_t tally_find(struct tally_entry *const *list, size_t slots, const char *key)
{
	size_t slot = tally_hash(key) & (slots - 1);

	while (list[slot] && strcmp(list[slot]->key, key))
		slot = (slot + 1) & (slots - 1);
	return slot;
}

static int tally_grow(struct tally *tally)
{
	size_t slots = tally->slots * 2;
	struct tally_entry **list = calloc(slots, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < tally->slots; i++)
		if (tally->list[i])
			list[tally_find(list, slots, tally->list[i]->key)] = tally->list[i];
	free(tally->list);
	tally->list = list;
	tally->slots = slots;
	return 0;
}

void *tally_row(struct tally *tally, const char *key)
{
	size_t slot = tally_find(tally->list, tally->slots, key);
	struct tally_entry *entry = tally->list[slot];

	if (entry)
		return entry->row;
	if (tally->count * 2 >= tally->slots) {
		if (tally_grow(tally))
			return NULL;
		slot = tally_find(tally->list, tally->slots, key);
	}
	entry = calloc(1, sizeof(*entry) + tally->row_bytes);
	if (!entry)
		return NULL;
	entry->key = strdup(key);
	if (!entry->key) {
		free(entry);
		return NULL;
	}
	tally->list[slot] = entry;
	tally->count++;
	return entry->row;
}

size_t tally_count(const struct tally *tally)
{
	return tally->count;
}

const char *tally_key(const void *row)
{
	const char *start = (const char *)row - offsetof(struct tally_entry, row);

	return ((const struct tally_entry *)(const void *)start)->key;
}

static int (*tally_compare)(const void *left, const void *right);

/* Equal rows in the order of their keys, so that the output is the same each time. */
static int tally_order(const void *left, const void *right)
{
	const void *a = *(void *const *)left, *b = *(void *const *)right;
	int order = tally_compare(a, b);

	return order ? order : strcmp(tally_key(a), tally_key(b));
}

void *const *tally_sorted(struct tally *tally, int (*compare)(const void *left, const void *right))
{
	void **sorted = realloc(tally->sorted, (tally->count + 1) * sizeof(*sorted));
	size_t count = 0;

	if (!sorted)
		return NULL;
	tally->sorted = sorted;
	for (size_t i = 0; i < tally->slots; i++)
		if (tally->list[i])
			sorted[count++] = tally->list[i]->row;
	tally_compare = compare;
	qsort(sorted, count, sizeof(*sorted), tally_order);
	return sorted;
}
