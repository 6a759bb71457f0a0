/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Batches by HTTP POST. 2xx acknowledges; what the target calls malformed or too large (400, 413,
 * 422) is split until the guilty record is found and given up; everything else is tried again, not
 * before the time that Retry-After asks for. Of an answer that judges each item only those that
 * failed are posted again.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/http_pack.h"
#include "flowd/export/http_preset.h"

#define ANSWER_MAX (4u << 20)

struct http_settings {
	struct export_settings common;
	const char *url;
	uint64_t preset, packing, timeout;
	const char *token_file, *user, *password_file, *headers, *table, *index;
};

struct export_target {
	const struct http_settings *settings;
	const struct http_preset *preset;
	const char *node_name;
	char *url;
	CURL *curl;
	struct curl_slist *headers;
	char fault[CURL_ERROR_SIZE];
	struct buffer body, answer;
	struct http_packer packer;
	struct http_verdicts verdicts; /* of a receiver that judges each item */
	uint64_t not_before_ns, retry_after_s;
	size_t unwanted; /* records that were taken and thrown away */
};

#define AT(member)		offsetof(struct http_settings, member)
#define PRESET_TEXT(name, text) text,
static const char *const preset_names[] = { HTTP_PRESETS(PRESET_TEXT) NULL };
static const struct option rows[] = {
	{ "url", OPTION_TEXT, AT(url), 0, 0, NULL, NULL, false,
	  "where to post; presets add the path" },
	{ "preset", OPTION_NAME, AT(preset), 0, 0, "lines", preset_names, false,
	  "what the receiver expects" },
	{ "compression", OPTION_NAME, AT(packing), 0, 0, "gzip", http_packings, false,
	  "how bodies are compressed" },
	{ "timeout", OPTION_DURATION, AT(timeout), CLOCK_MS * 100, CLOCK_S * 300, "10s", NULL,
	  false, "longest time for one post" },
	{ "token_file", OPTION_PATH, AT(token_file), 0, 0, NULL, NULL, false,
	  "file with the token of the Authorization header" },
	{ "user", OPTION_TEXT, AT(user), 0, 0, NULL, NULL, false, "user name, with password_file" },
	{ "password_file", OPTION_PATH, AT(password_file), 0, 0, NULL, NULL, false,
	  "file with the user's password" },
	{ "headers", OPTION_TEXT, AT(headers), 0, 0, NULL, NULL, false,
	  "further headers, Name=value with commas" },
	{ "table", OPTION_TEXT, AT(table), 0, 0, "flows", NULL, false, "table of clickhouse" },
	{ "index", OPTION_TEXT, AT(index), 0, 0, "flowd", NULL, false, "index of elasticsearch" },
};

static enum export_format_id http_format(const struct export_settings *common)
{
	return http_presets[((const struct http_settings *)common)->preset].format;
}

static bool is_word(const char *text)
{
	for (; *text; text++) {
		if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
			return false;
	}
	return true;
}

static int http_check(const struct export_settings *common, char *why, size_t why_size)
{
	const struct http_settings *settings = (const struct http_settings *)common;
	const char *complaint = NULL;

	if (!settings->url ||
	    (strncmp(settings->url, "http://", 7) && strncmp(settings->url, "https://", 8)))
		complaint = "url: an address is needed; write http://HOST:PORT or "
			    "https://HOST:PORT";
	else if (!settings->user != !settings->password_file)
		complaint = "user and password_file belong together; give both";
	else if (!settings->table || !is_word(settings->table))
		complaint = "table: letters, digits, _ and . are expected; write flows";
	else if (!settings->index || !is_word(settings->index))
		complaint = "index: letters, digits, _, - and . are expected; write flowd";
	else if (common->interval && settings->preset == HTTP_PRESET_CLICKHOUSE)
		complaint = "interval: the table of clickhouse is for records; leave it out";
	else if (common->format == EXPORT_FORMAT_PROTOBUF)
		complaint = "format: http takes text; leave protobuf to kafka and nats";
	if (!complaint)
		return 0;
	snprintf(why, why_size, "%s", complaint);
	return -EINVAL;
}

