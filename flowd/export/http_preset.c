/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/http_preset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json_text.h"

#define NODE_MAX_BYTES 1536

bool http_is_refusal(int status)
{
	return status == 400 || status == 413 || status == 422;
}

static int append_text(struct buffer *body, const char *text)
{
	return buffer_append(body, text, strlen(text));
}

/* As a JSON string. Items are text without zero bytes. */
static int append_quoted(struct buffer *body, const uint8_t *text, size_t size)
{
	char *copy, *end;

	if (buffer_reserve(body, 6 * size + 8))
		return -ENOMEM;
	copy = strndup((const char *)text, size);
	if (!copy)
		return -ENOMEM;
	end = json_string((char *)body->data + body->size, copy, 6 * size);
	body->size = (size_t)(end - (char *)body->data);
	free(copy);
	return 0;
}

static int append_node(struct buffer *body, const char *node_name)
{
	return append_quoted(body, (const uint8_t *)node_name, strnlen(node_name, NODE_MAX_BYTES));
}

static int append_line(struct buffer *body, const struct export_item *item)
{
	int error = buffer_append(body, item->body, item->size);

	return error ? error : append_text(body, "\n");
}

static int lines_item(struct buffer *body, const struct export_item *item, const char *node_name,
		      size_t index)
{
	(void)node_name;
	(void)index;
	return append_line(body, item);
}

/* ---- Splunk: HTTP event collector -------------------------------------------------------------
 */

static int splunk_item(struct buffer *body, const struct export_item *item, const char *node_name,
		       size_t index)
{
	char head[64];
	int error;

	(void)index;
	snprintf(head, sizeof(head),
		 "{\"time\":%" PRIu64 ".%03" PRIu64 ",\"host\":", item->time_ns / 1000000000,
		 item->time_ns / 1000000 % 1000);
	error = append_text(body, head);
	if (!error)
		error = append_node(body, node_name);
	if (!error)
		error = append_text(body, ",\"source\":\"flowd\",\"sourcetype\":\"flowd:flow\","
					  "\"event\":");
	if (!error)
		error = buffer_append(body, item->body, item->size);
	return error ? error : append_text(body, "}\n");
}

/* ---- Elasticsearch, OpenSearch: bulk -----------------------------------------------------------
 */

/* "create" with our id: what comes twice is refused with 409 and is there. */
static int elastic_item(struct buffer *body, const struct export_item *item, const char *node_name,
			size_t index)
{
	char id[ITEM_ID_MAX], head[80];
	int error;

	(void)index;
	item_id(node_name, item->epoch, item->position, id);
	snprintf(head, sizeof(head), "{\"create\":{\"_id\":\"%s\"}}\n", id);
	error = append_text(body, head);
	return error ? error : append_line(body, item);
}

/* The value behind the next "key": from here on; NULL: there is none. */
static const char *value_of(const char *answer, const char *key)
{
	const char *at = strstr(answer, key);

	if (!at)
		return NULL;
	at += strlen(key);
	return at + strspn(at, " :\t\r\n");
}

/* Items are in the order of the request. 409: our id is there already. What was too much for now
 * stays open, like everything that a later attempt may have more luck with. */
static void elastic_judge(const char *answer, enum http_verdict *said, size_t count, int *status)
{
	const char *errors = value_of(answer, "\"errors\"");
	bool all = errors && *errors == 'f';

	for (size_t i = 0; i < count; i++) {
		int code = 200;

		said[i] = HTTP_OPEN;
		if (!all && answer)
			answer = value_of(answer, "\"status\"");
		if (!answer)
			continue;
		if (!all)
			code = atoi(answer);
		if ((code >= 200 && code <= 299) || code == 409)
			said[i] = HTTP_ARRIVED;
		else if (http_is_refusal(code))
			said[i] = HTTP_REFUSED;
		if (said[i] != HTTP_ARRIVED)
			*status = code;
	}
}

/* ---- Loki --------------------------------------------------------------------------------------
 */

static int loki_begin(struct buffer *body, const char *node_name)
{
	int error = append_text(body, "{\"streams\":[{\"stream\":{\"job\":\"flowd\",\"node\":");

	if (!error)
		error = append_node(body, node_name);
	return error ? error : append_text(body, "},\"values\":[");
}

static int loki_item(struct buffer *body, const struct export_item *item, const char *node_name,
		     size_t index)
{
	char head[40];
	int error;

	(void)node_name;
	snprintf(head, sizeof(head), "%s[\"%" PRIu64 "\",", index ? "," : "", item->time_ns);
	error = append_text(body, head);
	if (!error)
		error = append_quoted(body, item->body, item->size);
	return error ? error : append_text(body, "]");
}

