/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"

#define QUERY_POSITION_BITS 48
#define QUERY_POSITION_MASK ((UINT64_C(1) << QUERY_POSITION_BITS) - 1)
#define QUERY_NOT_WAITING   8 /* contexts beside those that wait */
/* Bytes that are taken in, to be refused by a reply; beyond, nng closes the connection. */
#define QUERY_BYTES_MAX (4 * PROTO_REQUEST_MAX)

enum query_progress { QUERY_ANSWERED, QUERY_WAITS, QUERY_WALKS };

struct query_job {
	struct query_job *next;
	struct service_request *request;
	struct query query;
	struct history_walk walk;
	uint64_t start; /* position the answer begins after */
	uint64_t told;	/* number of the last loss the reader knows */
	uint64_t deadline_ns;
	bool walking;
	bool restarted; /* the reader's position is of an earlier daemon */
	bool waiting;
};

struct query_service {
	struct query_options options;
	struct service *service;
	struct loop_source *deadlines; /* alarm of the earliest one */
	struct loop_source *again;     /* alarm: walks go on */
	struct query_job *jobs;
	struct query_stats stats;
	uint32_t scope;
	struct flow_record records[QUERY_RECORDS_MAX];
	struct flow_loss losses[LOSSES_TOLD + 2];
};

static void query_refuse(struct query_service *queries, struct service_request *request,
			 enum error_code code, const char *message)
{
	struct buffer reply = { 0 };

	queries->stats.refused++;
	if (codec_pack_error(code, message, &reply))
		log_error("no memory for an error reply");
	service_reply(request, &reply);
	buffer_fini(&reply);
}

static void query_free(struct query_service *queries, struct query_job *job)
{
	struct query_job **link = &queries->jobs;

	while (*link && *link != job)
		link = &(*link)->next;
	if (*link)
		*link = job->next;
	queries->stats.waiting -= job->waiting;
	filter_free(job->query.filter);
	free(job);
}

static uint64_t query_cursor(const struct query_service *queries, uint64_t position)
{
	return losses_newest(queries->options.losses) << QUERY_POSITION_BITS | position;
}

/* The loss number whose low 16 bits the cursor carries: the newest such one. */
static uint64_t query_told(const struct query_service *queries, uint64_t cursor)
{
	uint64_t newest = losses_newest(queries->options.losses);
	uint64_t behind = (newest - (cursor >> QUERY_POSITION_BITS)) & 0xffff;

	return behind < newest ? newest - behind : 0;
}

static void query_start_after(struct query_service *queries, struct query_job *job)
{
	job->restarted = job->query.epoch && job->query.epoch != queries->options.epoch;
	if (job->restarted)
		return;
	job->start = job->query.position & QUERY_POSITION_MASK;
	job->told = query_told(queries, job->query.position);
}

static void query_start(struct query_service *queries, struct query_job *job)
{
	struct history_stats stats;

	history_stats(queries->options.history, &stats);
	switch (job->query.start) {
	case QUERY_AFTER_POSITION:
		query_start_after(queries, job);
		break;
	case QUERY_OLDEST:
	case QUERY_FIRST:
		job->start = stats.oldest - 1;
		break;
	case QUERY_NOW:
		job->start = stats.newest;
		job->told = losses_newest(queries->options.losses);
		break;
	case QUERY_LAST:
		job->walking = true;
		history_walk_start(queries->options.history, &job->walk, job->query.number);
		break;
	}
}

static size_t query_room(const struct query *query)
{
	size_t room = QUERY_RECORDS_MAX;

	if (query->max_records && query->max_records < room)
		room = query->max_records;
	if (query->start == QUERY_FIRST && query->number < room)
		room = query->number;
	return room;
}

/* False when the loss, as far as its time is known, lies outside the time that was asked for. */
static bool query_loss_fits(const struct query *query, const struct flow_loss *loss)
{
	if (query->until_ns && loss->first_ns > query->until_ns)
		return false;
	return !query->since_ns || !loss->last_ns || loss->last_ns >= query->since_ns;
}

static size_t query_losses(struct query_service *queries, const struct query_job *job,
			   const struct history_page *page)
{
	struct flow_loss *losses = queries->losses;
	size_t count = 0, noted;

	if (job->restarted)
		losses[count++] = (struct flow_loss){ .source = "daemon_restart" };
	if (page->missed)
		losses[count++] = (struct flow_loss){ .source = "history",
						      .records = page->missed,
						      .first_ns = page->missed_first_ns,
						      .last_ns = page->missed_last_ns };
	for (size_t i = 0; i < count; i++)
		losses[i].node_name = queries->options.node_name;
	noted = losses_after(queries->options.losses, job->told, job->start, &losses[count]);
	for (size_t i = count; noted; i++, noted--) {
		if (query_loss_fits(&job->query, &losses[i]))
			losses[count++] = losses[i];
	}
	return count;
}

