/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/store/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/store/block.h"
#include "flowd/store/parts.h"
#include "proto/record_parts.h"

/* Blocks besides the open one: readers at different places do not thrash. */
#define HISTORY_CACHE 4

/* Block b holds the positions b * BLOCK_RECORDS + 1 ... and lies in slot b % slot_count. */
struct history_block {
	uint8_t *data; /* NULL: still open, or forgotten */
	size_t size;
	uint64_t first_ns, last_ns; /* smallest and largest time_ns */
	struct parts parts;	    /* of its records */
};

struct history_cached {
	uint64_t block;
	uint64_t used; /* 0 = empty */
	struct flow_record records[BLOCK_RECORDS];
};

struct history {
	uint64_t capacity;
	uint64_t newest;
	uint64_t packed_bytes;
	uint64_t forgotten_ns; /* largest time that fell out */
	uint64_t forgotten;    /* positions up to here went before their time */
	uint64_t parts_bytes, parts_max;
	struct history_block *slots;
	uint64_t slot_count;
	struct block_codec *codec;
	uint64_t uses;
	struct history_cached *open; /* of the cache: to be filled; when it is full it stays there,
					where those who follow read it */
	struct history_cached cache[HISTORY_CACHE + 1];
};

int history_open(struct history **out, uint64_t capacity, uint64_t parts_max)
{
	struct history *history;

	if (!capacity)
		return -EINVAL;
	history = calloc(1, sizeof(*history));
	if (!history)
		return -ENOMEM;
	history->capacity = capacity;
	history->parts_max = parts_max;
	history->slot_count = capacity / BLOCK_RECORDS + 2;
	history->open = &history->cache[0];
	history->slots = calloc(history->slot_count, sizeof(*history->slots));
	if (!history->slots || block_codec_open(&history->codec)) {
		history_close(history);
		return -ENOMEM;
	}
	*out = history;
	return 0;
}

static void history_free_block(struct history_block *block)
{
	free(block->data);
	parts_fini(&block->parts);
}

void history_close(struct history *history)
{
	if (!history)
		return;
	for (uint64_t i = 0; history->slots && i < history->slot_count; i++)
		history_free_block(&history->slots[i]);
	free(history->slots);
	block_codec_close(history->codec);
	free(history);
}

static uint64_t history_block_of(uint64_t position)
{
	return (position - 1) / BLOCK_RECORDS;
}

static struct history_block *history_slot(struct history *history, uint64_t block)
{
	return &history->slots[block % history->slot_count];
}

static uint64_t history_oldest(const struct history *history)
{
	uint64_t oldest =
		history->newest > history->capacity ? history->newest - history->capacity + 1 : 1;

	return oldest > history->forgotten ? oldest : history->forgotten + 1;
}

static void history_drop(struct history *history, struct history_block *slot)
{
	if (slot->last_ns > history->forgotten_ns)
		history->forgotten_ns = slot->last_ns;
	history->packed_bytes -= slot->size;
	history->parts_bytes -= slot->parts.bytes;
	history_free_block(slot);
	*slot = (struct history_block){ 0 };
}

/* The longest unused; never the open one. */
static struct history_cached *history_cache_victim(struct history *history)
{
	struct history_cached *victim = NULL;

	for (size_t i = 0; i <= HISTORY_CACHE; i++) {
		struct history_cached *cached = &history->cache[i];

		if (cached != history->open && (!victim || cached->used < victim->used))
			victim = cached;
	}
	victim->used = 0;
	return victim;
}

static void history_seal(struct history *history, struct history_block *slot)
{
	struct history_cached *sealed = history->open;

	if (block_pack(history->codec, sealed->records, &slot->data, &slot->size)) {
		slot->data = NULL;
		slot->size = 0;
	}
	history->packed_bytes += slot->size;
	history->open = history_cache_victim(history);
	sealed->block = history_block_of(history->newest);
	sealed->used = ++history->uses;
}

static void history_keep_parts(struct history *history, struct history_block *slot,
			       struct flow_record *kept)
{
	size_t size = record_parts_size(kept), before = slot->parts.bytes;
	void *room;

	if (!size)
		return;
	room = parts_alloc(&slot->parts, size);
	history->parts_bytes += slot->parts.bytes - before;
	if (room)
		record_parts_move(kept, room);
	else
		record_parts_drop(kept);
}

/* The block at hand stays, whatever it takes. */
static void history_bound_parts(struct history *history)
{
	uint64_t block;

	while (history->parts_max && history->parts_bytes > history->parts_max) {
		block = history_block_of(history_oldest(history));
		if (block == history_block_of(history->newest))
			return;
		history_drop(history, history_slot(history, block));
		history->forgotten = (block + 1) * BLOCK_RECORDS;
	}
}

static void history_tidy_copy(struct flow_record *kept, const struct flow_record *record)
{
	*kept = *record;
	for (size_t i = record->point_count; i < FLOW_POINTS; i++)
		kept->points[i] = (struct flow_point){ 0 };
}

uint64_t history_append(struct history *history, const struct flow_record *record)
{
	size_t row = history->newest % BLOCK_RECORDS;
	struct flow_record *kept = &history->open->records[row];
	struct history_block *slot;

	history->newest++;
	slot = history_slot(history, history_block_of(history->newest));
	if (row == 0)
		history_drop(history, slot);
	history_tidy_copy(kept, record);
	history_keep_parts(history, slot, kept);
	kept->position = history->newest;
	if (row == 0 || kept->time_ns < slot->first_ns)
		slot->first_ns = kept->time_ns;
	if (kept->time_ns > slot->last_ns)
		slot->last_ns = kept->time_ns;
	if (row == BLOCK_RECORDS - 1)
		history_seal(history, slot);
	history_bound_parts(history);
	return history->newest;
}

