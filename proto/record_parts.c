/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/record_parts.h"

#include <string.h>

static size_t names_size(const char *names)
{
	return names ? flow_names_size(names) : 0;
}

size_t record_parts_size(const struct flow_record *record)
{
	size_t size = record->dns ? record->dns->size : 0;

	size += names_size(record->source_names) + names_size(record->destination_names);
	return (size + 7) & ~(size_t)7;
}

static char *move(char *room, const char **part, size_t size)
{
	if (!*part)
		return room;
	*part = memcpy(room, *part, size);
	return room + size;
}

void record_parts_move(struct flow_record *record, void *room)
{
	char *at = room;

	if (record->dns) {
		record->dns = memcpy(at, record->dns, record->dns->size);
		at += record->dns->size;
	}
	at = move(at, &record->source_names, names_size(record->source_names));
	move(at, &record->destination_names, names_size(record->destination_names));
}

void record_parts_drop(struct flow_record *record)
{
	static const struct {
		struct flow_dns dns;
		char query[8];
	} nothing = { .dns = { .size = sizeof(nothing) } };

	if (record->dns)
		record->dns = &nothing.dns;
	record->source_names = record->destination_names = NULL;
}
