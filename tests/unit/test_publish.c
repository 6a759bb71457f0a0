/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets (permissions, locks, who may listen where) and the publisher over real ones. */
#include "serve_stage.h"

#include <errno.h>
#include <nng/protocol/pubsub0/sub.h>
#include <sys/stat.h>

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

	assert_int_equal(stage_open_queries(stage, stage->query_url, &second), -EADDRINUSE);
	assert_null(second);
}

static void test_plain_tcp_is_for_loopback(void **state)
{
	struct stage *stage = *state;
	struct query_service *second = NULL;

	assert_int_equal(stage_open_queries(stage, "tcp://0.0.0.0:0", &second), -EPERM);
	assert_int_equal(stage_open_queries(stage, "tcp://127.0.0.1:0", &second), 0);
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

	stage_append(stage, 1000);
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

	stage_append(stage, 600);
	publisher_pump(stage->publisher); /* nobody hears it */
	socket = subscribed(stage, "");
	stage_append(stage, 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_permissions),
		TEST(test_second_daemon_is_refused),
		TEST(test_plain_tcp_is_for_loopback),
		TEST(test_publication),
		TEST(test_skipped_batches_leave_a_gap),
		TEST(test_losses_are_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