/* The records of a block; NULL: forgotten for want of memory. */
static const struct flow_record *history_block_records(struct history *history, uint64_t block)
{
	struct history_block *slot = history_slot(history, block);
	struct history_cached *cached;

	if ((block + 1) * BLOCK_RECORDS > history->newest)
		return history->open->records;
	for (size_t i = 0; i <= HISTORY_CACHE; i++) {
		cached = &history->cache[i];
		if (cached->used && cached->block == block) {
			cached->used = ++history->uses;
			return cached->records;
		}
	}
	cached = history_cache_victim(history);
	if (!slot->data || block_unpack(history->codec, slot->data, slot->size, cached->records))
		return NULL;
	cached->block = block;
	cached->used = ++history->uses;
	return cached->records;
}

uint64_t history_newest(const struct history *history)
{
	return history->newest;
}

void history_stats(struct history *history, struct history_stats *stats)
{
	const struct flow_record *records;
	uint64_t oldest = history_oldest(history);

	*stats = (struct history_stats){ .newest = history->newest, .oldest = oldest };
	stats->count = history->newest + 1 - oldest;
	stats->bytes = history->packed_bytes + history->parts_bytes + sizeof(*history) +
		       history->slot_count * sizeof(*history->slots);
	if (!stats->count)
		return;
	records = history_block_records(history, history_block_of(oldest));
	stats->oldest_ns = records ? records[(oldest - 1) % BLOCK_RECORDS].time_ns
				   : history_slot(history, history_block_of(oldest))->first_ns;
}

static bool history_time_fits(const struct history_match *match, uint64_t first_ns,
			      uint64_t last_ns)
{
	return last_ns >= match->since_ns && (!match->until_ns || first_ns <= match->until_ns);
}

static bool history_matches(const struct history_match *match, const struct flow_record *record)
{
	return history_time_fits(match, record->time_ns, record->time_ns) &&
	       filter_match(match->filter, record);
}

static void history_missed(struct history_page *page, uint64_t records, uint64_t first_ns,
			   uint64_t last_ns)
{
	if (!page->missed)
		page->missed_first_ns = first_ns;
	page->missed += records;
	page->missed_last_ns = last_ns;
}

/* Looks at the records from page->position on up to `last`, all of one block. */
static void history_read_block(struct history *history, uint64_t last,
			       const struct history_match *match, struct history_page *page)
{
	uint64_t block = history_block_of(last);
	const struct history_block *slot = history_slot(history, block);
	const struct flow_record *records;

	if (!history_time_fits(match, slot->first_ns, slot->last_ns)) {
		page->position = last;
		return;
	}
	records = history_block_records(history, block);
	if (!records) {
		history_missed(page, last - page->position, slot->first_ns, slot->last_ns);
		page->position = last;
		return;
	}
	while (page->position < last && page->count < page->room) {
		const struct flow_record *record = &records[page->position % BLOCK_RECORDS];

		page->position++;
		if (history_matches(match, record))
			page->records[page->count++] = *record;
	}
}

/* The last position that shares a block with `first`. */
static uint64_t history_block_end(const struct history *history, uint64_t first)
{
	uint64_t end = (history_block_of(first) + 1) * BLOCK_RECORDS;

	return end < history->newest ? end : history->newest;
}

void history_read(struct history *history, uint64_t after, const struct history_match *match,
		  struct history_page *page)
{
	uint64_t oldest = history_oldest(history), start;

	page->count = 0;
	page->missed = page->missed_first_ns = page->missed_last_ns = 0;
	page->position = after < history->newest ? after : history->newest;
	if (page->position + 1 < oldest) {
		history_missed(page, oldest - 1 - page->position, 0, history->forgotten_ns);
		page->position = oldest - 1;
	}
	start = page->position;
	while (page->position < history->newest && page->count < page->room &&
	       page->position - start < HISTORY_SCAN_MAX)
		history_read_block(history, history_block_end(history, page->position + 1), match,
				   page);
	page->at_end = page->position == history->newest;
}

void history_walk_start(struct history *history, struct history_walk *walk, uint64_t wanted)
{
	walk->position = history->newest;
	walk->wanted = wanted;
}

/* Walks down to `first`, all of one block. */
static void history_walk_block(struct history *history, struct history_walk *walk, uint64_t first,
			       const struct history_match *match)
{
	uint64_t block = history_block_of(walk->position);
	const struct history_block *slot = history_slot(history, block);
	const struct flow_record *records = NULL;

	if (history_time_fits(match, slot->first_ns, slot->last_ns))
		records = history_block_records(history, block);
	if (!records) {
		walk->position = first - 1;
		return;
	}
	while (walk->position >= first && walk->wanted) {
		if (history_matches(match, &records[(walk->position - 1) % BLOCK_RECORDS]))
			walk->wanted--;
		walk->position--;
	}
}

bool history_walk_step(struct history *history, struct history_walk *walk,
		       const struct history_match *match)
{
	uint64_t oldest = history_oldest(history), looked = 0;

	while (walk->wanted && walk->position >= oldest && looked < HISTORY_SCAN_MAX) {
		uint64_t before = walk->position;
		uint64_t first = history_block_of(walk->position) * BLOCK_RECORDS + 1;

		history_walk_block(history, walk, first > oldest ? first : oldest, match);
		looked += before - walk->position;
	}
	if (walk->position < oldest - 1)
		walk->position = oldest - 1;
	return !walk->wanted || walk->position < oldest;
}