static int loki_end(struct buffer *body)
{
	return append_text(body, "]}]}");
}

/* ---- OTLP/HTTP logs, JSON encoding -------------------------------------------------------------
 */

#define OTLP_TEXT(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":" value "}}"

static int otlp_begin(struct buffer *body, const char *node_name)
{
	int error =
		append_text(body, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[" OTLP_TEXT(
					  "service.name", "\"flowd\"") ",{\"key\":\"host.name\","
								       "\"value\":{"
								       "\"stringValue\":");

	if (!error)
		error = append_node(body, node_name);
	return error ? error
		     : append_text(body, "}}]},\"scopeLogs\":[{\"scope\":{\"name\":\"flowd\","
					 "\"version\":\"" FLOWD_VERSION "\"},\"logRecords\":[");
}

/* severityNumber 9 is INFO, 13 WARN. */
static int otlp_item(struct buffer *body, const struct export_item *item, const char *node_name,
		     size_t index)
{
	bool warn = item->type == EXPORT_ITEM_DROP || item->type == EXPORT_ITEM_LOSS;
	char id[ITEM_ID_MAX], text[192];
	int error;

	item_id(node_name, item->epoch, item->position, id);
	snprintf(text, sizeof(text),
		 "%s{\"timeUnixNano\":\"%" PRIu64
		 "\",\"severityNumber\":%d,\"severityText\":\"%s\","
		 "\"body\":{\"stringValue\":",
		 index ? "," : "", item->time_ns, warn ? 13 : 9, warn ? "WARN" : "INFO");
	error = append_text(body, text);
	if (!error)
		error = append_quoted(body, item->body, item->size);
	snprintf(text, sizeof(text),
		 "},\"attributes\":[" OTLP_TEXT("log.record.uid", "\"%s\"") "]}", id);
	return error ? error : append_text(body, text);
}

static int otlp_end(struct buffer *body)
{
	return append_text(body, "]}]}]}");
}

const struct http_preset http_presets[HTTP_PRESET_COUNT] = {
	[HTTP_PRESET_LINES] = { EXPORT_FORMAT_NATIVE, "application/x-ndjson", NULL, "Bearer",
				.item = lines_item },
	[HTTP_PRESET_CLICKHOUSE] = { EXPORT_FORMAT_FLAT, "application/x-ndjson",
				     "/?input_format_skip_unknown_fields=1&query=", "Bearer",
				     .item = lines_item },
	[HTTP_PRESET_SPLUNK] = { EXPORT_FORMAT_NATIVE, "application/json",
				 "/services/collector/event", "Splunk", .item = splunk_item },
	[HTTP_PRESET_ELASTIC] = { EXPORT_FORMAT_ECS, "application/x-ndjson", "/_bulk", "ApiKey",
				  .item = elastic_item, .judge = elastic_judge },
	[HTTP_PRESET_LOKI] = { EXPORT_FORMAT_NATIVE, "application/json", "/loki/api/v1/push",
			       "Bearer", loki_begin, loki_item, loki_end },
	[HTTP_PRESET_OTLP] = { EXPORT_FORMAT_NATIVE, "application/json", "/v1/logs", "Bearer",
			       otlp_begin, otlp_item, otlp_end,
			       .rejected = "\"rejectedLogRecords\"" },
};

int http_preset_url(const struct http_preset *preset, const char *url, const char *table,
		    const char *index, char **out)
{
	const char *path = preset->path ? preset->path : "";
	size_t length = strlen(url);
	int made;

	while (*path && length && url[length - 1] == '/')
		length--;
	if (preset == &http_presets[HTTP_PRESET_CLICKHOUSE])
		made = asprintf(out, "%.*s%sINSERT%%20INTO%%20%s%%20FORMAT%%20JSONEachRow",
				(int)length, url, path, table);
	else if (preset == &http_presets[HTTP_PRESET_ELASTIC])
		made = asprintf(out, "%.*s/%s%s", (int)length, url, index, path);
	else
		made = asprintf(out, "%.*s%s", (int)length, url, path);
	return made < 0 ? -ENOMEM : 0;
}

int http_preset_body(const struct http_preset *preset, const char *node_name,
		     const struct export_item *items, const uint32_t *chosen, size_t count,
		     struct buffer *body)
{
	int error = 0;

	body->size = 0;
	if (preset->begin)
		error = preset->begin(body, node_name);
	for (size_t i = 0; i < count && !error; i++)
		error = preset->item(body, &items[chosen ? chosen[i] : i], node_name, i);
	if (!error && preset->end)
		error = preset->end(body);
	return error;
}
