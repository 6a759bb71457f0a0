/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The query service over real sockets: cursors, long polls, hostile requests, many clients at once.
 */
#include "serve_stage.h"

#define CLIENTS 64

/* ---- queries --------------------------------------------------------------------------------- */

static void test_cursor_walks_through(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_OLDEST);
	uint64_t expected = 0;
	bool at_end;

	stage_append(stage, 5000);
	do {
		const struct reply *reply;

		client_ask(&client, &request);
		reply = client_answer(stage, &client);
		assert_int_equal(reply->type, REPLY_ANSWER);
		assert_int_equal(reply->answer.epoch, EPOCH);
		assert_in_range(reply->answer.record_count, 1, QUERY_RECORDS_MAX);
		for (size_t i = 0; i < reply->answer.record_count; i++)
			assert_int_equal(reply->answer.records[i].position, ++expected);
		at_end = reply->answer.at_end;
		request = client_query(QUERY_AFTER_POSITION);
		request.query.position = reply->answer.position;
		request.query.epoch = reply->answer.epoch;
		client_forget(&client);
	} while (!at_end);
	assert_int_equal(expected, 5000);
	client_disconnect(&client);
}

static void test_last_first_now(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_LAST);
	const struct reply *reply;

	stage_append(stage, 100);
	request.query.number = 7;
	client_ask(&client, &request);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.record_count, 7);
	assert_int_equal(reply->answer.records[0].position, 94);
	client_forget(&client);
	request = client_query(QUERY_FIRST);
	request.query.number = 3;
	client_ask(&client, &request);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.record_count, 3);
	assert_int_equal(reply->answer.records[2].position, 3);
	client_forget(&client);
	request = client_query(QUERY_NOW);
	client_ask(&client, &request);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.record_count, 0);
	assert_int_equal(reply->answer.position, 100);
	assert_true(reply->answer.at_end);
	client_disconnect(&client);
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
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_NOW);
	const struct reply *reply;

	stage_append(stage, 10);
	request.query.wait_ms = 30000;
	client_ask(&client, &request);
	turn_until_waiting(stage, 1);
	stage_append(stage, 2);
	query_service_wake(stage->queries);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.record_count, 2);
	assert_int_equal(reply->answer.records[0].position, 11);
	assert_int_equal(waiting(stage), 0);
	client_disconnect(&client);
}

static void test_long_poll_ends(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_NOW);
	uint64_t start_ns = clock_monotonic_ns();

	request.query.wait_ms = 80;
	client_ask(&client, &request);
	assert_int_equal(client_answer(stage, &client)->answer.record_count, 0);
	assert_true(clock_monotonic_ns() - start_ns >= 80 * CLOCK_MS);
	client_disconnect(&client);
}

static void test_losses_are_told_once(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_OLDEST);
	const struct flow_loss loss = { .source = "ring_buffer",
					.packets = 5,
					.node_name = "node" };
	const struct reply *reply;

	stage_append(stage, 1);
	losses_note(stage->losses, 1, &loss);
	client_ask(&client, &request);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.loss_count, 1);
	assert_string_equal(reply->answer.losses[0].source, "ring_buffer");
	assert_int_equal(reply->answer.losses[0].packets, 5);
	request = client_query(QUERY_AFTER_POSITION);
	request.query.position = reply->answer.position;
	request.query.epoch = EPOCH;
	client_forget(&client);
	client_ask(&client, &request);
	assert_int_equal(client_answer(stage, &client)->answer.loss_count, 0);
	client_disconnect(&client);
}

static void test_another_epoch_is_a_restart(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_AFTER_POSITION);
	const struct reply *reply;

	stage_append(stage, 3);
	request.query.position = 900;
	request.query.epoch = EPOCH - 1;
	client_ask(&client, &request);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.record_count, 3);
	assert_int_equal(reply->answer.loss_count, 1);
	assert_string_equal(reply->answer.losses[0].source, "daemon_restart");
	client_disconnect(&client);
}

static void test_fell_out_of_history(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_AFTER_POSITION);
	const struct reply *reply;

	stage_append(stage, 15000);
	request.query.position = 10;
	request.query.epoch = EPOCH;
	client_ask(&client, &request);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->answer.loss_count, 1);
	assert_string_equal(reply->answer.losses[0].source, "history");
	assert_int_equal(reply->answer.losses[0].records, 4990);
	assert_int_equal(reply->answer.records[0].position, 5001);
	client_disconnect(&client);
}

