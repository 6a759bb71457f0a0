/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flowd/base/clock.h"
#include "flowd/export/record_queue.h"
#include "flowd/metrics/flow_metrics.h"
#include "flowd/metrics/node_metrics.h"
#include "flowd/metrics/page_server.h"
#include "flowd/metrics/status_metrics.h"

#define QUEUE	  16384
#define COUNT_NS  (500 * CLOCK_MS)
#define STATUS_NS (5 * CLOCK_S)

struct metrics {
	struct metrics_options options;
	struct flow_metrics *flows;
	struct page_server *server; /* NULL: no page */
	struct metrics_push *push;  /* NULL: none */
	struct record_queue *queue;
	uint64_t position; /* in history */
	pthread_t counter;
	bool counting;

	pthread_mutex_t making; /* one page at a time */
	/* The daemon's part of a page, made by the loop's thread when it is asked for: */
	int wanted; /* eventfd */
	struct loop_source *wanted_source;
	pthread_mutex_t lock;
	pthread_cond_t made;
	bool asked, openmetrics, closing;
	struct buffer status;
	int status_error;
};

static struct page_options page_of(const struct metrics_options *options)
{
	return (struct page_options){ .listen = options->listen,
				      .cert = options->cert,
				      .key = options->key,
				      .token_file = options->token_file };
}

