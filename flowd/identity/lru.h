/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A hash table of at most so many entries of one size, that gives up the longest unused one for a
 * new one. Entries begin with their key, have no padding in it, and do not move. Not thread-safe.
 */
#ifndef IDENTITY_LRU_H
#define IDENTITY_LRU_H

#include <stddef.h>
#include <stdint.h>

struct lru;
/* Called before an entry is given up; may be NULL. */
typedef void (*lru_drop_fn)(void *entry);
/* 0 or -ENOMEM. Memory is taken as entries are made. */
int lru_open(struct lru **out, size_t entry_size, size_t key_size, uint32_t most, lru_drop_fn drop);
void lru_close(struct lru *lru);
/* Finds it and makes it the latest used; NULL where there is none. */
void *lru_find(struct lru *lru, const void *key);
/* The same, or a new one with its key filled in and zeros behind; NULL: no memory. */
void *lru_make(struct lru *lru, const void *key);
/* Forgets the entry. */
void lru_remove(struct lru *lru, void *entry);
typedef void (*lru_visit_fn)(void *context, void *entry);
/* From the latest used on; `visit` may remove the entry it is given. */
void lru_each(struct lru *lru, lru_visit_fn visit, void *context);
uint32_t lru_count(const struct lru *lru);
/* Entries given up so far because there was no room. */
uint64_t lru_dropped(const struct lru *lru);

#endif
