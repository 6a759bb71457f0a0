/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The query service and the publisher over real sockets in a directory of their own: cursors, long
 * polls, hostile requests, many clients at once, permissions, locks, the way down.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/req.h>

#include "flowd/base/clock.h"
#include "flowd/serve/publish.h"
#include "flowd/serve/query.h"

#define EPOCH	4711
#define CLIENTS 64

struct stage {
	char directory[64], query_url[96], events_url[96];
	struct loop *loop;
	struct history *history;
	struct losses *losses;
	struct query_service *queries;
	struct publisher *publisher;
};

/* One client and what it was answered. */
struct client {
	nng_socket socket;
	nng_aio *aio;
	atomic_bool *done; /* of the aio; on the heap, where nng finds it */
	struct reply reply;
	bool answered;
};

static void fill_status(void *context, struct status *status)
{
	(void)context;
	*status = (struct status){ .version = "test", .node_name = "node", .epoch = EPOCH };
}

static int open_queries(struct stage *stage, const char *url, struct query_service **out)
{
	const struct listen_options listen = { .url = url, .group = LISTEN_NO_GROUP };
	const struct query_options options = { .history = stage->history,
					       .losses = stage->losses,
					       .epoch = EPOCH,
					       .node_name = "node",
					       .status = fill_status,
					       .max_waiting = 32,
					       .listen = &listen,
					       .listen_count = 1,
					       .group = LISTEN_NO_GROUP };

	return query_service_open(out, stage->loop, &options);
}

static int open_publisher(struct stage *stage)
{
	const struct listen_options listen = { .url = stage->events_url, .group = LISTEN_NO_GROUP };
	const struct publisher_options options = { .history = stage->history,
						   .epoch = EPOCH,
						   .node_name = "node",
						   .listen = &listen,
						   .listen_count = 1,
						   .group = LISTEN_NO_GROUP };

	return publisher_open(&stage->publisher, &options);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	strcpy(stage->directory, "/tmp/flowd-serve-XXXXXX");
	assert_non_null(mkdtemp(stage->directory));
	snprintf(stage->query_url, sizeof(stage->query_url), "ipc://%s/q/q.sock", stage->directory);
	snprintf(stage->events_url, sizeof(stage->events_url), "ipc://%s/q/e.sock",
		 stage->directory);
	assert_int_equal(loop_open(&stage->loop), 0);
	assert_int_equal(history_open(&stage->history, 10000), 0);
	assert_int_equal(losses_open(&stage->losses), 0);
	assert_int_equal(open_queries(stage, stage->query_url, &stage->queries), 0);
	assert_int_equal(open_publisher(stage), 0);
	*state = stage;
	return 0;
}

static void remove_directory(const struct stage *stage)
{
	static const char *const names[] = { "q/q.sock", "q/e.sock", "q", "" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", stage->directory, names[i]);
		remove(path);
	}
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	query_service_close(stage->queries);
	publisher_close(stage->publisher);
	losses_close(stage->losses);
	history_close(stage->history);
	loop_close(stage->loop);
	remove_directory(stage);
	free(stage);
	return 0;
}

static void append(struct stage *stage, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct flow_record record = { .time_ns = 1000 + i,
					      .key = { .protocol = 6, .dst_port = 80 },
					      .packets = 1,
					      .sampling = 1,
					      .node_name = "node" };

		history_append(stage->history, &record);
	}
}

/* ---- clients --------------------------------------------------------------------------------- */

/* On a thread of nng. */
static void received(void *done)
{
	atomic_store((atomic_bool *)done, true);
}

static struct client connected(const struct stage *stage)
{
	struct client client = { .answered = false };

	assert_int_equal(nng_req0_open(&client.socket), 0);
	assert_int_equal(nng_dial(client.socket, stage->query_url, NULL, 0), 0);
	client.done = calloc(1, sizeof(*client.done));
	assert_int_equal(nng_aio_alloc(&client.aio, received, client.done), 0);
	nng_aio_set_timeout(client.aio, 20000);
	return client;
}