/* ---- opening --------------------------------------------------------------------------------- */

static size_t http_take_answer(char *data, size_t one, size_t size, void *context)
{
	struct export_target *target = context;

	(void)one;
	if (target->answer.size + size < ANSWER_MAX)
		buffer_append(&target->answer, data, size);
	return size;
}

static size_t http_take_header(char *data, size_t one, size_t size, void *context)
{
	static const char name[] = "retry-after:";
	struct export_target *target = context;

	(void)one;
	if (size > sizeof(name) && !strncasecmp(data, name, sizeof(name) - 1)) {
		char *end;
		unsigned long seconds = strtoul(data + sizeof(name) - 1, &end, 10);

		target->retry_after_s = seconds > 3600 ? 3600 : seconds;
	}
	return size;
}

static int http_add_header(struct export_target *target, const char *name, const char *value)
{
	struct curl_slist *grown;
	char *line;

	if (asprintf(&line, "%s%s", name, value) < 0)
		return -ENOMEM;
	grown = curl_slist_append(target->headers, line);
	explicit_bzero(line, strlen(line));
	free(line);
	if (!grown)
		return -ENOMEM;
	target->headers = grown;
	return 0;
}

static int http_add_token(struct export_target *target, char *why, size_t why_size)
{
	char *token, name[64];
	int error;

	if (!target->settings->token_file)
		return 0;
	error = export_read_file(target->settings->token_file, &token, why, why_size);
	if (error)
		return error;
	snprintf(name, sizeof(name), "Authorization: %s ", target->preset->authorization);
	error = http_add_header(target, name, token);
	explicit_bzero(token, strlen(token));
	free(token);
	return error;
}

static int http_add_headers(struct export_target *target, char *why, size_t why_size)
{
	const char *item, *list = target->settings->headers;
	uint64_t packing = target->settings->packing;
	size_t length;
	int error = http_add_header(target, "Content-Type: ", target->preset->content_type);

	if (!error && packing != HTTP_PACK_NONE)
		error = http_add_header(target, "Content-Encoding: ", http_packings[packing]);
	if (!error)
		error = http_add_header(target, "Expect:", "");
	while (!error && (length = export_list_next(&list, &item))) {
		char header[1024], *equals;

		snprintf(header, sizeof(header), "%.*s", (int)length, item);
		equals = strchr(header, '=');
		if (equals)
			*equals = ':';
		error = http_add_header(target, header, "");
	}
	return error ? error : http_add_token(target, why, why_size);
}

static int http_set_user(struct export_target *target, char *why, size_t why_size)
{
	char *password;
	int error;

	if (!target->settings->user)
		return 0;
	error = export_read_file(target->settings->password_file, &password, why, why_size);
	if (error)
		return error;
	curl_easy_setopt(target->curl, CURLOPT_USERNAME, target->settings->user);
	curl_easy_setopt(target->curl, CURLOPT_PASSWORD, password);
	explicit_bzero(password, strlen(password));
	free(password);
	return 0;
}

static void http_set_options(struct export_target *target)
{
	const struct export_settings *common = &target->settings->common;
	CURL *curl = target->curl;

	curl_easy_setopt(curl, CURLOPT_URL, target->url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, target->headers);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(target->settings->timeout / CLOCK_MS));
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, target->fault);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, target);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, http_take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, target);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "flowd/" FLOWD_VERSION);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (common->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, common->ca);
	if (common->cert)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, common->cert);
	if (common->key)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, common->key);
}

static void http_disconnect(struct export_target *target)
{
	curl_easy_cleanup(target->curl);
	curl_slist_free_all(target->headers);
	target->curl = NULL;
	target->headers = NULL;
}

