/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What waits to be sent: a record made ready, and who it is. Items lie one behind the other in
 * memory and on disk alike, each with its length and checksum, so that a torn end is seen.
 */
#ifndef EXPORT_ITEM_H
#define EXPORT_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/flow_record.h"

/* type, X(NAME, word): what an item is about; a record's is the beginning of its kind's name */
#define EXPORT_ITEMS(X)       \
	X(FLOW, "flow")       \
	X(LOSS, "loss")       \
	X(SUMMARY, "summary") \
	X(DROP, "drop")       \
	X(DNS, "dns")         \
	X(TCP, "tcp")
#define EXPORT_ITEM_ENUM(name, word) EXPORT_ITEM_##name,
enum export_item_type { EXPORT_ITEMS(EXPORT_ITEM_ENUM) EXPORT_ITEM_COUNT };

struct export_item {
	uint64_t epoch; /* with position: the same whenever and however often it is sent */
	uint64_t position;
	uint64_t time_ns;
	uint64_t conversation; /* the same for both directions */
	uint32_t type;	       /* enum export_item_type, or the kind's own from 16 on */
	uint32_t size;
	const uint8_t *body;
};

#define ITEM_ID_MAX 37 /* text and NUL */
#define ITEM_ORIGIN 19 /* of it: the part that node and epoch make */

/* An item is written where it will lie: item_begin() makes room for its head (0 or -ENOMEM), then
 * its body is appended, then item_end() fills in the head, which is at `start`; item->size and
 * item->body are not looked at. `checked`: with a checksum, for the disk. */
int item_begin(struct buffer *out);
void item_end(struct buffer *out, size_t start, const struct export_item *item, bool checked);
/* The item at `data`; its body points there. Bytes it takes, 0 when it is not all there, or
 * -EBADMSG. */
int64_t item_read(const uint8_t *data, size_t size, struct export_item *item);

/* The same without looking at the checksum, for what never left memory. */
size_t item_view(const uint8_t *data, size_t size, struct export_item *item);

/* The id as a UUID (RFC 9562, version 8) of node, epoch and position. */
void item_id(const char *node_name, uint64_t epoch, uint64_t position, char text[ITEM_ID_MAX]);

/* What the ids of one node and epoch have in common; zeros to begin with. */
struct item_origin {
	uint64_t epoch;
	char text[ITEM_ORIGIN];
};
/* The same for many items of always the same node: the origin keeps what need not be made again. */
void item_id_of(struct item_origin *origin, const char *node_name, uint64_t epoch,
		uint64_t position, char text[ITEM_ID_MAX]);
enum export_item_type item_type_of(const struct flow_record *record);
const char *item_type_word(uint32_t type);
uint64_t item_conversation(const struct flow_key *key);

#endif
