/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/metrics_push.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/export_kind.h"
#include "flowd/export/http_pack.h"
#include "flowd/export/record_queue.h"
#include "flowd/metrics/otlp_metrics.h"
#include "flowd/metrics/series.h"

#define TIMEOUT_MS 10000L
#define WHY_MAX	   400
#define ANSWER_MAX 65536

struct metrics_push {
	struct metrics_push_options options;
	char *url;
	uint64_t start_ns;
	CURL *curl;
	struct http_packer packer;
	struct buffer answer;
	char fault[CURL_ERROR_SIZE];
	char why[WHY_MAX]; /* of the last push; "" = it arrived */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closing;
	uint64_t pushes, failures, rejected; /* under the lock, like `closing` */
};

int metrics_push_check(const struct metrics_push_options *options, char *why, size_t why_size)
{
	const char *complaint = NULL;

	if (!options->url)
		return 0;
	if (strncmp(options->url, "http://", 7) && strncmp(options->url, "https://", 8))
		complaint = "metrics.push_url: an address is needed; write http://HOST:4318 or "
			    "https://HOST:4318";
	else if (!options->cert != !options->key)
		complaint = "metrics.push_cert and metrics.push_key belong together; name both";
	if (complaint)
		snprintf(why, why_size, "%s", complaint);
	return complaint ? -EINVAL : 0;
}

/* ---- one post -------------------------------------------------------------------------------- */

static size_t take_answer(char *data, size_t one, size_t size, void *context)
{
	struct metrics_push *push = context;

	(void)one;
	if (push->answer.size + size < ANSWER_MAX)
		buffer_append(&push->answer, data, size);
	return size;
}

static int add_token(struct metrics_push *push, struct curl_slist **headers)
{
	struct curl_slist *grown;
	char *token, *line = NULL;
	int error;

	if (!push->options.token_file)
		return 0;
	error = export_read_file(push->options.token_file, &token, push->why, WHY_MAX);
	if (error)
		return error;
	if (asprintf(&line, "Authorization: Bearer %s", token) < 0)
		line = NULL;
	grown = line ? curl_slist_append(*headers, line) : NULL;
	if (line)
		explicit_bzero(line, strlen(line));
	explicit_bzero(token, strlen(token));
	free(line);
	free(token);
	*headers = grown ? grown : *headers;
	return grown ? 0 : -ENOMEM;
}

/* Not 0: the daemon ends, it does not wait for the receiver. */
static int is_closing(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
		      curl_off_t up)
{
	struct metrics_push *push = context;
	bool closing;

	(void)down_all;
	(void)down;
	(void)up_all;
	(void)up;
	pthread_mutex_lock(&push->lock);
	closing = push->closing;
	pthread_mutex_unlock(&push->lock);
	return closing;
}

static void set_options(struct metrics_push *push, const struct buffer *body,
			struct curl_slist *headers)
{
	const struct metrics_push_options *options = &push->options;
	CURL *curl = push->curl;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, push->url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, push->fault);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_closing);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, push);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, push);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "flowd/" FLOWD_VERSION);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
	if (options->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca);
	if (options->cert)
		curl_easy_setopt(curl, CURLOPT_SSLCERT, options->cert);
	if (options->key)
		curl_easy_setopt(curl, CURLOPT_SSLKEY, options->key);
}

/* partialSuccess: what the receiver did not want, and does not want again. */
static void count_rejected(struct metrics_push *push)
{
	static const char key[] = "\"rejectedDataPoints\":";
	const char *at;

	buffer_append(&push->answer, "", 1);
	at = push->answer.size ? strstr((const char *)push->answer.data, key) : NULL;
	if (!at)
		return;
	at += sizeof(key) - 1;
	at += strspn(at, " \"");
	pthread_mutex_lock(&push->lock);
	push->rejected += strtoull(at, NULL, 10);
	pthread_mutex_unlock(&push->lock);
}

static int perform(struct metrics_push *push)
{
	CURLcode result;
	long status = 0;

	push->fault[0] = 0;
	result = curl_easy_perform(push->curl);
	if (result != CURLE_OK) {
		snprintf(push->why, WHY_MAX, "%s: %s", push->url,
			 *push->fault ? push->fault : curl_easy_strerror(result));
		return -ECONNABORTED;
	}
	curl_easy_getinfo(push->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		snprintf(push->why, WHY_MAX, "%s answers %ld", push->url, status);
		return -EAGAIN;
	}
	count_rejected(push);
	return 0;
}

static int post(void *context, const struct buffer *body)
{
	struct metrics_push *push = context;
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	const struct buffer *packed;
	int error = http_pack(&push->packer, body, &packed);

	if (headers && !error)
		error = curl_slist_append(headers, "Content-Encoding: gzip") ? 0 : -ENOMEM;
	if (headers && !error)
		error = add_token(push, &headers);
	push->answer.size = 0;
	if (headers && !error) {
		set_options(push, packed, headers);
		error = perform(push);
	}
	curl_slist_free_all(headers);
	return headers ? error : -ENOMEM;
}