/* A handle with its headers, secrets read afresh. */
static int http_prepare(struct export_target *target, char *why, size_t why_size)
{
	int error;

	if (target->curl)
		return 0;
	target->curl = curl_easy_init();
	if (!target->curl)
		return -ENOMEM;
	error = http_add_headers(target, why, why_size);
	if (!error)
		error = http_set_user(target, why, why_size);
	if (error)
		http_disconnect(target);
	else
		http_set_options(target);
	return error;
}

static void http_close(struct export_target *target)
{
	http_disconnect(target);
	http_packer_fini(&target->packer);
	http_verdicts_fini(&target->verdicts);
	buffer_fini(&target->body);
	buffer_fini(&target->answer);
	free(target->url);
	free(target);
}

static int http_open(struct export_target **out, const struct export_setup *setup, char *why,
		     size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));
	int error;

	if (!target)
		return -ENOMEM;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	target->settings = (const struct http_settings *)setup->settings;
	target->preset = &http_presets[target->settings->preset];
	target->node_name = setup->node_name;
	error = http_preset_url(target->preset, target->settings->url, target->settings->table,
				target->settings->index, &target->url);
	if (!error)
		error = http_packer_init(&target->packer,
					 (enum http_packing)target->settings->packing);
	if (!error)
		error = http_prepare(target, why, why_size);
	if (error) {
		http_close(target);
		return error;
	}
	*out = target;
	return 0;
}

/* ---- posting --------------------------------------------------------------------------------- */

/* The answer's beginning, for people. */
static void http_explain(const struct export_target *target, int status, char *why, size_t why_size)
{
	char text[121];
	size_t i;

	for (i = 0; i < sizeof(text) - 1 && i < target->answer.size; i++)
		text[i] = target->answer.data[i] < 0x20 ? ' ' : (char)target->answer.data[i];
	text[i] = 0;
	snprintf(why, why_size, "%s answers %d: %s", target->settings->url, status, text);
}

