/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finding and ordering what the DNS tables hold: links that live inside their elements, an index by
 * hash, and lists from the oldest to the newest. No memory but the index's buckets; no policy.
 */
#ifndef DNS_DNS_INDEX_H
#define DNS_DNS_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DNS_HOLDER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* ---- index ------------------------------------------------------------------------------------
 */

struct dns_link {
	struct dns_link *chain;
	struct dns_link **back; /* what points here: many may share a hash */
	uint64_t hash;
};

struct dns_index {
	struct dns_link **buckets;
	uint64_t mask;
};

/* For about `count` elements. 0 or -ENOMEM. */
int dns_index_init(struct dns_index *index, size_t count);
void dns_index_fini(struct dns_index *index);
void dns_index_add(struct dns_index *index, struct dns_link *link, uint64_t hash);
/* It must be in one. */
void dns_index_remove(struct dns_link *link);
/* Those with this hash, the latest added first; NULL at the end. */
struct dns_link *dns_index_first(const struct dns_index *index, uint64_t hash);
struct dns_link *dns_index_next(const struct dns_link *link);

/* ---- list -------------------------------------------------------------------------------------
 */

struct dns_item {
	struct dns_item *older, *newer;
};

struct dns_list {
	struct dns_item *oldest, *newest;
};

void dns_list_add(struct dns_list *list, struct dns_item *item);
/* It must be there. */
void dns_list_remove(struct dns_list *list, struct dns_item *item);

/* ---- hash -------------------------------------------------------------------------------------
 */

/* Keyed, so that nobody outside can aim at a bucket. */
uint64_t dns_hash(const uint64_t seed[2], const void *bytes, size_t size);

#endif
