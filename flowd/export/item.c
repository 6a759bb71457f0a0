/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/item.h"

#include <errno.h>
#include <string.h>

#define ITEM_BODY_MAX (16u << 20)

struct item_head {
	uint32_t size;	/* of the body */
	uint32_t check; /* of all that follows */
	uint64_t epoch, position, time_ns, conversation;
	uint32_t type, pad;
};
_Static_assert(sizeof(struct item_head) == 48, "lies on disk");

static uint64_t item_add(uint64_t sum, const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 29;
}

/* Four sums side by side: each waits for its own multiplications only. */
static uint64_t item_sum(uint64_t sum, const uint8_t *data, size_t size)
{
	uint64_t lane[4] = { sum, ~sum, sum << 1, sum << 2 };

	for (; size >= sizeof(lane); data += sizeof(lane), size -= sizeof(lane)) {
		for (int i = 0; i < 4; i++)
			lane[i] = item_add(lane[i], data + i * sizeof(sum));
	}
	for (int i = 0; i < 4; i++)
		sum = item_add(sum, (const uint8_t *)&lane[i]);
	for (; size >= sizeof(sum); data += sizeof(sum), size -= sizeof(sum))
		sum = item_add(sum, data);
	for (; size; size--)
		sum = (sum ^ *data++) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 32;
}

/* Against torn and damaged files, not against anybody. */
static uint32_t item_check(const struct item_head *head, const uint8_t *body)
{
	size_t skip = offsetof(struct item_head, epoch);
	uint64_t sum = item_sum(head->size, (const uint8_t *)head + skip, sizeof(*head) - skip);

	return (uint32_t)item_sum(sum, body, head->size);
}

int item_begin(struct buffer *out)
{
	if (buffer_reserve(out, sizeof(struct item_head)))
		return -ENOMEM;
	out->size += sizeof(struct item_head);
	return 0;
}

void item_end(struct buffer *out, size_t start, const struct export_item *item, bool checked)
{
	struct item_head head = { .size = (uint32_t)(out->size - start - sizeof(head)),
				  .epoch = item->epoch,
				  .position = item->position,
				  .time_ns = item->time_ns,
				  .conversation = item->conversation,
				  .type = item->type };
	uint8_t *at = out->data + start;

	if (checked)
		head.check = item_check(&head, at + sizeof(head));
	memcpy(at, &head, sizeof(head));
}

static void item_fill(struct export_item *item, const struct item_head *head, const uint8_t *data)
{
	*item = (struct export_item){ .epoch = head->epoch,
				      .position = head->position,
				      .time_ns = head->time_ns,
				      .conversation = head->conversation,
				      .type = head->type,
				      .size = head->size,
				      .body = data + sizeof(*head) };
}

int64_t item_read(const uint8_t *data, size_t size, struct export_item *item)
{
	struct item_head head;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	if (head.size > ITEM_BODY_MAX)
		return -EBADMSG;
	if (size - sizeof(head) < head.size)
		return 0;
	if (head.check != item_check(&head, data + sizeof(head)))
		return -EBADMSG;
	item_fill(item, &head, data);
	return (int64_t)(sizeof(head) + head.size);
}

size_t item_view(const uint8_t *data, size_t size, struct export_item *item)
{
	struct item_head head;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	if (size - sizeof(head) < head.size)
		return 0;
	item_fill(item, &head, data);
	return sizeof(head) + head.size;
}

static uint64_t item_mix(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 32;
}

static char *item_hex(char *out, uint64_t number, int digits)
{
	static const char hex[] = "0123456789abcdef";

	while (digits--)
		*out++ = hex[number >> digits * 4 & 15];
	return out;
}

static void item_origin_set(struct item_origin *origin, const char *node_name, uint64_t epoch)
{
	uint64_t hash = epoch;
	char *text = origin->text;

	if (*text && origin->epoch == epoch)
		return;
	origin->epoch = epoch;
	for (; node_name && *node_name; node_name++)
		hash = item_mix(hash) + (unsigned char)*node_name;
	hash = item_mix(hash);
	text = item_hex(text, hash >> 32, 8);
	*text++ = '-';
	text = item_hex(text, hash >> 16, 4);
	*text++ = '-';
	*text++ = '8';
	text = item_hex(text, hash >> 4, 3);
	*text = '-';
}

void item_id(const char *node_name, uint64_t epoch, uint64_t position, char text[ITEM_ID_MAX])
{
	struct item_origin origin = { 0 };

	item_id_of(&origin, node_name, epoch, position, text);
}

void item_id_of(struct item_origin *origin, const char *node_name, uint64_t epoch,
		uint64_t position, char text[ITEM_ID_MAX])
{
	item_origin_set(origin, node_name, epoch);
	memcpy(text, origin->text, ITEM_ORIGIN);
	text += ITEM_ORIGIN;
	text = item_hex(text, 0x8000 | (position >> 48 & 0x3fff), 4);
	*text++ = '-';
	text = item_hex(text, position, 12);
	*text = 0;
}

#define KIND_TEXT(name, text) text,
static const char *const kind_texts[] = { FLOW_KINDS(KIND_TEXT) };
#define ITEM_WORD(name, word) word,
static const char *const item_words[] = { EXPORT_ITEMS(ITEM_WORD) };

enum export_item_type item_type_of(const struct flow_record *record)
{
	const char *kind = record->kind < FLOW_KIND_COUNT ? kind_texts[record->kind] : "";

	for (int type = 0; type < EXPORT_ITEM_COUNT; type++) {
		if (!strncmp(kind, item_words[type], strlen(item_words[type])))
			return (enum export_item_type)type;
	}
	return EXPORT_ITEM_FLOW;
}

const char *item_type_word(uint32_t type)
{
	return type < EXPORT_ITEM_COUNT ? item_words[type] : item_words[EXPORT_ITEM_FLOW];
}

uint64_t item_conversation(const struct flow_key *key)
{
	uint64_t source[2], destination[2];

	memcpy(source, key->src, sizeof(source));
	memcpy(destination, key->dst, sizeof(destination));
	source[0] = item_mix(source[0]) + item_mix(source[1] + key->src_port);
	destination[0] = item_mix(destination[0]) + item_mix(destination[1] + key->dst_port);
	return item_mix(source[0] + destination[0] + key->protocol);
}
