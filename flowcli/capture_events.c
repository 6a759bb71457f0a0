/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/connection.h"
#include "proto/filter.h"

const char *const capture_triggers[] = { "drop", "rst", "dns-fail", NULL };

/* What each asks the daemon for: either of two tests. A reset that no socket of this machine sent
 * or got is known by the end of its flow alone. */
static const struct {
	const char *trigger, *field, *value, *other_field, *other_value;
} tests[] = { { "drop", "kind", "drop", NULL, NULL },
	      { "rst", "kind", "tcp_reset", "end.reason", "rst" },
	      { "dns-fail", "dns.rcode", "1-4095", "dns.message", "timeout" } };

struct capture_events {
	struct server *server;
	struct query query; /* the next one; its filter is ours */
};

static int add_test(struct filter **tree, const char *field, const char *value)
{
	struct filter *test = NULL;
	char why[256];

	if (!field)
		return 0;
	if (filter_test(field_find(field), value, &test, why, sizeof(why)))
		return -ENOMEM; /* the tests are ours: nothing else can be wrong */
	*tree = filter_or(*tree, test);
	return *tree ? 0 : -ENOMEM;
}

static int events_filter(const char *trigger, struct filter **out)
{
	int error = -EINVAL;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(tests[i].trigger, trigger))
			continue;
		error = add_test(out, tests[i].field, tests[i].value);
		if (!error)
			error = add_test(out, tests[i].other_field, tests[i].other_value);
	}
	if (error)
		fprintf(stderr, "flowcli capture: --on %s: %s\n", trigger, strerror(-error));
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