static void query_answer(struct query_service *queries, struct query_job *job,
			 const struct history_page *page, size_t loss_count)
{
	struct buffer reply = { 0 };
	struct history_stats stats;
	struct answer answer = { .epoch = queries->options.epoch,
				 .position = query_cursor(queries, page->position),
				 .records = page->records,
				 .record_count = page->count,
				 .losses = queries->losses,
				 .loss_count = loss_count,
				 .at_end = page->at_end,
				 .node_name = queries->options.node_name,
				 .scope = queries->scope };

	history_stats(queries->options.history, &stats);
	answer.oldest_ns = stats.oldest_ns;
	if (codec_pack_answer(&answer, &reply)) {
		query_refuse(queries, job->request, ERROR_INTERNAL,
			     "the daemon is short of memory");
		query_free(queries, job);
		return;
	}
	service_reply(job->request, &reply);
	buffer_fini(&reply);
	query_free(queries, job);
}

static bool query_may_wait(const struct query_job *job, uint64_t now_ns)
{
	if (now_ns >= job->deadline_ns)
		return false;
	return !job->query.until_ns || job->query.until_ns >= clock_realtime_ns();
}

/* One turn: walk on, or look at the records and answer, unless it pays to wait. */
static enum query_progress query_step(struct query_service *queries, struct query_job *job)
{
	struct history_match match = { job->query.filter, job->query.since_ns,
				       job->query.until_ns };
	struct history_page page = { .records = queries->records, .room = query_room(&job->query) };
	size_t losses;

	if (job->walking) {
		if (!history_walk_step(queries->options.history, &job->walk, &match))
			return QUERY_WALKS;
		job->walking = false;
		job->start = job->walk.position;
	}
	history_read(queries->options.history, job->start, &match, &page);
	losses = query_losses(queries, job, &page);
	if (!page.count && !losses && page.at_end && query_may_wait(job, clock_monotonic_ns())) {
		job->start = page.position;
		return QUERY_WAITS;
	}
	query_answer(queries, job, &page, losses);
	return QUERY_ANSWERED;
}

static void query_set_deadline(struct query_service *queries)
{
	uint64_t now_ns = clock_monotonic_ns(), earliest = UINT64_MAX;

	for (const struct query_job *job = queries->jobs; job; job = job->next) {
		if (job->waiting && job->deadline_ns < earliest)
			earliest = job->deadline_ns;
	}
	if (earliest != UINT64_MAX)
		loop_alarm_set(queries->deadlines, earliest > now_ns ? earliest - now_ns : 0);
}

static void query_wait(struct query_service *queries, struct query_job *job)
{
	char text[128];

	if (job->waiting)
		return;
	if (queries->stats.waiting >= queries->options.max_waiting) {
		snprintf(text, sizeof(text),
			 "%u queries are waiting already; ask again later, or raise "
			 "bus.max_waiting",
			 queries->options.max_waiting);
		query_refuse(queries, job->request, ERROR_OVERLOADED, text);
		query_free(queries, job);
		return;
	}
	job->waiting = true;
	queries->stats.waiting++;
	query_set_deadline(queries);
}

static void query_run(struct query_service *queries, struct query_job *job)
{
	switch (query_step(queries, job)) {
	case QUERY_ANSWERED:
		break;
	case QUERY_WAITS:
		query_wait(queries, job);
		break;
	case QUERY_WALKS:
		loop_alarm_need(queries->again, 0);
		break;
	}
}

static void query_run_all(struct query_service *queries, bool walking)
{
	struct query_job *job = queries->jobs, *next;

	for (; job; job = next) {
		next = job->next;
		if (job->walking == walking)
			query_run(queries, job);
	}
}

void query_service_wake(struct query_service *queries)
{
	if (queries->stats.waiting)
		query_run_all(queries, false);
}

static void query_deadline(void *context)
{
	query_run_all(context, false);
	query_set_deadline(context);
}

static void query_walk_on(void *context)
{
	query_run_all(context, true);
}

static void query_take(struct query_service *queries, struct service_request *request,
		       struct query *query)
{
	struct query_job *job = calloc(1, sizeof(*job));
	uint32_t wait_ms = query->wait_ms < QUERY_WAIT_MAX_MS ? query->wait_ms : QUERY_WAIT_MAX_MS;

	if (!job) {
		query_refuse(queries, request, ERROR_INTERNAL, "the daemon is short of memory");
		return;
	}
	job->request = request;
	job->query = *query;
	query->filter = NULL; /* the job's now */
	job->deadline_ns = clock_monotonic_ns() + wait_ms * CLOCK_MS;
	job->next = queries->jobs;
	queries->jobs = job;
	service_request_keep(request, job);
	query_start(queries, job);
	query_run(queries, job);
}

