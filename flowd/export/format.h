/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records as bodies: Hubble's JSON, and the schemas of others by their tables (schema.h). A format
 * is opened with its mask and used by one thread. Bodies are one line without its newline, except
 * protobuf's.
 */
#ifndef EXPORT_FORMAT_H
#define EXPORT_FORMAT_H

#include "flowd/export/export_kind.h"

struct format;

/* Which record it is. */
struct format_id {
	char text[ITEM_ID_MAX];
	uint64_t epoch;
	uint64_t sequence; /* of the exporter's items in this epoch, from 1 without gaps */
};

/* `fields`: the mask, paths with commas, NULL = all. 0, -ENOMEM, or -EINVAL with the sentence. */
int format_open(struct format **out, enum export_format_id id, const char *fields,
		const char *node_name, char *why, size_t why_size);
/* Accepts NULL. */
void format_close(struct format *format);

/* Appends a body. 0 or -ENOMEM. */
int format_record(struct format *format, const struct flow_record *record,
		  const struct format_id *id, struct buffer *body);
/* The same for a loss; -ENOTSUP where the format has no such thing. */
int format_loss(struct format *format, const struct flow_loss *loss, const struct format_id *id,
		struct buffer *body);
const char *format_name(enum export_format_id id);

/* format_native.c. What the mask does not name is left out. */
struct format_mask {
	const char *path[64]; /* owned by the format */
	size_t count;	      /* 0 = everything */
};
size_t format_native_mask(char *line, size_t length, const struct format_mask *mask);
/* `path` is named by the mask, or something above it is. */
bool format_mask_has(const struct format_mask *mask, const char *path, size_t length);
/* Something below `path` is named. */
bool format_mask_below(const struct format_mask *mask, const char *path, size_t length);

#endif
