/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records from the daemon: a first question places the cursor, every further one continues from it.
 * History and follow are the same call; a broken connection or a restarted daemon is a gap that is
 * told, not an end, when following.
 */
#include "flowcli/observation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/clock.h"
#include "flowcli/connection.h"
#include "flowcli/interrupt.h"

#define LAST_DEFAULT   20
#define FOLLOW_WAIT_MS 1000

struct live {
	struct observation *observation;
	struct server *server;
	struct query query;   /* the next question; its filter is the observation's */
	bool asked;	      /* the cursor has been placed */
	uint64_t answered_ns; /* when the last answer came */
	uint32_t scope;	      /* entries, by the last answer */
};

static void place_cursor(struct live *live)
{
	const struct observation *observation = live->observation;
	struct query *query = &live->query;

	query->filter = observation->filter;
	query->since_ns = observation->since_ns;
	query->until_ns = observation->until_ns;
	query->wait_ms = observation->follow ? FOLLOW_WAIT_MS : 0;
	if (observation->first) {
		query->start = QUERY_FIRST;
		query->number = observation->first;
	} else if (observation->last) {
		query->start = QUERY_LAST;
		query->number = observation->last;
	} else if (observation->all || observation->since_ns || observation->until_ns) {
		query->start = QUERY_OLDEST;
	} else if (observation->follow) {
		query->start = QUERY_NOW;
	} else {
		query->start = QUERY_LAST;
		query->number = LAST_DEFAULT;
	}
}

/* When the daemon that answers now began, by its own account; 0 = it does not say. */
static uint64_t ask_start_time(struct live *live)
{
	struct reply reply;
	char why[256];

	if (server_ask_status(live->server, connection_timeout_ms(), &reply, why, sizeof(why)))
		return 0;
	uint64_t start = clock_wall_ns() - reply.status.uptime_ns;
	reply_fini(&reply);
	return start;
}

static bool is_restart(const struct flow_loss *loss)
{
	return loss->source && !strcmp(loss->source, SINK_RESTART);
}

/* The positions of the old epoch mean nothing now: what lay between the last answer and the new
 * start cannot be known. */
static void tell_restart(struct live *live, const struct answer *answer)
{
	struct flow_loss loss = { .source = SINK_RESTART, .node_name = answer->node_name };

	for (size_t i = 0; i < answer->loss_count; i++)
		if (is_restart(&answer->losses[i]))
			loss = answer->losses[i];
	if (!loss.first_ns)
		loss.first_ns = live->answered_ns;
	if (!loss.last_ns)
		loss.last_ns = ask_start_time(live);
	if (!loss.last_ns)
		loss.last_ns = clock_wall_ns();
	sink_loss(&live->observation->sink, &loss);
}

static void tell_oldest(struct live *live, const struct answer *answer)
{
	struct sink *sink = &live->observation->sink;
	uint64_t since = live->observation->since_ns;
	char oldest[TIME_TEXT_MAX];

	if (!since || (answer->oldest_ns && answer->oldest_ns <= since))
		return;
	if (!answer->oldest_ns) {
		sink_missing(sink, "flowd holds no record yet");
		return;
	}
	sink_time(sink, answer->oldest_ns, oldest, sizeof(oldest));
	sink_missing(sink, "--since is older than the oldest record held, of %s", oldest);
}

/* With the first answer, and when it changes. */
static void tell_scope(struct live *live, uint32_t entries)
{
	if (entries && entries != live->scope)
		sink_fact(&live->observation->sink,
			  "a scope of %" PRIu32 " entr%s is active (flowcli scope)", entries,
			  entries == 1 ? "y" : "ies");
	live->scope = entries;
}

static void take_answer(struct live *live, const struct answer *answer)
{
	struct sink *sink = &live->observation->sink;
	struct query *query = &live->query;
	bool restarted = live->asked && answer->epoch != query->epoch;

	if (!live->asked)
		tell_oldest(live, answer);
	tell_scope(live, answer->scope);
	if (restarted)
		tell_restart(live, answer);
	for (size_t i = 0; i < answer->loss_count; i++)
		if (!restarted || !is_restart(&answer->losses[i]))
			sink_loss(sink, &answer->losses[i]);
	for (size_t i = 0; i < answer->record_count; i++)
		sink_record(sink, &answer->records[i]);
	query->start = QUERY_AFTER_POSITION;
	query->epoch = answer->epoch;
	query->position = answer->position;
	query->number = 0;
	live->asked = true;
	live->answered_ns = clock_wall_ns();
}

/* True while there is more to ask. */
static bool wants_more(const struct live *live, const struct answer *answer)
{
	const struct observation *observation = live->observation;

	if (sink_is_full(&observation->sink) || interrupt_requested())
		return false;
	return observation->follow || !answer->at_end;
}

/* Following goes on behind a broken connection and waits for a slow daemon: 0 to receive again. */
static int recover(struct live *live, int error, const char *why)
{
	if (!live->observation->follow || (error != -ENOTCONN && error != -ETIMEDOUT))
		return error;
	fprintf(stderr, "flowcli: %s; waiting\n", why);
	if (error == -ETIMEDOUT)
		return 0;
	error = server_wait(live->server);
	if (!error)
		fprintf(stderr, "flowcli: connected again\n");
	return error;
}

static int receive_answer(struct live *live, struct reply *reply)
{
	uint32_t timeout_ms = live->query.wait_ms + connection_timeout_ms();
	char why[512] = "";

	for (;;) {
		int error = server_receive(live->server, REPLY_ANSWER, timeout_ms, reply, why,
					   sizeof(why));
		if (!error)
			return 0;
		error = recover(live, error, why);
		if (error && error != -EINTR)
			fprintf(stderr, "flowcli: %s\n", why);
		if (error)
			return error;
	}
}

/* Between two questions the connection may be gone for a moment. */
static int send_query(struct live *live)
{
	struct request request = { .type = REQUEST_QUERY, .query = live->query };
	int error = server_send(live->server, &request);

	while (error == -ENOTCONN && live->observation->follow) {
		error = server_wait(live->server);
		if (!error)
			error = server_send(live->server, &request);
	}
	if (error && error != -EINTR)
		fprintf(stderr, "flowcli: asking flowd: %s\n", strerror(-error));
	return error;
}

static int ask(struct live *live, bool *more)
{
	struct reply reply;
	int error = send_query(live);

	if (!error)
		error = receive_answer(live, &reply);
	if (error)
		return error;
	take_answer(live, &reply.answer);
	writer_flush(&live->observation->sink.writer);
	*more = wants_more(live, &reply.answer);
	reply_fini(&reply);
	return 0;
}

static int run(struct live *live)
{
	bool more = true;
	int error = 0;

	place_cursor(live);
	live->observation->sink.limit = live->observation->follow ? 0 : live->query.number;
	live->answered_ns = clock_wall_ns();
	while (more && !error)
		error = ask(live, &more);
	return interrupt_requested() ? -EINTR : error;
}

int live_observe(struct observation *observation)
{
	struct live live = { .observation = observation };
	int error = connection_open(&live.server);

	if (error) {
		writer_close(&observation->sink.writer);
		return 1;
	}
	interrupt_open();
	error = run(&live);
	server_close(live.server);
	if (error == -EINTR && !observation->follow)
		sink_missing(&observation->sink, "interrupted");
	if (error && error != -EINTR)
		sink_missing(&observation->sink, "the answer broke off");
	int status = sink_finish(&observation->sink);
	if (status || !error)
		return status;
	return error == -EINTR ? (observation->follow ? 0 : 130) : 1;
}