static int http_post(struct export_target *target, const struct export_item *items,
		     const uint32_t *chosen, size_t count, int *status, char *why, size_t why_size)
{
	const struct buffer *body;
	CURLcode result;
	long code = 0;
	int error = http_prepare(target, why, why_size);

	if (!error)
		error = http_preset_body(target->preset, target->node_name, items, chosen, count,
					 &target->body);
	if (!error)
		error = http_pack(&target->packer, &target->body, &body);
	if (error)
		return error;
	target->answer.size = 0;
	target->retry_after_s = 0;
	target->fault[0] = 0;
	curl_easy_setopt(target->curl, CURLOPT_POSTFIELDS, body->data);
	curl_easy_setopt(target->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
	result = curl_easy_perform(target->curl);
	if (result != CURLE_OK) {
		snprintf(why, why_size, "%s: %s", target->settings->url,
			 *target->fault ? target->fault : curl_easy_strerror(result));
		return -ECONNABORTED;
	}
	curl_easy_getinfo(target->curl, CURLINFO_RESPONSE_CODE, &code);
	buffer_append(&target->answer, "", 1);
	target->answer.size--;
	*status = (int)code;
	return 0;
}

/* What a status that is not 2xx means for the items. */
static int http_judge(struct export_target *target, int status, char *why, size_t why_size)
{
	http_explain(target, status, why, why_size);
	if (http_is_refusal(status))
		return -EBADMSG;
	if (status == 401 || status == 403)
		http_disconnect(target); /* the secret may have been renewed */
	if (target->retry_after_s)
		target->not_before_ns = clock_monotonic_ns() + target->retry_after_s * CLOCK_S;
	return -EAGAIN;
}

/* The next item was refused, by this answer or an earlier one. */
static int http_refused(struct export_target *target, char *why, size_t why_size)
{
	http_explain(target, 200, why, why_size);
	return -EBADMSG;
}

/* partialSuccess of OTLP: which ones is not said, and they must not be sent again. */
static void http_count_unwanted(struct export_target *target)
{
	const char *key = target->preset->rejected;
	const char *at = key ? strstr((const char *)target->answer.data, key) : NULL;

	if (at) {
		at += strlen(key);
		target->unwanted += strtoull(at + strspn(at, " :\""), NULL, 10);
	}
}

static size_t http_unwanted(struct export_target *target)
{
	size_t unwanted = target->unwanted;

	if (unwanted)
		log_warning("export %s: %s did not want %zu records; they are lost",
			    target->settings->common.name, target->settings->url, unwanted);
	target->unwanted = 0;
	return unwanted;
}

static int http_send_some(struct export_target *target, const struct export_item *items,
			  size_t count, size_t *done, char *why, size_t why_size)
{
	int status = 0, error = http_post(target, items, NULL, count, &status, why, why_size);

	if (error)
		return error;
	if (status < 200 || status > 299)
		return http_judge(target, status, why, why_size);
	*done += count;
	http_count_unwanted(target);
	return 0;
}

/* Halves what is refused, until one record is left to blame. */
static int http_send_all(struct export_target *target, const struct export_item *items,
			 size_t count, size_t *done, char *why, size_t why_size)
{
	size_t some = count;
	int error = 0;

	while (*done < count && !error) {
		if (some > count - *done)
			some = count - *done;
		error = http_send_some(target, items + *done, some, done, why, why_size);
		if (error == -EBADMSG && some > 1) {
			some /= 2;
			error = 0;
		}
	}
	return error;
}

/* Posts those that are open; what is said of each is kept. */
static int http_post_open(struct export_target *target, const struct export_item *items,
			  size_t count, char *why, size_t why_size)
{
	enum http_verdict *said;
	size_t open;
	int status = 0, error = http_verdicts_open(&target->verdicts, items, count, &open);

	if (error)
		return error;
	error = http_post(target, items, target->verdicts.open, open, &status, why, why_size);
	if (error)
		return error;
	if (status < 200 || status > 299)
		return http_judge(target, status, why, why_size);
	said = calloc(open + 1, sizeof(*said));
	if (!said)
		return -ENOMEM;
	target->preset->judge((const char *)target->answer.data, said, open, &status);
	error = http_verdicts_take(&target->verdicts, items, count, said, open);
	free(said);
	if (status < 200 || status > 299)
		http_judge(target, status, why, why_size);
	return error;
}

/* A batch that is refused as a whole is halved like any other. */
static int http_send_judged(struct export_target *target, const struct export_item *items,
			    size_t count, size_t *done, char *why, size_t why_size)
{
	enum http_verdict next;
	int error;

	*done = http_verdicts_arrived(&target->verdicts, items, count, &next);
	if (*done == count || next == HTTP_REFUSED)
		return *done == count ? 0 : http_refused(target, why, why_size);
	error = http_post_open(target, items + *done, count - *done, why, why_size);
	if (error == -EBADMSG)
		return http_send_all(target, items, count, done, why, why_size);
	if (error)
		return error;
	*done += http_verdicts_arrived(&target->verdicts, items + *done, count - *done, &next);
	if (*done == count) {
		target->verdicts.count = 0;
		return 0;
	}
	return next == HTTP_REFUSED ? http_refused(target, why, why_size) : -EAGAIN;
}

static int http_send(struct export_target *target, const struct export_item *items, size_t count,
		     size_t *done, char *why, size_t why_size)
{
	if (clock_monotonic_ns() < target->not_before_ns) {
		snprintf(why, why_size, "%s asked to wait", target->settings->url);
		return -EAGAIN;
	}
	return (target->preset->judge ? http_send_judged : http_send_all)(target, items, count,
									  done, why, why_size);
}

static void http_reopen(struct export_target *target)
{
	http_disconnect(target);
}

const struct export_kind export_kind_http = {
	.name = "http",
	.help = "batches to ClickHouse, Splunk, Elasticsearch, Loki, OTLP or any HTTP receiver",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct http_settings),
	.acknowledges = true,
	.format = http_format,
	.check = http_check,
	.open = http_open,
	.send = http_send,
	.unwanted = http_unwanted,
	.reopen = http_reopen,
	.close = http_close,
};
