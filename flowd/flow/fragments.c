/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/fragments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FRAGMENT_WAYS 8u
#define FRAGMENT_SETS (FLOW_FRAGMENTS / FRAGMENT_WAYS)

struct fragment_entry {
	struct flow_fragment_id id;
	struct flow_fragment first;
	uint64_t time_ns;
	bool used;
};

struct fragments {
	struct fragment_entry entries[FRAGMENT_SETS][FRAGMENT_WAYS];
};

struct fragments *fragments_open(void)
{
	return calloc(1, sizeof(struct fragments));
}

void fragments_close(struct fragments *fragments)
{
	free(fragments);
}

static struct fragment_entry *fragments_set(struct fragments *fragments,
					    const struct flow_fragment_id *id)
{
	uint64_t words[sizeof(*id) / 8], sum = 0;

	memcpy(words, id, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return fragments->entries[(sum >> 40) % FRAGMENT_SETS];
}

static struct fragment_entry *fragments_find(struct fragment_entry *set,
					     const struct flow_fragment_id *id)
{
	for (unsigned int i = 0; i < FRAGMENT_WAYS; i++)
		if (set[i].used && !memcmp(&set[i].id, id, sizeof(*id)))
			return &set[i];
	return NULL;
}

static struct fragment_entry *fragments_oldest(struct fragment_entry *set)
{
	struct fragment_entry *oldest = set;

	for (unsigned int i = 0; i < FRAGMENT_WAYS; i++) {
		if (!set[i].used)
			return &set[i];
		if (set[i].time_ns < oldest->time_ns)
			oldest = &set[i];
	}
	return oldest;
}

static bool fragment_is_fresh(const struct fragment_entry *entry, uint64_t time_ns)
{
	return time_ns < entry->time_ns ||
	       time_ns - entry->time_ns <= FLOW_FRAGMENT_TIMEOUT_S * UINT64_C(1000000000);
}

void fragments_join(struct fragments *fragments, struct packet *packet, uint64_t time_ns)
{
	struct flow_fragment_id id;
	struct fragment_entry *set, *entry;

	if (packet->fragment == PACKET_WHOLE)
		return;
	packet_fragment_id(packet, &id);
	set = fragments_set(fragments, &id);
	entry = fragments_find(set, &id);
	if (packet->fragment == PACKET_FRAGMENT_FIRST) {
		if (!entry)
			entry = fragments_oldest(set);
		entry->id = id;
		entry->used = true;
		entry->time_ns = time_ns;
		packet_fragment_first(packet, &entry->first);
		return;
	}
	packet_fragment_later(packet,
			      entry && fragment_is_fresh(entry, time_ns) ? &entry->first : NULL);
}
