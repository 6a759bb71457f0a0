/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/pcapng_write.h"

#include <errno.h>
#include <string.h>

#define BLOCK_SECTION	0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET	6u
#define BYTE_ORDER_MARK 0x1a2b3c4du

#define OPTION_COMMENT	   1
#define OPTION_APPLICATION 4 /* of a section */
#define OPTION_NAME	   2 /* of an interface */
#define OPTION_RESOLUTION  9
#define RESOLUTION_NS	   9 /* 10^-9 s */
#define COMMENT_MAX_BYTES  2000

/* A block is collected, because its length stands before and behind it. */
struct block {
	uint32_t size;
	uint8_t bytes[70000 + COMMENT_MAX_BYTES];
};

static void block_add(struct block *block, const void *bytes, uint32_t size)
{
	uint32_t padded = (size + 3) & ~3u;

	if (block->size + padded + 8 > sizeof(block->bytes))
		return;
	memcpy(block->bytes + block->size, bytes, size);
	memset(block->bytes + block->size + size, 0, padded - size);
	block->size += padded;
}

static void block_u32(struct block *block, uint32_t value)
{
	block_add(block, &value, sizeof(value));
}

static void block_begin(struct block *block, uint32_t type)
{
	block->size = 0;
	block_u32(block, type);
	block_u32(block, 0); /* its length, set at the end */
}

static void block_option(struct block *block, uint16_t code, const void *value, uint16_t size)
{
	const uint16_t head[2] = { code, size };

	block_add(block, head, sizeof(head));
	block_add(block, value, size);
}

static void block_text(struct block *block, uint16_t code, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length)
		block_option(block, code, text,
			     (uint16_t)(length < COMMENT_MAX_BYTES ? length : COMMENT_MAX_BYTES));
}

static long block_end(struct block *block, FILE *stream)
{
	uint32_t length = block->size + 4;

	memcpy(block->bytes + 4, &length, sizeof(length));
	block_u32(block, length);
	return fwrite(block->bytes, 1, block->size, stream) == block->size ? (long)block->size
									   : -EIO;
}

long pcapng_write_start(FILE *stream, const struct pcapng_interface *interface)
{
	static struct block block;
	const uint16_t version[2] = { 1, 0 }, link[2] = { interface->link, 0 };
	const uint32_t unknown[2] = { UINT32_MAX, UINT32_MAX }; /* length of the section */
	const uint8_t resolution = RESOLUTION_NS;
	long section, description;

	block_begin(&block, BLOCK_SECTION);
	block_u32(&block, BYTE_ORDER_MARK);
	block_add(&block, version, sizeof(version));
	block_add(&block, unknown, sizeof(unknown));
	block_text(&block, OPTION_APPLICATION, "flowcli " FLOWD_VERSION);
	block_u32(&block, 0);
	section = block_end(&block, stream);
	block_begin(&block, BLOCK_INTERFACE);
	block_add(&block, link, sizeof(link));
	block_u32(&block, interface->snaplen);
	block_text(&block, OPTION_NAME, interface->name);
	block_option(&block, OPTION_RESOLUTION, &resolution, sizeof(resolution));
	block_u32(&block, 0);
	description = block_end(&block, stream);
	return section < 0 || description < 0 ? -EIO : section + description;
}

long pcapng_write_packet(FILE *stream, uint64_t time_ns, const uint8_t *data, uint32_t captured,
			 uint32_t original, const char *comment)
{
	static struct block block;

	block_begin(&block, BLOCK_PACKET);
	block_u32(&block, 0); /* the interface */
	block_u32(&block, (uint32_t)(time_ns >> 32));
	block_u32(&block, (uint32_t)time_ns);
	block_u32(&block, captured);
	block_u32(&block, original);
	block_add(&block, data, captured);
	block_text(&block, OPTION_COMMENT, comment);
	if (comment && *comment)
		block_u32(&block, 0);
	return block_end(&block, stream);
}
