/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/trouble/repeats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS 1024u

/* drops[0].packets of the record: what has come since it was told. */
struct repeat {
	bool used;
	struct flow_record record;
};

struct repeats {
	repeats_fn tell;
	void *context;
	uint32_t used;
	struct repeat *list[REPEATS];
};

int repeats_open(struct repeats **out, repeats_fn tell, void *context)
{
	struct repeats *repeats = calloc(1, sizeof(*repeats));

	if (!repeats)
		return -ENOMEM;
	repeats->tell = tell;
	repeats->context = context;
	*out = repeats;
	return 0;
}

void repeats_close(struct repeats *repeats)
{
	if (!repeats)
		return;
	for (uint32_t i = 0; i < REPEATS; i++)
		free(repeats->list[i]);
	free(repeats);
}

/* Reasons and sites are texts of one owner: their addresses tell them apart. */
static uint32_t repeat_hash(const struct flow_record *record)
{
	uint64_t words[5], sum = (uintptr_t)record->drops[0].reason ^
				 (uintptr_t)record->drops[0].site << 17 ^ record->incident.netns;

	memcpy(words, &record->key, sizeof(words));
	for (int i = 0; i < 5; i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(sum >> 40) % REPEATS;
}

static bool repeat_is(const struct repeat *repeat, const struct flow_record *record)
{
	return repeat && repeat->used &&
	       !memcmp(&repeat->record.key, &record->key, sizeof(record->key)) &&
	       repeat->record.drops[0].reason == record->drops[0].reason &&
	       repeat->record.drops[0].site == record->drops[0].site &&
	       repeat->record.incident.netns == record->incident.netns &&
	       repeat->record.incident.hook == record->incident.hook;
}

static void repeat_add(struct flow_drop *sum, const struct flow_drop *drop)
{
	if (!sum->packets)
		sum->first_ns = drop->first_ns;
	sum->packets += drop->packets;
	sum->last_ns = drop->last_ns;
}

static void repeat_begin(struct repeats *repeats, uint32_t slot, const struct flow_record *record)
{
	struct repeat *repeat = repeats->list[slot];

	if (repeat && repeat->used)
		return;
	if (!repeat)
		repeat = repeats->list[slot] = malloc(sizeof(*repeat));
	if (!repeat)
		return;
	repeat->used = true;
	repeat->record = *record;
	repeat->record.drops[0].packets = repeat->record.dropped = 0;
}

void repeats_take(struct repeats *repeats, const struct flow_record *record)
{
	uint32_t slot = repeat_hash(record);
	struct repeat *repeat = repeats->list[slot];

	if (repeat_is(repeat, record)) {
		repeat_add(&repeat->record.drops[0], &record->drops[0]);
		return;
	}
	repeats->tell(repeats->context, record);
	repeat_begin(repeats, slot, record);
}

/* What was quiet for an interval begins anew; so does one whose place another may want. */
void repeats_flush(struct repeats *repeats, uint64_t time_ns)
{
	for (uint32_t i = 0; i < REPEATS; i++) {
		struct repeat *repeat = repeats->list[i];
		struct flow_record *record = repeat ? &repeat->record : NULL;

		if (!repeat || !repeat->used)
			continue;
		repeat->used = record->drops[0].packets != 0;
		if (!repeat->used)
			continue;
		record->time_ns = time_ns;
		record->first_ns = record->drops[0].first_ns;
		record->last_ns = record->drops[0].last_ns;
		record->dropped = record->drops[0].packets;
		repeats->tell(repeats->context, record);
		record->drops[0].packets = record->dropped = 0;
	}
}