static void send_bytes(struct client *client, const void *data, size_t size)
{
	nng_msg *message;

	assert_int_equal(nng_msg_alloc(&message, 0), 0);
	assert_int_equal(nng_msg_append(message, data, size), 0);
	assert_int_equal(nng_sendmsg(client->socket, message, 0), 0);
	atomic_store(client->done, false);
	nng_recv_aio(client->socket, client->aio);
}

static void ask(struct client *client, const struct request *request)
{
	struct buffer bytes = { 0 };

	assert_int_equal(codec_pack_request(request, &bytes), 0);
	send_bytes(client, bytes.data, bytes.size);
	buffer_fini(&bytes);
}

static void take_reply(struct client *client)
{
	nng_msg *message;
	char why[256] = "";

	assert_int_equal(nng_aio_result(client->aio), 0);
	message = nng_aio_get_msg(client->aio);
	assert_int_equal(codec_unpack_reply(nng_msg_body(message), nng_msg_len(message),
					    &client->reply, why, sizeof(why)),
			 0);
	nng_msg_free(message);
	client->answered = true;
}

/* Turns the loop until the client has its answer (or its time is up, which fails). */
static const struct reply *answered(struct stage *stage, struct client *client)
{
	while (!atomic_load(client->done))
		loop_turn(stage->loop, 5 * CLOCK_MS);
	take_reply(client);
	return &client->reply;
}

static void forget(struct client *client)
{
	if (client->answered)
		reply_fini(&client->reply);
	client->answered = false;
}

static void disconnect(struct client *client)
{
	forget(client);
	nng_close(client->socket);
	nng_aio_free(client->aio);
	free(client->done);
}

static struct request query_of(enum query_start start)
{
	return (struct request){ .type = REQUEST_QUERY, .query = { .start = start } };
}

/* ---- queries --------------------------------------------------------------------------------- */

static void test_cursor_walks_through(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_OLDEST);
	uint64_t expected = 0;
	bool at_end;

	append(stage, 5000);
	do {
		const struct reply *reply;

		ask(&client, &request);
		reply = answered(stage, &client);
		assert_int_equal(reply->type, REPLY_ANSWER);
		assert_int_equal(reply->answer.epoch, EPOCH);
		assert_in_range(reply->answer.record_count, 1, QUERY_RECORDS_MAX);
		for (size_t i = 0; i < reply->answer.record_count; i++)
			assert_int_equal(reply->answer.records[i].position, ++expected);
		at_end = reply->answer.at_end;
		request = query_of(QUERY_AFTER_POSITION);
		request.query.position = reply->answer.position;
		request.query.epoch = reply->answer.epoch;
		forget(&client);
	} while (!at_end);
	assert_int_equal(expected, 5000);
	disconnect(&client);
}

static void test_last_first_now(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_LAST);
	const struct reply *reply;

	append(stage, 100);
	request.query.number = 7;
	ask(&client, &request);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.record_count, 7);
	assert_int_equal(reply->answer.records[0].position, 94);
	forget(&client);
	request = query_of(QUERY_FIRST);
	request.query.number = 3;
	ask(&client, &request);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.record_count, 3);
	assert_int_equal(reply->answer.records[2].position, 3);
	forget(&client);
	request = query_of(QUERY_NOW);
	ask(&client, &request);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.record_count, 0);
	assert_int_equal(reply->answer.position, 100);
	assert_true(reply->answer.at_end);
	disconnect(&client);
}

static uint64_t waiting(const struct stage *stage)
{
	struct query_stats stats;

	query_service_stats(stage->queries, &stats);
	return stats.waiting;
}

static void turn_until_waiting(struct stage *stage, uint64_t count)
{
	uint64_t deadline_ns = clock_monotonic_ns() + 20 * CLOCK_S;

	while (waiting(stage) != count && clock_monotonic_ns() < deadline_ns)
		loop_turn(stage->loop, 5 * CLOCK_MS);
	assert_int_equal(waiting(stage), count);
}

static void test_long_poll_wakes(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_NOW);
	const struct reply *reply;

	append(stage, 10);
	request.query.wait_ms = 30000;
	ask(&client, &request);
	turn_until_waiting(stage, 1);
	append(stage, 2);
	query_service_wake(stage->queries);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.record_count, 2);
	assert_int_equal(reply->answer.records[0].position, 11);
	assert_int_equal(waiting(stage), 0);
	disconnect(&client);
}

