/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/item.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define ITEM_BODY_MAX (16u << 20)

struct item_head {
	uint32_t size; /* of the body */
	uint32_t crc;  /* of all that follows */
	uint64_t epoch, position, time_ns, conversation;
	uint32_t type, pad;
};
_Static_assert(sizeof(struct item_head) == 48, "lies on disk");

static uint32_t item_crc(const struct item_head *head, const uint8_t *body)
{
	size_t skip = offsetof(struct item_head, epoch);
	uLong crc = crc32_z(0, (const Bytef *)head + skip, sizeof(*head) - skip);

	return (uint32_t)crc32_z(crc, body, head->size);
}

int item_append(struct buffer *out, const struct export_item *item)
{
	struct item_head head = { .size = item->size,
				  .epoch = item->epoch,
				  .position = item->position,
				  .time_ns = item->time_ns,
				  .conversation = item->conversation,
				  .type = item->type };

	if (buffer_reserve(out, sizeof(head) + item->size))
		return -ENOMEM;
	head.crc = item_crc(&head, item->body);
	memcpy(out->data + out->size, &head, sizeof(head));
	memcpy(out->data + out->size + sizeof(head), item->body, item->size);
	out->size += sizeof(head) + item->size;
	return 0;
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
	if (head.crc != item_crc(&head, data + sizeof(head)))
		return -EBADMSG;
	*item = (struct export_item){ .epoch = head.epoch,
				      .position = head.position,
				      .time_ns = head.time_ns,
				      .conversation = head.conversation,
				      .type = head.type,
				      .size = head.size,
				      .body = data + sizeof(head) };
	return (int64_t)(sizeof(head) + head.size);
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

void item_id(const char *node_name, uint64_t epoch, uint64_t position, char text[ITEM_ID_MAX])
{
	uint64_t origin = epoch;

	for (; node_name && *node_name; node_name++)
		origin = item_mix(origin) + (unsigned char)*node_name;
	origin = item_mix(origin);
	text = item_hex(text, origin >> 32, 8);
	*text++ = '-';
	text = item_hex(text, origin >> 16, 4);
	*text++ = '-';
	*text++ = '8';
	text = item_hex(text, origin >> 4, 3);
	*text++ = '-';
	text = item_hex(text, 0x8000 | (position >> 48 & 0x3fff), 4);
	*text++ = '-';
	text = item_hex(text, position, 12);
	*text = 0;
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
