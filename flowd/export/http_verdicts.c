/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/http_verdicts.h"

#include <errno.h>
#include <stdlib.h>

void http_verdicts_fini(struct http_verdicts *verdicts)
{
	free(verdicts->list);
	free(verdicts->open);
	*verdicts = (struct http_verdicts){ 0 };
}

/* From *at on, which moves along. What is not known is open. */
static enum http_verdict find(const struct http_verdicts *verdicts, size_t *at,
			      const struct export_item *item)
{
	for (size_t i = *at; i < verdicts->count; i++) {
		if (verdicts->list[i].position != item->position ||
		    verdicts->list[i].epoch != item->epoch)
			continue;
		*at = i + 1;
		return verdicts->list[i].verdict;
	}
	return HTTP_OPEN;
}

int http_verdicts_open(struct http_verdicts *verdicts, const struct export_item *items,
		       size_t item_count, size_t *count)
{
	size_t at = 0;

	if (item_count > verdicts->open_room) {
		free(verdicts->open);
		verdicts->open = calloc(item_count, sizeof(*verdicts->open));
		verdicts->open_room = verdicts->open ? item_count : 0;
		if (!verdicts->open)
			return -ENOMEM;
	}
	*count = 0;
	for (size_t i = 0; i < item_count; i++) {
		if (!verdicts->count || find(verdicts, &at, &items[i]) == HTTP_OPEN)
			verdicts->open[(*count)++] = (uint32_t)i;
	}
	return 0;
}

size_t http_verdicts_arrived(const struct http_verdicts *verdicts, const struct export_item *items,
			     size_t item_count, enum http_verdict *next)
{
	size_t at = 0, arrived = 0;

	*next = HTTP_OPEN;
	while (arrived < item_count &&
	       (*next = find(verdicts, &at, &items[arrived])) == HTTP_ARRIVED)
		arrived++;
	return arrived;
}

int http_verdicts_take(struct http_verdicts *verdicts, const struct export_item *items,
		       size_t item_count, const enum http_verdict *said, size_t count)
{
	struct http_verdict_of *list = calloc(item_count + 1, sizeof(*list));
	size_t at = 0, next = 0, length = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < item_count; i++) {
		bool asked = next < count && verdicts->open[next] == i;
		enum http_verdict verdict = asked ? said[next++] : find(verdicts, &at, &items[i]);

		if (verdict != HTTP_OPEN)
			list[length++] = (struct http_verdict_of){ items[i].epoch,
								   items[i].position, verdict };
	}
	free(verdicts->list);
	verdicts->list = list;
	verdicts->count = length;
	return 0;
}
