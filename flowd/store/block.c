/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/store/block.h"

#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (BLOCK_RECORDS * sizeof(struct flow_record))
#define BLOCK_WORDS (sizeof(struct flow_record) / sizeof(uint64_t))
/* The words before the key (position, flow_id, three times) change little from record to record. */
#define BLOCK_DELTA_WORDS (offsetof(struct flow_record, key) / sizeof(uint64_t))
_Static_assert(sizeof(struct flow_record) % sizeof(uint64_t) == 0, "records are whole words");

struct block_codec {
	uint64_t rows[BLOCK_RECORDS][BLOCK_WORDS];
	uint8_t columns[BLOCK_BYTES];
	char packed[LZ4_COMPRESSBOUND(BLOCK_BYTES)];
};

int block_codec_open(struct block_codec **out)
{
	*out = malloc(sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void block_codec_close(struct block_codec *codec)
{
	free(codec);
}

static void block_transpose(const uint8_t *in, uint8_t *out, size_t rows, size_t columns)
{
	for (size_t column = 0; column < columns; column++) {
		for (size_t row = 0; row < rows; row++)
			out[column * rows + row] = in[row * columns + column];
	}
}

/* Small differences of either sign become small numbers, so that their high bytes are all zero. */
static uint64_t block_zigzag(uint64_t difference)
{
	return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static uint64_t block_unzigzag(uint64_t code)
{
	return code >> 1 ^ -(code & 1);
}

int block_pack(struct block_codec *codec, const struct flow_record *records, uint8_t **data,
	       size_t *size)
{
	int length;

	memcpy(codec->rows, records, BLOCK_BYTES);
	for (size_t row = BLOCK_RECORDS - 1; row > 0; row--) {
		for (size_t word = 0; word < BLOCK_DELTA_WORDS; word++)
			codec->rows[row][word] =
				block_zigzag(codec->rows[row][word] - codec->rows[row - 1][word]);
	}
	block_transpose((const uint8_t *)codec->rows, codec->columns, BLOCK_RECORDS,
			sizeof(struct flow_record));
	length = LZ4_compress_default((const char *)codec->columns, codec->packed, BLOCK_BYTES,
				      sizeof(codec->packed));
	*data = length > 0 ? malloc((size_t)length) : NULL;
	if (!*data)
		return -ENOMEM;
	memcpy(*data, codec->packed, (size_t)length);
	*size = (size_t)length;
	return 0;
}

int block_unpack(struct block_codec *codec, const uint8_t *data, size_t size,
		 struct flow_record *records)
{
	int length = LZ4_decompress_safe((const char *)data, (char *)codec->columns, (int)size,
					 BLOCK_BYTES);

	if (length != (int)BLOCK_BYTES)
		return -EBADMSG;
	block_transpose(codec->columns, (uint8_t *)codec->rows, sizeof(struct flow_record),
			BLOCK_RECORDS);
	for (size_t row = 1; row < BLOCK_RECORDS; row++) {
		for (size_t word = 0; word < BLOCK_DELTA_WORDS; word++)
			codec->rows[row][word] =
				block_unzigzag(codec->rows[row][word]) + codec->rows[row - 1][word];
	}
	memcpy(records, codec->rows, BLOCK_BYTES);
	return 0;
}
