/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/connection.h"
#include "proto/selection.h"

const char *const capture_triggers[] = { "drop", "rst", "dns-fail", NULL };

/* What each asks the daemon for. */
static const struct {
	const char *trigger, *test;
} tests[] = { { "drop", "kind=drop" },
	      { "rst", "kind=tcp_reset" },
	      { "dns-fail", "dns.rcode=1-4095" } };

struct capture_events {
	struct server *server;
	struct query query; /* the next one; its filter is ours */
};

static int events_filter(const char *trigger, struct filter **out)
{
	struct selection selection = { 0 };
	char why[256] = "no such trigger";
	int error = -EINVAL;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(tests[i].trigger, trigger))
			error = selection_where(&selection, tests[i].test, false, why, sizeof(why));
	if (!error)
		error = selection_take(&selection, out);
	if (error)
		fprintf(stderr, "flowcli capture: --on %s: %s\n", trigger, why);
	selection_fini(&selection);
	return error;
}

int capture_events_open(struct capture_events **out, const char *trigger)
{
	struct capture_events *events = calloc(1, sizeof(*events));
	int error;

	if (!events)
		return -ENOMEM;
	events->query.start = QUERY_NOW;
	error = events_filter(trigger, &events->query.filter);
	if (!error)
		error = connection_open(&events->server);
	if (error) {
		capture_events_close(events);
		return error;
	}
	*out = events;
	return 0;
}

void capture_events_close(struct capture_events *events)
{
	if (!events)
		return;
	server_close(events->server);
	filter_free(events->query.filter);
	free(events);
}

int capture_events_poll(struct capture_events *events, flow_record_fn take, void *context)
{
	struct request request = { .type = REQUEST_QUERY, .query = events->query };
	char why[512] = "the connection broke";
	struct reply reply;
	int error = server_send(events->server, &request);

	if (!error)
		error = server_receive(events->server, REPLY_ANSWER, connection_timeout_ms(),
				       &reply, why, sizeof(why));
	if (error) {
		if (error != -EINTR)
			fprintf(stderr, "flowcli capture: %s\n", why);
		return error;
	}
	for (size_t i = 0; i < reply.answer.record_count; i++)
		take(context, &reply.answer.records[i]);
	events->query.start = QUERY_AFTER_POSITION;
	events->query.epoch = reply.answer.epoch;
	events->query.position = reply.answer.position;
	reply_fini(&reply);
	return 0;
}
