/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A daemon that answers by a script, so that what the CLI says of it can be compared whole:
 * fake_flowd URL SCENARIO. It prints "ready" once it listens, then each request that it gets, and
 * "done" when it is asked after the end of the script.
 */
#include <errno.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/codec.h"
#include "tests/golden/fake_trouble.h"

#define LIMIT_SECONDS 15 /* an asker that hangs ends with us */
#define SECOND	      1000000000ull
#define START_NS      1714979289123456789ull /* 2024-05-06T07:08:09.123456789Z */

enum step_kind {
	STEP_END,
	STEP_ANSWER,
	STEP_STORY, /* of fake_trouble.h */
	STEP_STATUS,
	STEP_LISTING,
	STEP_ERROR,
	STEP_RESTART,
	STEP_DIE,
	STEP_GARBAGE
};
struct step {
	enum step_kind kind;
	uint64_t epoch, position;
	size_t record_count; /* up to `position` */
	bool more;	     /* at_end is false */
	size_t loss_count;
	const struct flow_loss *losses;
	uint32_t scope;
};

static const struct flow_loss ring_loss = { .source = "ring_buffer",
					    .records = 5,
					    .packets = 50,
					    .bytes = 4000,
					    .first_ns = START_NS,
					    .last_ns = START_NS + SECOND,
					    .node_name = "node1" };
static const struct flow_loss unknown_loss = { .source = "history\033[31m" };
static const struct flow_loss restart_loss = { .source = "daemon_restart",
					       .first_ns = START_NS + 2 * SECOND,
					       .last_ns = START_NS + 9 * SECOND };

#define ANSWER(in_epoch, to, count, ...)                                    \
	{                                                                   \
		.kind = STEP_ANSWER, .epoch = (in_epoch), .position = (to), \
		.record_count = (count), ##__VA_ARGS__                      \
	}
#define LOSS(loss) .loss_count = 1, .losses = &(loss)
#define STEP(name)                  \
	{                           \
		.kind = STEP_##name \
	}
static const struct step plain[] = { ANSWER(7, 3, 3), STEP(END) };
static const struct step pages[] = { ANSWER(7, 2, 2, .more = true), ANSWER(7, 2, 0, .more = true),
				     ANSWER(7, 5, 3), STEP(END) };
#define STORY                                                  \
	{                                                      \
		.kind = STEP_STORY, .epoch = 7, .position = 1, \
	}
static const struct step story[] = { STORY, STORY, STEP(END) };
static const struct step losses[] = { ANSWER(7, 1, 1, .more = true, LOSS(ring_loss)),
				      ANSWER(7, 2, 1, LOSS(unknown_loss)), STEP(END) };
static const struct step breaks[] = { ANSWER(7, 2, 2, .more = true), STEP(DIE) };
static const struct step told_restart[] = { ANSWER(7, 2, 2), STEP(RESTART),
					    ANSWER(8, 1, 1, LOSS(restart_loss)), STEP(END) };
static const struct step untold_restart[] = { ANSWER(7, 2, 2), STEP(RESTART), ANSWER(8, 1, 1),
					      STEP(STATUS), STEP(END) };
static const struct step status[] = { STEP(STATUS), STEP(END) };
static const struct step listing[] = { STEP(LISTING), STEP(END) };
static const struct step scoped[] = { ANSWER(7, 1, 1, .scope = 2), STEP(END) };
static const struct step refusal[] = { STEP(ERROR), STEP(END) };
static const struct step garbage[] = { STEP(GARBAGE), STEP(END) };

static const struct scenario {
	const char *name;
	const struct step *steps;
} scenarios[] = { { "plain", plain },
		  { "pages", pages },
		  { "losses", losses },
		  { "breaks", breaks },
		  { "told-restart", told_restart },
		  { "untold-restart", untold_restart },
		  { "status", status },
		  { "listing", listing },
		  { "scoped", scoped },
		  { "refusal", refusal },
		  { "garbage", garbage } };

