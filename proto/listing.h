/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A table of texts between daemon and terminal: what `flowcli list` and `flowcli scope` show. The
 * daemon adds row by row, the codec carries it, the CLI aligns it. An empty cell is not known.
 */
#ifndef PROTO_LISTING_H
#define PROTO_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#define LISTING_COLUMNS_MAX 16
#define LISTING_NAME_MAX    512 /* of an entry of the scope */

struct listing {
	const char *columns[LISTING_COLUMNS_MAX]; /* borrowed; lower case, as JSON keys */
	size_t column_count;
	const char **cells; /* row after row, never NULL */
	size_t row_count, capacity;
	const char *note; /* borrowed; may be NULL */
	bool failed;	  /* no memory at some time */
	bool owns;	  /* the cells; else somebody's arena has them */
};

/* Begins a table; `columns` ends with NULL. The listing must be zero. */
void listing_begin(struct listing *listing, const char *const *columns);
/* One more row: a text a column, copied; NULL: not known. */
void listing_add(struct listing *listing, const char *const *cells);
/* Rows in the order of their cells, the first column first. */
void listing_sort(struct listing *listing);
void listing_fini(struct listing *listing);

static inline const char *listing_cell(const struct listing *listing, size_t row, size_t column)
{
	return listing->cells[row * listing->column_count + column];
}

#endif