/* ---- hostile requests ------------------------------------------------------------------------ */

static void assert_refused(struct stage *stage, const void *data, size_t size, enum error_code code)
{
	struct client client = client_connect(stage);
	const struct reply *reply;

	client_send(&client, data, size);
	reply = client_answer(stage, &client);
	assert_int_equal(reply->type, REPLY_ERROR);
	assert_int_equal(reply->error, code);
	assert_true(strlen(reply->error_message) > 0);
	client_disconnect(&client);
}

static void test_hostile_requests(void **state)
{
	struct stage *stage = *state;
	struct request request = client_query(QUERY_LAST);
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
	client = client_connect(stage);
	request = (struct request){ .type = REQUEST_STATUS };
	client_ask(&client, &request);
	assert_string_equal(client_answer(stage, &client)->status.version, "test");
	client_disconnect(&client);
}

static void test_truncated_at_every_byte(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_LAST);
	struct buffer bytes = { 0 };
	char why[128];

	request.query.number = 300;
	assert_int_equal(filter_test(field_find("source.ip"), "10.0.0.0/8", &request.query.filter,
				     why, sizeof(why)),
			 0);
	assert_int_equal(codec_pack_request(&request, &bytes), 0);
	for (size_t size = 0; size < bytes.size; size++) {
		client_send(&client, bytes.data, size);
		client_answer(stage, &client); /* whatever it says, it is a reply */
		client_forget(&client);
	}
	filter_free(request.query.filter);
	buffer_fini(&bytes);
	client_disconnect(&client);
}

/* ---- many clients ---------------------------------------------------------------------------- */

static void test_many_clients(void **state)
{
	struct stage *stage = *state;
	struct client clients[CLIENTS];
	struct request request = client_query(QUERY_LAST);

	stage_append(stage, 500);
	request.query.number = 10;
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = client_connect(stage);
		client_ask(&clients[i], &request);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(client_answer(stage, &clients[i])->answer.record_count, 10);
		client_disconnect(&clients[i]);
	}
}

static void test_too_many_wait(void **state)
{
	struct stage *stage = *state;
	struct client clients[CLIENTS];
	struct request request = client_query(QUERY_NOW);
	unsigned int refused = 0, served = 0;

	request.query.wait_ms = 20000;
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = client_connect(stage);
		client_ask(&clients[i], &request);
	}
	turn_until_waiting(stage, 32);
	while (refused < CLIENTS - 32) {
		struct query_stats stats;

		loop_turn(stage->loop, 5 * CLOCK_MS);
		query_service_stats(stage->queries, &stats);
		refused = (unsigned int)stats.refused;
	}
	stage_append(stage, 1);
	query_service_wake(stage->queries);
	refused = 0;
	for (size_t i = 0; i < CLIENTS; i++) {
		const struct reply *reply = client_answer(stage, &clients[i]);

		served += reply->type == REPLY_ANSWER && reply->answer.record_count == 1;
		refused += reply->type == REPLY_ERROR && reply->error == ERROR_OVERLOADED;
		client_disconnect(&clients[i]);
	}
	assert_int_equal(served, 32);
	assert_int_equal(refused, 32);
}

static void test_clients_that_go_free_their_place(void **state)
{
	struct stage *stage = *state;
	struct request request = client_query(QUERY_NOW);
	struct client clients[32];

	request.query.wait_ms = 30000;
	for (size_t i = 0; i < 32; i++) {
		clients[i] = client_connect(stage);
		client_ask(&clients[i], &request);
	}
	turn_until_waiting(stage, 32);
	for (size_t i = 0; i < 32; i++)
		client_disconnect(&clients[i]);
	turn_until_waiting(stage, 0);
}

static void test_waiting_are_answered_at_the_end(void **state)
{
	struct stage *stage = *state;
	struct client client = client_connect(stage);
	struct request request = client_query(QUERY_NOW);

	request.query.wait_ms = 30000;
	client_ask(&client, &request);
	turn_until_waiting(stage, 1);
	query_service_close(stage->queries);
	stage->queries = NULL;
	nng_aio_wait(client.aio);
	client_take_reply(&client);
	assert_int_equal(client.reply.type, REPLY_ANSWER);
	assert_true(client.reply.answer.at_end);
	client_disconnect(&client);
}

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
