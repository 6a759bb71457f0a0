/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bodies of posts, compressed as Content-Encoding names it. */
#ifndef EXPORT_HTTP_PACK_H
#define EXPORT_HTTP_PACK_H

#include "proto/buffer.h"

enum http_packing { HTTP_PACK_NONE, HTTP_PACK_GZIP, HTTP_PACK_ZSTD };
extern const char *const http_packings[]; /* their names, ended by NULL */

struct http_packer {
	enum http_packing packing;
	struct buffer packed;
	void *zstd;
};

/* 0 or -ENOMEM. */
int http_packer_init(struct http_packer *packer, enum http_packing packing);
void http_packer_fini(struct http_packer *packer);
/* *out is the body itself or the packer's, until the next call. 0, -ENOMEM or -EIO. */
int http_pack(struct http_packer *packer, const struct buffer *body, const struct buffer **out);

#endif
