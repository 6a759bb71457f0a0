/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_index.h"

#include <errno.h>
#include <stdlib.h>

int dns_index_init(struct dns_index *index, size_t count)
{
	uint64_t buckets = 64;

	while (buckets < count)
		buckets *= 2;
	index->buckets = calloc(buckets, sizeof(*index->buckets));
	index->mask = buckets - 1;
	return index->buckets ? 0 : -ENOMEM;
}

void dns_index_fini(struct dns_index *index)
{
	free(index->buckets);
	index->buckets = NULL;
}

void dns_index_add(struct dns_index *index, struct dns_link *link, uint64_t hash)
{
	struct dns_link **bucket = &index->buckets[hash & index->mask];

	link->hash = hash;
	link->chain = *bucket;
	link->back = bucket;
	if (link->chain)
		link->chain->back = &link->chain;
	*bucket = link;
}

void dns_index_remove(struct dns_link *link)
{
	*link->back = link->chain;
	if (link->chain)
		link->chain->back = link->back;
}

static struct dns_link *same_hash(struct dns_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->chain;
	return link;
}

struct dns_link *dns_index_first(const struct dns_index *index, uint64_t hash)
{
	return same_hash(index->buckets[hash & index->mask], hash);
}

struct dns_link *dns_index_next(const struct dns_link *link)
{
	return same_hash(link->chain, link->hash);
}

void dns_list_add(struct dns_list *list, struct dns_item *item)
{
	item->newer = NULL;
	item->older = list->newest;
	if (list->newest)
		list->newest->newer = item;
	else
		list->oldest = item;
	list->newest = item;
}

void dns_list_remove(struct dns_list *list, struct dns_item *item)
{
	if (item->older)
		item->older->newer = item->newer;
	else
		list->oldest = item->newer;
	if (item->newer)
		item->newer->older = item->older;
	else
		list->newest = item->older;
}

static uint64_t mix(uint64_t left, uint64_t right)
{
	unsigned __int128 product = (unsigned __int128)left * right;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t dns_hash(const uint64_t seed[2], const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t sum = seed[0] ^ size, word;

	for (; size >= 8; at += 8, size -= 8) {
		memcpy(&word, at, 8);
		sum = mix(sum ^ word, seed[1] | 1);
	}
	word = 0;
	memcpy(&word, at, size);
	sum = mix(sum ^ word, seed[1] | 1);
	return mix(sum, 0x9e3779b97f4a7c15ull);
}
