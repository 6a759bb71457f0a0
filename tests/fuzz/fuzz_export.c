/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What exporters and metrics read from outside: a spool's bytes, a bulk's answer, a filter's line,
 * handlers of metrics, addresses, names that become labels. The first byte chooses. */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/http_preset.h"
#include "flowd/export/item.h"
#include "flowd/export/stream.h"
#include "flowd/metrics/flow_metrics.h"
#include "flowd/metrics/otlp_metrics.h"
#include "flowd/metrics/series.h"
#include "proto/filter_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_items(const uint8_t *data, size_t size)
{
	struct export_item item;
	int64_t length;

	for (size_t at = 0; at < size; at += (size_t)length) {
		length = item_read(data + at, size - at, &item);
		if (length <= 0)
			return;
		if ((size_t)length > size - at || item.body + item.size > data + size)
			abort();
	}
}

static void read_answer(const char *text)
{
	enum http_verdict said[10];
	int status = 200;

	http_presets[HTTP_PRESET_ELASTIC].judge(text, said, 10, &status);
	for (int i = 0; i < 10; i++)
		if (said[i] > HTTP_REFUSED)
			abort();
}

static void read_filter(const char *text)
{
	struct filter *filter = NULL;
	char why[512] = "";
	int error = filter_line_parse(text, &filter, why, sizeof(why));

	if (error && !*why)
		abort();
	if (!error)
		filter_free(filter);
}

static void read_words(const char *text)
{
	struct stream_address address;
	char why[512] = "";

	if (flow_metrics_check(text, why, sizeof(why)) && !*why)
		abort();
	*why = 0;
	if (stream_parse(text, "514", &address, why, sizeof(why)) && !*why)
		abort();
}

static int read_body(void *context, const struct buffer *body)
{
	struct json_object *object = NULL;
	struct json_tokener *tokener = json_tokener_new();

	(void)context;
	if (tokener)
		object = json_tokener_parse_ex(tokener, (const char *)body->data, (int)body->size);
	if (tokener && !object)
		abort();
	json_object_put(object);
	json_tokener_free(tokener);
	return 0;
}

/* A label of any bytes, on the page and pushed. */
static void read_label(const char *text)
{
	static const struct series_about about = {
		.name = "a_total", .help = "A", .labels = { "b", "c" }, .limit = 2
	};
	const struct otlp_options options = { .node_name = text, .emit = read_body };
	const char *values[] = { text, "d" };
	struct series_family *family;
	struct buffer page = { 0 };

	if (series_open(&family, &about))
		return;
	series_add(family, values, 1, 0);
	if (!series_write(family, false, 0, &page) && !buffer_append(&page, "", 1))
		otlp_metrics((const char *)page.data, &options);
	buffer_fini(&page);
	series_close(family);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	switch (data[0] % 5) {
	case 0:
		read_items(data + 1, size - 1);
		break;
	case 1:
		read_answer(text);
		break;
	case 2:
		read_filter(text);
		break;
	case 3:
		read_words(text);
		break;
	case 4:
		read_label(text);
		break;
	}
	free(text);
	return 0;
}
