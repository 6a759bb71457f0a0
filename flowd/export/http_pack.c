/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/http_pack.h"

#include <errno.h>
#include <zlib.h>
#include <zstd.h>

const char *const http_packings[] = { "none", "gzip", "zstd", NULL };

int http_packer_init(struct http_packer *packer, enum http_packing packing)
{
	*packer = (struct http_packer){ .packing = packing };
	if (packing == HTTP_PACK_ZSTD)
		packer->zstd = ZSTD_createCCtx();
	return packing == HTTP_PACK_ZSTD && !packer->zstd ? -ENOMEM : 0;
}

void http_packer_fini(struct http_packer *packer)
{
	ZSTD_freeCCtx(packer->zstd);
	buffer_fini(&packer->packed);
}

static int pack_gzip(struct buffer *packed, const struct buffer *body)
{
	z_stream stream = { 0 };
	int result;

	if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	if (buffer_reserve(packed, deflateBound(&stream, body->size))) {
		deflateEnd(&stream);
		return -ENOMEM;
	}
	stream.next_in = body->data;
	stream.avail_in = (uInt)body->size;
	stream.next_out = packed->data;
	stream.avail_out = (uInt)packed->capacity;
	result = deflate(&stream, Z_FINISH);
	packed->size = stream.total_out;
	deflateEnd(&stream);
	return result == Z_STREAM_END ? 0 : -EIO;
}

static int pack_zstd(struct http_packer *packer, const struct buffer *body)
{
	size_t size;

	if (buffer_reserve(&packer->packed, ZSTD_compressBound(body->size)))
		return -ENOMEM;
	size = ZSTD_compressCCtx(packer->zstd, packer->packed.data, packer->packed.capacity,
				 body->data, body->size, 1);
	if (ZSTD_isError(size))
		return -EIO;
	packer->packed.size = size;
	return 0;
}

int http_pack(struct http_packer *packer, const struct buffer *body, const struct buffer **out)
{
	packer->packed.size = 0;
	*out = &packer->packed;
	switch (packer->packing) {
	case HTTP_PACK_GZIP:
		return pack_gzip(&packer->packed, body);
	case HTTP_PACK_ZSTD:
		return pack_zstd(packer, body);
	case HTTP_PACK_NONE:
		break;
	}
	*out = body;
	return 0;
}