static void test_long_poll_ends(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_NOW);
	uint64_t start_ns = clock_monotonic_ns();

	request.query.wait_ms = 80;
	ask(&client, &request);
	assert_int_equal(answered(stage, &client)->answer.record_count, 0);
	assert_true(clock_monotonic_ns() - start_ns >= 80 * CLOCK_MS);
	disconnect(&client);
}

static void test_losses_are_told_once(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_OLDEST);
	const struct flow_loss loss = { .source = "ring_buffer",
					.packets = 5,
					.node_name = "node" };
	const struct reply *reply;

	append(stage, 1);
	losses_note(stage->losses, 1, &loss);
	ask(&client, &request);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.loss_count, 1);
	assert_string_equal(reply->answer.losses[0].source, "ring_buffer");
	assert_int_equal(reply->answer.losses[0].packets, 5);
	request = query_of(QUERY_AFTER_POSITION);
	request.query.position = reply->answer.position;
	request.query.epoch = EPOCH;
	forget(&client);
	ask(&client, &request);
	assert_int_equal(answered(stage, &client)->answer.loss_count, 0);
	disconnect(&client);
}

static void test_another_epoch_is_a_restart(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_AFTER_POSITION);
	const struct reply *reply;

	append(stage, 3);
	request.query.position = 900;
	request.query.epoch = EPOCH - 1;
	ask(&client, &request);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.record_count, 3);
	assert_int_equal(reply->answer.loss_count, 1);
	assert_string_equal(reply->answer.losses[0].source, "daemon_restart");
	disconnect(&client);
}

static void test_fell_out_of_history(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_AFTER_POSITION);
	const struct reply *reply;

	append(stage, 15000);
	request.query.position = 10;
	request.query.epoch = EPOCH;
	ask(&client, &request);
	reply = answered(stage, &client);
	assert_int_equal(reply->answer.loss_count, 1);
	assert_string_equal(reply->answer.losses[0].source, "history");
	assert_int_equal(reply->answer.losses[0].records, 4990);
	assert_int_equal(reply->answer.records[0].position, 5001);
	disconnect(&client);
}

/* ---- hostile requests ------------------------------------------------------------------------ */

static void assert_refused(struct stage *stage, const void *data, size_t size, enum error_code code)
{
	struct client client = connected(stage);
	const struct reply *reply;

	send_bytes(&client, data, size);
	reply = answered(stage, &client);
	assert_int_equal(reply->type, REPLY_ERROR);
	assert_int_equal(reply->error, code);
	assert_true(strlen(reply->error_message) > 0);
	disconnect(&client);
}

static void test_hostile_requests(void **state)
{
	struct stage *stage = *state;
	struct request request = query_of(QUERY_LAST);
	struct buffer bytes = { 0 };
	struct client client;
	uint8_t *big = calloc(1, PROTO_REQUEST_MAX + 1);

	assert_refused(stage, "\xff\xff\xff\xff garbage", 12, ERROR_MALFORMED);
	assert_refused(stage, big, PROTO_REQUEST_MAX + 1, ERROR_MALFORMED);
	assert_refused(stage, "", 0, ERROR_UNSUPPORTED); /* version 0 */
	request.query.number = 1234567;
	request.query.since_ns = 77;
	assert_int_equal(codec_pack_request(&request, &bytes), 0);
	assert_refused(stage, bytes.data, bytes.size - 3, ERROR_MALFORMED);
	buffer_fini(&bytes);
	free(big);
	client = connected(stage);
	request = (struct request){ .type = REQUEST_STATUS };
	ask(&client, &request);
	assert_string_equal(answered(stage, &client)->status.version, "test");
	disconnect(&client);
}

static void test_truncated_at_every_byte(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_LAST);
	struct buffer bytes = { 0 };
	char why[128];

	request.query.number = 300;
	assert_int_equal(filter_test(field_find("source.ip"), "10.0.0.0/8", &request.query.filter,
				     why, sizeof(why)),
			 0);
	assert_int_equal(codec_pack_request(&request, &bytes), 0);
	for (size_t size = 0; size < bytes.size; size++) {
		send_bytes(&client, bytes.data, size);
		answered(stage, &client); /* whatever it says, it is a reply */
		forget(&client);
	}
	filter_free(request.query.filter);
	buffer_fini(&bytes);
	disconnect(&client);
}

