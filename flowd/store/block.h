/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A block of records, packed: bytes of equal place side by side, times as differences, then LZ4.
 * It knows the size of a record and which words are times, nothing else: a new field needs no
 * change here.
 */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "proto/flow_record.h"

#define BLOCK_RECORDS 256

/* Working memory of packing and unpacking; one serves any number of blocks. */
struct block_codec;
int block_codec_open(struct block_codec **out);
void block_codec_close(struct block_codec *codec);

/* Packs BLOCK_RECORDS records; `*data` is from malloc. 0 or -ENOMEM. */
int block_pack(struct block_codec *codec, const struct flow_record *records, uint8_t **data,
	       size_t *size);
/* 0 or -EBADMSG. */
int block_unpack(struct block_codec *codec, const uint8_t *data, size_t size,
		 struct flow_record *records);

#endif
