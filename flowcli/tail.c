/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record_parts.h"

#define TAIL_GROWTH 1024

/* Texts of records repeat (node, interfaces): each is kept once. */
struct tail_text {
	struct tail_text *next;
	char text[];
};

struct tail {
	uint64_t limit, capacity, count;
	uint64_t oldest; /* index, once `count` has reached the limit */
	struct flow_record *records;
	void **parts; /* of each record, from malloc */
	struct tail_text *texts;
};

int tail_open(struct tail **out, uint64_t limit)
{
	struct tail *tail = calloc(1, sizeof(*tail));
	if (!tail)
		return -ENOMEM;
	tail->limit = limit;
	*out = tail;
	return 0;
}

void tail_close(struct tail *tail)
{
	if (!tail)
		return;
	while (tail->texts) {
		struct tail_text *text = tail->texts;
		tail->texts = text->next;
		free(text);
	}
	for (uint64_t i = 0; i < tail->count; i++)
		free(tail->parts[i]);
	free(tail->records);
	free(tail->parts);
	free(tail);
}

static int keep_text(struct tail *tail, const char **text)
{
	struct tail_text *kept = tail->texts;

	if (!*text)
		return 0;
	while (kept && strcmp(kept->text, *text))
		kept = kept->next;
	if (!kept) {
		kept = malloc(sizeof(*kept) + strlen(*text) + 1);
		if (!kept)
			return -ENOMEM;
		strcpy(kept->text, *text);
		kept->next = tail->texts;
		tail->texts = kept;
	}
	*text = kept->text;
	return 0;
}

static int grow(struct tail *tail)
{
	uint64_t capacity = tail->capacity * 2 + TAIL_GROWTH;
	struct flow_record *records = reallocarray(tail->records, capacity, sizeof(*records));
	void **parts;

	if (!records)
		return -ENOMEM;
	tail->records = records;
	parts = reallocarray(tail->parts, capacity, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	tail->parts = parts;
	tail->capacity = capacity;
	return 0;
}

/* Where the next record goes, in place of the oldest when there are enough. */
static int make_room(struct tail *tail, uint64_t *at)
{
	if (tail->count == tail->limit) {
		*at = tail->oldest;
		free(tail->parts[*at]);
		tail->oldest = (tail->oldest + 1) % tail->limit;
		return 0;
	}
	if (tail->count == tail->capacity && grow(tail))
		return -ENOMEM;
	*at = tail->count++;
	return 0;
}

static int keep_parts(struct flow_record *record, void **parts)
{
	size_t size = record_parts_size(record);

	*parts = NULL;
	if (!size)
		return 0;
	*parts = malloc(size);
	if (!*parts)
		return -ENOMEM;
	record_parts_move(record, *parts);
	return 0;
}

int tail_add(struct tail *tail, const struct flow_record *record)
{
	struct flow_record copy = *record;
	int error = keep_text(tail, &copy.node_name);
	void *parts = NULL;
	uint64_t at;

	for (int i = 0; i < copy.point_count && i < FLOW_POINTS && !error; i++)
		error = keep_text(tail, &copy.points[i].interface);
	if (!error)
		error = keep_parts(&copy, &parts);
	if (!error)
		error = make_room(tail, &at);
	if (error) {
		free(parts);
		return error;
	}
	tail->records[at] = copy;
	tail->parts[at] = parts;
	return 0;
}

void tail_each(const struct tail *tail, flow_record_fn visit, void *context)
{
	for (uint64_t i = 0; i < tail->count; i++)
		visit(context, &tail->records[(tail->oldest + i) % tail->count]);
}