int metrics_check(const struct metrics_options *options, char *why, size_t why_size)
{
	struct page_options page = page_of(options);
	char what[400];
	int error = options->listen ? page_check(&page, why, why_size) : 0;

	if (!error)
		error = metrics_push_check(&options->push, why, why_size);
	if (error)
		return error;
	error = flow_metrics_check(options->enable, what, sizeof(what));
	if (error)
		snprintf(why, why_size, "metrics.enable: %s", what);
	return error;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void *count_run(void *context)
{
	struct metrics *metrics = context;

	while (!record_queue_ended(metrics->queue)) {
		struct record_page *page = record_queue_get(metrics->queue, COUNT_NS);

		if (page && page->is_loss)
			flow_metrics_loss(metrics->flows, &page->loss);
		for (size_t i = 0; page && i < page->count; i++)
			flow_metrics_record(metrics->flows, &page->records[i]);
		record_page_free(page);
	}
	return NULL;
}

bool metrics_pump(struct metrics *metrics)
{
	return metrics && record_queue_fill(metrics->queue, metrics->options.history, NULL,
					    &metrics->position, NULL);
}

uint64_t metrics_oldest(struct metrics *metrics)
{
	return metrics ? record_queue_oldest(metrics->queue) : UINT64_MAX;
}

void metrics_loss(struct metrics *metrics, const struct flow_loss *loss)
{
	if (metrics)
		record_queue_put_loss(metrics->queue, loss);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* On the loop's thread. */
static void make_status(void *context)
{
	struct metrics *metrics = context;
	struct status status;
	uint64_t number;

	if (read(metrics->wanted, &number, sizeof(number)) != sizeof(number))
		return;
	metrics->options.status(metrics->options.context, &status);
	pthread_mutex_lock(&metrics->lock);
	metrics->status.size = 0;
	metrics->status_error =
		status_metrics_write(&status, metrics->openmetrics, &metrics->status);
	metrics->asked = false;
	pthread_cond_broadcast(&metrics->made);
	pthread_mutex_unlock(&metrics->lock);
}

static int wait_for_status(struct metrics *metrics, bool openmetrics, struct buffer *page)
{
	struct timespec end = record_queue_deadline(STATUS_NS);
	const uint64_t one = 1;
	int error = 0;

	pthread_mutex_lock(&metrics->lock);
	metrics->asked = true;
	metrics->openmetrics = openmetrics;
	if (write(metrics->wanted, &one, sizeof(one)) != sizeof(one))
		error = -errno;
	while (!error && metrics->asked && !metrics->closing)
		error = -pthread_cond_timedwait(&metrics->made, &metrics->lock, &end);
	if (!error)
		error = metrics->asked ? -EAGAIN : metrics->status_error;
	if (!error)
		error = buffer_append(page, metrics->status.data, metrics->status.size);
	pthread_mutex_unlock(&metrics->lock);
	return error;
}

static int make_page(void *context, bool openmetrics, struct buffer *page)
{
	struct metrics *metrics = context;
	int error;

	pthread_mutex_lock(&metrics->making);
	error = wait_for_status(metrics, openmetrics, page);
	pthread_mutex_unlock(&metrics->making);
	if (!error)
		error = flow_metrics_write(metrics->flows, openmetrics, page);
	if (!error)
		error = node_metrics_write(openmetrics, page);
	if (!error)
		error = page_server_write(metrics->server, openmetrics, page);
	if (!error)
		error = metrics_push_write(metrics->push, openmetrics, page);
	return error || !openmetrics ? error : buffer_append(page, "# EOF\n", 6);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_counting(struct metrics *metrics, char *why, size_t why_size)
{
	const struct metrics_options *options = &metrics->options;
	int error = flow_metrics_open(&metrics->flows, options->enable, options->limit,
				      options->ttl_ns, why, why_size);

	if (!error)
		error = record_queue_open(&metrics->queue, QUEUE);
	if (!error)
		error = -pthread_create(&metrics->counter, NULL, count_run, metrics);
	metrics->counting = !error;
	if (!error)
		pthread_setname_np(metrics->counter, "metrics");
	return error;
}

static int open_status(struct metrics *metrics, struct loop *loop)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&metrics->making, NULL);
	pthread_mutex_init(&metrics->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&metrics->made, &attributes);
	pthread_condattr_destroy(&attributes);
	metrics->wanted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (metrics->wanted < 0)
		return -errno;
	return loop_add_readable(loop, metrics->wanted, make_status, metrics,
				 &metrics->wanted_source);
}

static int open_ways_out(struct metrics *metrics, char *why, size_t why_size)
{
	struct page_options page = page_of(&metrics->options);
	struct metrics_push_options push = metrics->options.push;
	int error = 0;

	page.make = push.make = make_page;
	page.context = push.context = metrics;
	if (push.url)
		error = metrics_push_open(&metrics->push, &push, why, why_size);
	if (!error && metrics->options.listen)
		error = page_server_open(&metrics->server, &page, why, why_size);
	return error;
}

int metrics_open(struct metrics **out, struct loop *loop, const struct metrics_options *options,
		 char *why, size_t why_size)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	int error;

	snprintf(why, why_size, "not enough memory");
	if (!metrics)
		return -ENOMEM;
	metrics->options = *options;
	error = open_status(metrics, loop);
	if (!error)
		error = open_counting(metrics, why, why_size);
	if (!error)
		error = open_ways_out(metrics, why, why_size);
	if (error) {
		metrics_close(metrics);
		return error;
	}
	*out = metrics;
	return 0;
}

void metrics_close(struct metrics *metrics)
{
	if (!metrics)
		return;
	pthread_mutex_lock(&metrics->lock);
	metrics->closing = true;
	pthread_cond_broadcast(&metrics->made);
	pthread_mutex_unlock(&metrics->lock);
	page_server_close(metrics->server);
	metrics_push_close(metrics->push);
	loop_source_free(metrics->wanted_source);
	if (metrics->counting) {
		record_queue_end(metrics->queue);
		pthread_join(metrics->counter, NULL);
	}
	record_queue_close(metrics->queue);
	flow_metrics_close(metrics->flows);
	if (metrics->wanted >= 0)
		close(metrics->wanted);
	buffer_fini(&metrics->status);
	pthread_cond_destroy(&metrics->made);
	pthread_mutex_destroy(&metrics->lock);
	pthread_mutex_destroy(&metrics->making);
	free(metrics);
}