static void query_reply_status(struct query_service *queries, struct service_request *request)
{
	struct status status = { 0 };
	struct buffer reply = { 0 };

	queries->options.status(queries->options.context, &status);
	if (codec_pack_status(&status, &reply))
		query_refuse(queries, request, ERROR_INTERNAL, "the daemon is short of memory");
	else
		service_reply(request, &reply);
	buffer_fini(&reply);
}

static void query_reply_listing(struct query_service *queries, struct service_request *request,
				const struct request *asked)
{
	struct listing listing = { 0 };
	struct buffer reply = { 0 };
	char why[512] = "there is nothing to list here";
	int error = -EOPNOTSUPP;

	if (queries->options.listing)
		error = queries->options.listing(queries->options.context, asked,
						 service_request_is_local(request), &listing, why,
						 sizeof(why));
	if (error)
		query_refuse(queries, request, ERROR_UNSUPPORTED, why);
	else if (codec_pack_listing(&listing, &reply))
		query_refuse(queries, request, ERROR_INTERNAL, "the daemon is short of memory");
	else
		service_reply(request, &reply);
	buffer_fini(&reply);
	listing_fini(&listing);
}

static void query_refuse_bytes(struct query_service *queries, struct service_request *request,
			       int error, const char *why)
{
	switch (-error) {
	case EPROTONOSUPPORT:
		query_refuse(queries, request, ERROR_UNSUPPORTED, why);
		break;
	case EINVAL:
		query_refuse(queries, request, ERROR_BAD_FILTER, why);
		break;
	case ENOMEM:
		query_refuse(queries, request, ERROR_INTERNAL, "the daemon is short of memory");
		break;
	default:
		query_refuse(queries, request, ERROR_MALFORMED, why);
		break;
	}
}

static void query_arrived(void *context, struct service_request *request)
{
	struct query_service *queries = context;
	struct request asked;
	char why[256] = "";
	size_t size;
	const uint8_t *data = service_request_data(request, &size);
	int error;

	queries->stats.requests++;
	if (size > PROTO_REQUEST_MAX) {
		snprintf(why, sizeof(why), "the request has %zu bytes; at most %d are taken", size,
			 PROTO_REQUEST_MAX);
		query_refuse(queries, request, ERROR_MALFORMED, why);
		return;
	}
	error = codec_unpack_request(data, size, &asked, why, sizeof(why));
	if (error) {
		query_refuse_bytes(queries, request, error, why);
		return;
	}
	switch (asked.type) {
	case REQUEST_QUERY:
		query_take(queries, request, &asked.query);
		break;
	case REQUEST_STATUS:
		query_reply_status(queries, request);
		break;
	case REQUEST_LIST:
	case REQUEST_SCOPE:
		query_reply_listing(queries, request, &asked);
		break;
	}
	request_fini(&asked);
}

static void query_gone(void *context, struct service_request *request)
{
	struct query_job *job = service_request_kept(request);
	struct buffer nothing = { 0 };

	service_reply(request, &nothing);
	if (job)
		query_free(context, job);
}

static int query_service_setup(struct query_service *queries, struct loop *loop)
{
	const struct service_handler handler = { query_arrived, query_gone, queries };
	const struct service_options options = {
		.listen = queries->options.listen,
		.listen_count = queries->options.listen_count,
		.contexts = queries->options.max_waiting + QUERY_NOT_WAITING,
		.max_bytes = QUERY_BYTES_MAX,
		.group = queries->options.group,
	};
	int error = loop_add_alarm(loop, query_deadline, queries, &queries->deadlines);

	if (!error)
		error = loop_add_alarm(loop, query_walk_on, queries, &queries->again);
	return error ? error : service_open(&queries->service, loop, &options, &handler);
}

int query_service_open(struct query_service **out, struct loop *loop,
		       const struct query_options *options)
{
	struct query_service *queries = calloc(1, sizeof(*queries));
	int error;

	if (!queries)
		return -ENOMEM;
	queries->options = *options;
	error = query_service_setup(queries, loop);
	if (error) {
		query_service_close(queries);
		return error;
	}
	*out = queries;
	return 0;
}

void query_service_close(struct query_service *queries)
{
	struct query_job *next;

	if (!queries)
		return;
	for (struct query_job *job = queries->jobs; job; job = next) {
		next = job->next;
		job->deadline_ns = 0;
		if (query_step(queries, job) == QUERY_WALKS) {
			query_refuse(queries, job->request, ERROR_INTERNAL,
				     "the daemon is stopping");
			query_free(queries, job);
		}
	}
	service_close(queries->service);
	loop_source_free(queries->deadlines);
	loop_source_free(queries->again);
	free(queries);
}

void query_service_scope(struct query_service *queries, uint32_t entries)
{
	queries->scope = entries;
}

void query_service_stats(const struct query_service *queries, struct query_stats *stats)
{
	*stats = queries->stats;
}