/* ---- many clients ---------------------------------------------------------------------------- */

static void test_many_clients(void **state)
{
	struct stage *stage = *state;
	struct client clients[CLIENTS];
	struct request request = query_of(QUERY_LAST);

	append(stage, 500);
	request.query.number = 10;
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = connected(stage);
		ask(&clients[i], &request);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(answered(stage, &clients[i])->answer.record_count, 10);
		disconnect(&clients[i]);
	}
}

static void test_too_many_wait(void **state)
{
	struct stage *stage = *state;
	struct client clients[CLIENTS];
	struct request request = query_of(QUERY_NOW);
	unsigned int refused = 0, served = 0;

	request.query.wait_ms = 20000;
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = connected(stage);
		ask(&clients[i], &request);
	}
	turn_until_waiting(stage, 32);
	while (refused < CLIENTS - 32) {
		struct query_stats stats;

		loop_turn(stage->loop, 5 * CLOCK_MS);
		query_service_stats(stage->queries, &stats);
		refused = (unsigned int)stats.refused;
	}
	append(stage, 1);
	query_service_wake(stage->queries);
	refused = 0;
	for (size_t i = 0; i < CLIENTS; i++) {
		const struct reply *reply = answered(stage, &clients[i]);

		served += reply->type == REPLY_ANSWER && reply->answer.record_count == 1;
		refused += reply->type == REPLY_ERROR && reply->error == ERROR_OVERLOADED;
		disconnect(&clients[i]);
	}
	assert_int_equal(served, 32);
	assert_int_equal(refused, 32);
}

static void test_clients_that_go_free_their_place(void **state)
{
	struct stage *stage = *state;
	struct request request = query_of(QUERY_NOW);
	struct client clients[32];

	request.query.wait_ms = 30000;
	for (size_t i = 0; i < 32; i++) {
		clients[i] = connected(stage);
		ask(&clients[i], &request);
	}
	turn_until_waiting(stage, 32);
	for (size_t i = 0; i < 32; i++)
		disconnect(&clients[i]);
	turn_until_waiting(stage, 0);
}

static void test_waiting_are_answered_at_the_end(void **state)
{
	struct stage *stage = *state;
	struct client client = connected(stage);
	struct request request = query_of(QUERY_NOW);

	request.query.wait_ms = 30000;
	ask(&client, &request);
	turn_until_waiting(stage, 1);
	query_service_close(stage->queries);
	stage->queries = NULL;
	nng_aio_wait(client.aio);
	take_reply(&client);
	assert_int_equal(client.reply.type, REPLY_ANSWER);
	assert_true(client.reply.answer.at_end);
	disconnect(&client);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static unsigned int mode_of(const struct stage *stage, const char *name)
{
	char path[128];
	struct stat facts;

	snprintf(path, sizeof(path), "%s/%s", stage->directory, name);
	assert_int_equal(stat(path, &facts), 0);
	return facts.st_mode & 07777;
}

static void test_permissions(void **state)
{
	const struct stage *stage = *state;

	assert_int_equal(mode_of(stage, "q"), 0750);
	assert_int_equal(mode_of(stage, "q/q.sock"), 0660);
	assert_int_equal(mode_of(stage, "q/e.sock"), 0660);
	assert_int_equal(mode_of(stage, "q/q.sock.lock"), 0600);
}

static void test_second_daemon_is_refused(void **state)
{
	struct stage *stage = *state;
	struct query_service *second = NULL;

	assert_int_equal(open_queries(stage, stage->query_url, &second), -EADDRINUSE);
	assert_null(second);
}

static void test_plain_tcp_is_for_loopback(void **state)
{
	struct stage *stage = *state;
	struct query_service *second = NULL;

	assert_int_equal(open_queries(stage, "tcp://0.0.0.0:0", &second), -EPERM);
	assert_int_equal(open_queries(stage, "tcp://127.0.0.1:0", &second), 0);
	query_service_close(second);
}

/* ---- publication ----------------------------------------------------------------------------- */

static nng_socket subscribed(const struct stage *stage, const char *topic)
{
	nng_socket socket;
	struct publisher_stats stats;

	assert_int_equal(nng_sub0_open(&socket), 0);
	assert_int_equal(nng_socket_set(socket, NNG_OPT_SUB_SUBSCRIBE, topic, strlen(topic)), 0);
	assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 20000), 0);
	assert_int_equal(nng_socket_set_int(socket, NNG_OPT_RECVBUF, 1024), 0);
	assert_int_equal(nng_dial(socket, stage->events_url, NULL, 0), 0);
	do
		publisher_stats(stage->publisher, &stats);
	while (!stats.subscribers);
	return socket;
}

