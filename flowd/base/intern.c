/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/base/intern.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INTERN_BUCKETS 1024 /* names of devices: hundreds, not millions */

struct intern_name {
	struct intern_name *next;
	char text[];
};

struct intern {
	struct intern_name *buckets[INTERN_BUCKETS];
};

int intern_open(struct intern **out)
{
	struct intern *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	*out = pool;
	return 0;
}

void intern_close(struct intern *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < INTERN_BUCKETS; i++) {
		while (pool->buckets[i]) {
			struct intern_name *name = pool->buckets[i];

			pool->buckets[i] = name->next;
			free(name);
		}
	}
	free(pool);
}

static size_t intern_bucket(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return hash % INTERN_BUCKETS;
}

const char *intern_find(const struct intern *pool, const char *text)
{
	const struct intern_name *name = pool->buckets[intern_bucket(text)];

	while (name && strcmp(name->text, text))
		name = name->next;
	return name ? name->text : NULL;
}

const char *intern_text(struct intern *pool, const char *text)
{
	struct intern_name **bucket, *name;

	if (!text)
		return NULL;
	bucket = &pool->buckets[intern_bucket(text)];
	for (name = *bucket; name; name = name->next) {
		if (!strcmp(name->text, text))
			return name->text;
	}
	name = malloc(sizeof(*name) + strlen(text) + 1);
	if (!name)
		return NULL;
	strcpy(name->text, text);
	name->next = *bucket;
	*bucket = name;
	return name->text;
}
