/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_notes.h"

#include <errno.h>
#include <stdlib.h>

#define NOTES_MIN 64u /* power of two, like every capacity */

void flow_notes_init(struct flow_notes *notes, uint32_t max)
{
	*notes = (struct flow_notes){ .max = max, .high = 1 };
}

void flow_notes_fini(struct flow_notes *notes)
{
	for (uint32_t number = 1; number < notes->high; number++)
		free(notes->notes[number].trouble);
	free(notes->notes);
	free(notes->buckets);
	*notes = (struct flow_notes){ 0 };
}

/* Ids are given in sequence: their low bits spread by themselves. */
static uint32_t *bucket_of(const struct flow_notes *notes, uint64_t flow_id)
{
	return &notes->buckets[flow_id & notes->mask];
}

static void bucket_add(struct flow_notes *notes, uint32_t number)
{
	uint32_t *bucket = bucket_of(notes, notes->notes[number].flow_id);

	notes->notes[number].next = *bucket;
	*bucket = number;
}

/* Only when no entry is free, so every number below `high` is in a bucket. */
static int notes_grow(struct flow_notes *notes)
{
	uint32_t capacity = notes->capacity ? notes->capacity * 2 : NOTES_MIN;
	struct flow_note *more = realloc(notes->notes, capacity * sizeof(*more));
	uint32_t *buckets;

	if (!more)
		return -ENOMEM;
	notes->notes = more;
	buckets = calloc(capacity, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(notes->buckets);
	notes->buckets = buckets;
	notes->capacity = capacity;
	notes->mask = capacity - 1;
	for (uint32_t number = 1; number < notes->high; number++)
		bucket_add(notes, number);
	return 0;
}

struct flow_note *flow_notes_find(const struct flow_notes *notes, uint64_t flow_id)
{
	uint32_t number;

	if (!notes->buckets)
		return NULL;
	number = *bucket_of(notes, flow_id);
	while (number && notes->notes[number].flow_id != flow_id)
		number = notes->notes[number].next;
	return number ? &notes->notes[number] : NULL;
}

struct flow_note *flow_notes_add(struct flow_notes *notes, uint64_t flow_id)
{
	uint32_t number = notes->free;

	if (number) {
		notes->free = notes->notes[number].next;
	} else {
		if (notes->high > notes->max ||
		    (notes->high >= notes->capacity && notes_grow(notes)))
			return NULL;
		number = notes->high++;
	}
	notes->notes[number] = (struct flow_note){ .flow_id = flow_id };
	bucket_add(notes, number);
	return &notes->notes[number];
}

void flow_notes_drop(struct flow_notes *notes, uint64_t flow_id)
{
	uint32_t *link = bucket_of(notes, flow_id), number;

	while (notes->notes[*link].flow_id != flow_id)
		link = &notes->notes[*link].next;
	number = *link;
	*link = notes->notes[number].next;
	free(notes->notes[number].trouble);
	notes->notes[number].trouble = NULL;
	notes->notes[number].next = notes->free;
	notes->free = number;
}
