/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/listing.h"

#include <stdlib.h>
#include <string.h>

void listing_begin(struct listing *listing, const char *const *columns)
{
	listing->owns = true;
	while (*columns && listing->column_count < LISTING_COLUMNS_MAX)
		listing->columns[listing->column_count++] = *columns++;
}

static bool listing_grow(struct listing *listing)
{
	size_t capacity = listing->capacity ? listing->capacity * 2 : 64;
	const char **grown =
		reallocarray(listing->cells, capacity * listing->column_count, sizeof(*grown));

	if (!grown)
		return false;
	listing->cells = grown;
	listing->capacity = capacity;
	return true;
}

static void listing_free_cells(const char *const *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((char *)(void *)(unsigned long)cells[i]);
}

void listing_add(struct listing *listing, const char *const *cells)
{
	size_t first = listing->row_count * listing->column_count;

	if (listing->row_count == listing->capacity && !listing_grow(listing)) {
		listing->failed = true;
		return;
	}
	for (size_t i = 0; i < listing->column_count; i++) {
		listing->cells[first + i] = strdup(cells[i] ? cells[i] : "");
		if (listing->cells[first + i])
			continue;
		listing_free_cells(&listing->cells[first], i);
		listing->failed = true;
		return;
	}
	listing->row_count++;
}

/* qsort_r() of the table's width. */
static int listing_order(const void *left, const void *right, void *count)
{
	const char *const *a = left, *const *b = right;
	int order = 0;

	for (size_t i = 0; i < *(size_t *)count && !order; i++)
		order = strcmp(a[i], b[i]);
	return order;
}

void listing_sort(struct listing *listing)
{
	if (listing->row_count)
		qsort_r(listing->cells, listing->row_count,
			listing->column_count * sizeof(*listing->cells), listing_order,
			&listing->column_count);
}

void listing_fini(struct listing *listing)
{
	if (listing->owns && listing->cells) {
		listing_free_cells(listing->cells, listing->row_count * listing->column_count);
		free(listing->cells);
	}
	*listing = (struct listing){ 0 };
}
