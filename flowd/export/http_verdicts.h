/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a receiver that judges each item by itself said of them, kept until the exporter has taken
 * them off: so only those are posted again that failed. Items are asked about in their order.
 */
#ifndef EXPORT_HTTP_VERDICTS_H
#define EXPORT_HTTP_VERDICTS_H

#include <stdbool.h>

#include "flowd/export/item.h"

enum http_verdict { HTTP_OPEN, HTTP_ARRIVED, HTTP_REFUSED };

struct http_verdict_of {
	uint64_t epoch, position;
	enum http_verdict verdict;
};

struct http_verdicts {
	struct http_verdict_of *list; /* in the items' order; only those that are not open */
	size_t count;
	uint32_t *open; /* http_verdicts_open(): indices */
	size_t open_room;
};

void http_verdicts_fini(struct http_verdicts *verdicts);
/* Of the items, those that are open: indices in verdicts->open, their number in *count. 0, -ENOMEM.
 */
int http_verdicts_open(struct http_verdicts *verdicts, const struct export_item *items,
		       size_t item_count, size_t *count);
/* How many items, from the first, have arrived; *next is what was said of the one behind them. */
size_t http_verdicts_arrived(const struct http_verdicts *verdicts, const struct export_item *items,
			     size_t item_count, enum http_verdict *next);
/* What was said of the open ones of http_verdicts_open(): `said` in its order. 0 or -ENOMEM. */
int http_verdicts_take(struct http_verdicts *verdicts, const struct export_item *items,
		       size_t item_count, const enum http_verdict *said, size_t count);

#endif