/* ---- every interval -------------------------------------------------------------------------- */

/* Logs when things turn, not at every attempt. */
static void tell(struct metrics_push *push, bool failed_before)
{
	bool failed = push->why[0];

	if (failed && !failed_before)
		log_warning("metrics.push_url: %s; trying again every interval", push->why);
	else if (!failed && failed_before)
		log_info("metrics.push_url: works again");
}

static void push_page(struct metrics_push *push)
{
	struct otlp_options otlp = { .node_name = push->options.node_name,
				     .start_ns = push->start_ns,
				     .now_ns = clock_realtime_ns(),
				     .emit = post,
				     .context = push };
	bool failed_before = push->why[0];
	struct buffer page = { 0 };
	int error = push->options.make(push->options.context, false, &page);

	push->why[0] = 0;
	if (!error)
		error = buffer_append(&page, "", 1);
	if (!error)
		error = otlp_metrics((const char *)page.data, &otlp);
	if (error && !push->why[0])
		snprintf(push->why, WHY_MAX, "the page cannot be made: %s", strerror(-error));
	buffer_fini(&page);
	pthread_mutex_lock(&push->lock);
	push->pushes++;
	push->failures += error != 0;
	pthread_mutex_unlock(&push->lock);
	tell(push, failed_before);
}

static bool wait_interval(struct metrics_push *push)
{
	struct timespec end = record_queue_deadline(push->options.interval_ns);
	bool closing;

	pthread_mutex_lock(&push->lock);
	while (!push->closing && !pthread_cond_timedwait(&push->changed, &push->lock, &end))
		;
	closing = push->closing;
	pthread_mutex_unlock(&push->lock);
	return !closing;
}

static void *push_run(void *context)
{
	struct metrics_push *push = context;

	while (wait_interval(push))
		push_page(push);
	return NULL;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The path that OTLP/HTTP has by default, where the address has none. */
static int make_url(struct metrics_push *push)
{
	const char *url = push->options.url, *path = strchr(strstr(url, "//") + 2, '/');
	bool bare = !path || !path[1];

	return asprintf(&push->url, "%.*s%s", (int)(bare && path ? path - url : (long)strlen(url)),
			url, bare ? "/v1/metrics" : "") < 0
		       ? -ENOMEM
		       : 0;
}

static void init_locks(struct metrics_push *push)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&push->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&push->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

int metrics_push_open(struct metrics_push **out, const struct metrics_push_options *options,
		      char *why, size_t why_size)
{
	struct metrics_push *push = calloc(1, sizeof(*push));
	int error;

	snprintf(why, why_size, "metrics.push_url: not enough memory");
	if (!push)
		return -ENOMEM;
	push->options = *options;
	push->start_ns = clock_realtime_ns();
	init_locks(push);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	push->curl = curl_easy_init();
	error = push->curl ? make_url(push) : -ENOMEM;
	if (!error)
		error = http_packer_init(&push->packer, HTTP_PACK_GZIP);
	if (!error)
		error = -pthread_create(&push->thread, NULL, push_run, push);
	push->started = !error;
	if (error) {
		metrics_push_close(push);
		return error;
	}
	pthread_setname_np(push->thread, "metrics-push");
	*out = push;
	return 0;
}

void metrics_push_close(struct metrics_push *push)
{
	if (!push)
		return;
	pthread_mutex_lock(&push->lock);
	push->closing = true;
	pthread_cond_signal(&push->changed);
	pthread_mutex_unlock(&push->lock);
	if (push->started)
		pthread_join(push->thread, NULL);
	curl_easy_cleanup(push->curl);
	http_packer_fini(&push->packer);
	buffer_fini(&push->answer);
	pthread_cond_destroy(&push->changed);
	pthread_mutex_destroy(&push->lock);
	free(push->url);
	free(push);
}

static int write_count(struct buffer *page, bool openmetrics, const char *name, const char *help,
		       uint64_t value)
{
	int error = series_write_head(page, name, help, "counter", openmetrics);

	if (!error)
		error = buffer_reserve(page, 256);
	if (!error)
		page->size += (size_t)snprintf((char *)page->data + page->size, 256,
					       "%s %" PRIu64 "\n", name, value);
	return error;
}

int metrics_push_write(struct metrics_push *push, bool openmetrics, struct buffer *page)
{
	uint64_t pushes, failures, rejected;
	int error;

	if (!push)
		return 0;
	pthread_mutex_lock(&push->lock);
	pushes = push->pushes;
	failures = push->failures;
	rejected = push->rejected;
	pthread_mutex_unlock(&push->lock);
	error = write_count(page, openmetrics, "flowd_metrics_pushes_total", "Pages pushed",
			    pushes);
	if (!error)
		error = write_count(page, openmetrics, "flowd_metrics_push_failures_total",
				    "Pages that did not arrive, or not all of them", failures);
	return error ? error
		     : write_count(page, openmetrics, "flowd_metrics_push_rejected_total",
				   "Data points that the receiver did not want", rejected);
}
