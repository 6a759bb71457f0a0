/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums by key: rows of a size that the user chooses, found by a text and zeroed when new. Rows stay
 * where they are. Bounded only by memory.
 */
#ifndef FLOWCLI_TALLY_H
#define FLOWCLI_TALLY_H

#include <stddef.h>

struct tally;
/* 0 or -ENOMEM. */
int tally_open(struct tally **out, size_t row_bytes);
/* Accepts NULL. */
void tally_close(struct tally *tally);
/* The row of `key`; NULL: no memory. */
void *tally_row(struct tally *tally, const char *key);
size_t tally_count(const struct tally *tally);
/* All rows in the order of `compare` (negative: the first stands before); NULL: no memory. The list
 * is of the tally, until the next call. */
void *const *tally_sorted(struct tally *tally, int (*compare)(const void *left, const void *right));
/* The key that a row was made with. */
const char *tally_key(const void *row);

#endif