static void fill_record(struct flow_record *record, uint64_t position)
{
	static const uint8_t client[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const uint8_t server[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };

	*record = (struct flow_record){ .position = position,
					.flow_id = position,
					.time_ns = START_NS + position * SECOND,
					.first_ns = START_NS,
					.last_ns = START_NS + position * SECOND,
					.packets = position,
					.bytes = position * 100,
					.total_packets = position,
					.total_bytes = position * 100,
					.sampling = 1,
					.flags = FLOW_TCP_SYN | FLOW_TCP_ACK,
					.kind = FLOW_KIND_UPDATE,
					.verdict = FLOW_VERDICT_FORWARDED,
					.direction = FLOW_DIRECTION_INGRESS,
					.reply = FLOW_REPLY_NO,
					.point_count = 1,
					.node_name = "node1" };
	record->key = (struct flow_key){ .src_port = (uint16_t)(40000 + position),
					 .dst_port = 80,
					 .protocol = 6 };
	memcpy(record->key.src, client, sizeof(client));
	memcpy(record->key.dst, server, sizeof(server));
	record->points[0] = (struct flow_point){ .ifindex = 3,
						 .hook = FLOW_HOOK_TC_INGRESS,
						 .direction = FLOW_DIRECTION_INGRESS,
						 .interface = "veth1" };
}

static const char *scenario_name;
static bool is_quiet; /* "=NAME": what was asked is not printed */

/* The records of the story that match, as the daemon would choose them. */
static size_t tell_story(const struct filter *filter, struct flow_record *records)
{
	struct flow_record all[FAKE_TROUBLE_MAX];
	size_t count = fake_trouble(scenario_name, START_NS, all), kept = 0;

	for (size_t i = 0; i < count; i++)
		if (filter_match(filter, &all[i]))
			records[kept++] = all[i];
	return kept;
}

static int pack_answer(const struct step *step, const struct filter *filter, struct buffer *out)
{
	struct flow_record records[FAKE_TROUBLE_MAX];
	struct answer answer = { .epoch = step->epoch,
				 .position = step->position,
				 .records = records,
				 .record_count = step->record_count,
				 .losses = step->losses,
				 .loss_count = step->loss_count,
				 .at_end = !step->more,
				 .scope = step->scope,
				 .oldest_ns = START_NS,
				 .node_name = "node1" };

	for (size_t i = 0; i < step->record_count; i++)
		fill_record(&records[i], step->position - step->record_count + 1 + i);
	if (step->kind == STEP_STORY)
		answer.record_count = tell_story(filter, records);
	return codec_pack_answer(&answer, out);
}

static int pack_status(struct buffer *out)
{
	static const struct counter ledger[] = {
		{ "seen_packets", 1234567, "packets at counting hooks" },
		{ "evict_lost_packets", 0, "packets of those" },
		{ "status_arp", 12, "ARP and RARP" },
	};
	static const struct interface_status interfaces[] = {
		{ 2, "eth0", "tcx", true, true, NULL },
		{ 3, "veth1", "none", false, false, "another program is\033[0m attached" },
	};
	struct status facts = { .version = "0.1.0",
				.node_name = "node1",
				.epoch = 8,
				.uptime_ns = 3661 * SECOND,
				.num_flows = 2771,
				.max_flows = 8190,
				.seen_flows = 2771,
				.live_flows = 17,
				.max_live_flows = 100000,
				.flows_rate = 23.456,
				.cpu_percent = 0.25,
				.rss_bytes = 21 << 20,
				.oldest_ns = START_NS,
				.packets_accounted = 1234555,
				.packets_lost = 0,
				.attached_programs_ns = 45,
				.ledger = ledger,
				.ledger_count = 3,
				.interfaces = interfaces,
				.interface_count = 2,
				.losses = &ring_loss,
				.loss_count = 1 };

	return codec_pack_status(&facts, out);
}

static int pack_listing(struct buffer *out)
{
	static const char *const columns[] = { "name", "id", "flows_s", "why", NULL };
	struct listing rows = { .note = "as far as is known\033[31m" };

	listing_begin(&rows, columns);
	listing_add(&rows,
		    (const char *const[]){ "web \"0\"", "0123456789abcdef0123", "1.50", NULL });
	listing_add(&rows,
		    (const char *const[]){ "caf\303\251\033[31m", NULL, "20.00", "not asked" });
	int error = codec_pack_listing(&rows, out);
	listing_fini(&rows);
	return error;
}

static int pack_step(const struct step *step, const struct filter *filter, struct buffer *out)
{
	switch (step->kind) {
	case STEP_ANSWER:
	case STEP_STORY:
		return pack_answer(step, filter, out);
	case STEP_STATUS:
		return pack_status(out);
	case STEP_LISTING:
		return pack_listing(out);
	case STEP_ERROR:
		return codec_pack_error(ERROR_OVERLOADED, "too many readers \033[31mtoday", out);
	case STEP_GARBAGE:
	case STEP_RESTART:
	case STEP_DIE:
	case STEP_END:
		return 0;
	}
	return -EINVAL;
}

static void print_request(const struct request *request)
{
	static const char *const starts[] = { "AFTER", "OLDEST", "NOW", "LAST", "FIRST" };
	const struct query *query = &request->query;
	char filter[8192];

	if (request->type == REQUEST_STATUS) {
		puts("STATUS");
		return;
	}
	if (request->type == REQUEST_LIST) {
		printf("LIST %s\n", request->what);
		return;
	}
	if (request->type == REQUEST_SCOPE) {
		printf("SCOPE %d %s %s\n", request->scope.operation, request->scope.kind,
		       request->scope.name);
		return;
	}
	filter_format(query->filter, filter, sizeof(filter));
	printf("%s", starts[query->start]);
	if (query->start == QUERY_AFTER_POSITION)
		printf(" %" PRIu64 ":%" PRIu64, query->epoch, query->position);
	if (query->number)
		printf(" %" PRIu64, query->number);
	printf(" wait %" PRIu32 "ms%s%s", query->wait_ms, query->filter ? " " : "",
	       query->filter ? filter : "");
	if (query->since_ns)
		printf(" since %" PRIu64, query->since_ns);
	if (query->until_ns)
		printf(" until %" PRIu64, query->until_ns);
	putchar('\n');
}

static int listen_at(const char *url, nng_socket *socket)
{
	int error = nng_rep0_open(socket);
	return error ? error : nng_listen(*socket, url, NULL, 0);
}

/* Takes one request off the wire and prints it; -1 when it is none. */
static int take_request(nng_socket socket, struct request *request)
{
	char why[256];
	nng_msg *message;

	if (nng_recvmsg(socket, &message, 0))
		return -1;
	int error = codec_unpack_request(nng_msg_body(message), nng_msg_len(message), request, why,
					 sizeof(why));
	nng_msg_free(message);
	if (error) {
		printf("bad request: %s\n", why);
		return -1;
	}
	if (!is_quiet)
		print_request(request);
	fflush(stdout);
	return 0;
}

static int send_buffer(nng_socket socket, struct buffer *packed)
{
	int error = nng_send(socket, packed->size ? (void *)packed->data : (void *)"?!",
			     packed->size ? packed->size : 2, 0);
	buffer_fini(packed);
	return error;
}

/* Answers one request; the step after it. Past the end no answer comes: the asker has read all. */
static const struct step *serve(nng_socket socket, const struct step *step)
{
	struct request request;
	struct buffer packed = { 0 };

	if (take_request(socket, &request))
		exit(1);
	if (step->kind == STEP_DIE)
		_exit(0);
	if (step->kind == STEP_END) {
		puts("done");
		fflush(stdout);
		pause();
	}
	if (pack_step(step, request.query.filter, &packed) || send_buffer(socket, &packed))
		exit(1);
	request_fini(&request);
	return step + 1;
}

/* The question after the last answer is taken and dies with the socket. */
static void restart(const char *url, nng_socket *socket)
{
	struct request request;

	if (take_request(*socket, &request))
		exit(1);
	request_fini(&request);
	puts("restarts");
	fflush(stdout);
	nng_close(*socket);
	if (listen_at(url, socket))
		exit(1);
}

static void run(const char *url, const struct step *step)
{
	nng_socket socket;

	if (listen_at(url, &socket))
		exit(1);
	puts("ready");
	for (;;) {
		fflush(stdout);
		if (step->kind == STEP_RESTART) {
			restart(url, &socket);
			step++;
		} else {
			step = serve(socket, step);
		}
	}
}

int main(int argc, char **argv)
{
	struct flow_record records[FAKE_TROUBLE_MAX];

	alarm(LIMIT_SECONDS);
	is_quiet = argc == 3 && *argv[2] == '=';
	scenario_name = argc == 3 ? argv[2] + is_quiet : "";
	for (size_t i = 0; argc == 3 && i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (!strcmp(scenarios[i].name, scenario_name))
			run(argv[1], scenarios[i].steps);
	if (argc == 3 &&
	    (fake_trouble(scenario_name, START_NS, records) || !strcmp(scenario_name, "nothing")))
		run(argv[1], story);
	fprintf(stderr, "usage: fake_flowd URL SCENARIO\n");
	return 2;
}