static void take_batch(nng_socket socket, const char *topic, uint64_t *sequence,
		       struct answer *batch)
{
	nng_msg *message;
	char why[128];

	assert_int_equal(nng_recvmsg(socket, &message, 0), 0);
	assert_memory_equal(nng_msg_body(message), topic, strlen(topic));
	assert_int_equal(codec_unpack_batch((uint8_t *)nng_msg_body(message) + strlen(topic),
					    nng_msg_len(message) - strlen(topic), sequence, batch,
					    why, sizeof(why)),
			 0);
	nng_msg_free(message);
}

static void test_publication(void **state)
{
	struct stage *stage = *state;
	nng_socket socket = subscribed(stage, "flow.");
	uint64_t position = 0, sequence, last = 0;

	append(stage, 1000);
	assert_false(publisher_pump(stage->publisher));
	while (position < 1000) {
		struct answer batch;

		take_batch(socket, PUBLISH_TOPIC_FLOW, &sequence, &batch);
		assert_int_equal(sequence, ++last);
		assert_in_range(batch.record_count, 1, PUBLISH_RECORDS);
		for (size_t i = 0; i < batch.record_count; i++)
			assert_int_equal(batch.records[i].position, ++position);
		answer_fini(&batch);
	}
	nng_close(socket);
}

static void test_skipped_batches_leave_a_gap(void **state)
{
	struct stage *stage = *state;
	uint64_t sequence;
	struct answer batch;
	nng_socket socket;

	append(stage, 600);
	publisher_pump(stage->publisher); /* nobody hears it */
	socket = subscribed(stage, "");
	append(stage, 1);
	publisher_pump(stage->publisher);
	take_batch(socket, PUBLISH_TOPIC_FLOW, &sequence, &batch);
	assert_int_equal(sequence, 4);
	assert_int_equal(batch.record_count, 1);
	assert_int_equal(batch.records[0].position, 601);
	answer_fini(&batch);
	nng_close(socket);
}

static void test_losses_are_published(void **state)
{
	struct stage *stage = *state;
	nng_socket socket = subscribed(stage, "agent.");
	const struct flow_loss loss = { .source = "ring_buffer",
					.packets = 9,
					.node_name = "node" };
	struct answer batch;
	uint64_t sequence;

	publisher_loss(stage->publisher, &loss);
	take_batch(socket, PUBLISH_TOPIC_AGENT, &sequence, &batch);
	assert_int_equal(sequence, 1);
	assert_int_equal(batch.losses[0].packets, 9);
	answer_fini(&batch);
	nng_close(socket);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cursor_walks_through),
		TEST(test_last_first_now),
		TEST(test_long_poll_wakes),
		TEST(test_long_poll_ends),
		TEST(test_losses_are_told_once),
		TEST(test_another_epoch_is_a_restart),
		TEST(test_fell_out_of_history),
		TEST(test_hostile_requests),
		TEST(test_truncated_at_every_byte),
		TEST(test_many_clients),
		TEST(test_too_many_wait),
		TEST(test_clients_that_go_free_their_place),
		TEST(test_waiting_are_answered_at_the_end),
		TEST(test_permissions),
		TEST(test_second_daemon_is_refused),
		TEST(test_plain_tcp_is_for_loopback),
		TEST(test_publication),
		TEST(test_skipped_batches_leave_a_gap),
		TEST(test_losses_are_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
