/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve_stage.h"

#include <unistd.h>

static void fill_status(void *context, struct status *status)
{
	(void)context;
	*status = (struct status){ .version = "test", .node_name = "node", .epoch = EPOCH };
}

int stage_open_queries(struct stage *stage, const char *url, struct query_service **out)
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

int stage_set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	strcpy(stage->directory, "/tmp/flowd-serve-XXXXXX");
	assert_non_null(mkdtemp(stage->directory));
	snprintf(stage->query_url, sizeof(stage->query_url), "ipc://%s/q/q.sock", stage->directory);
	snprintf(stage->events_url, sizeof(stage->events_url), "ipc://%s/q/e.sock",
		 stage->directory);
	assert_int_equal(loop_open(&stage->loop), 0);
	assert_int_equal(history_open(&stage->history, 10000, 0), 0);
	assert_int_equal(losses_open(&stage->losses), 0);
	assert_int_equal(stage_open_queries(stage, stage->query_url, &stage->queries), 0);
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

int stage_tear_down(void **state)
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

void stage_append(struct stage *stage, unsigned int count)
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

struct client client_connect(const struct stage *stage)
{
	struct client client = { .answered = false };

	assert_int_equal(nng_req0_open(&client.socket), 0);
	assert_int_equal(nng_dial(client.socket, stage->query_url, NULL, 0), 0);
	client.done = calloc(1, sizeof(*client.done));
	assert_int_equal(nng_aio_alloc(&client.aio, received, client.done), 0);
	nng_aio_set_timeout(client.aio, 20000);
	return client;
}

void client_send(struct client *client, const void *data, size_t size)
{
	nng_msg *message;

	assert_int_equal(nng_msg_alloc(&message, 0), 0);
	assert_int_equal(nng_msg_append(message, data, size), 0);
	assert_int_equal(nng_sendmsg(client->socket, message, 0), 0);
	atomic_store(client->done, false);
	nng_recv_aio(client->socket, client->aio);
}

void client_ask(struct client *client, const struct request *request)
{
	struct buffer bytes = { 0 };

	assert_int_equal(codec_pack_request(request, &bytes), 0);
	client_send(client, bytes.data, bytes.size);
	buffer_fini(&bytes);
}

void client_take_reply(struct client *client)
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
const struct reply *client_answer(struct stage *stage, struct client *client)
{
	while (!atomic_load(client->done))
		loop_turn(stage->loop, 5 * CLOCK_MS);
	client_take_reply(client);
	return &client->reply;
}

void client_forget(struct client *client)
{
	if (client->answered)
		reply_fini(&client->reply);
	client->answered = false;
}

void client_disconnect(struct client *client)
{
	client_forget(client);
	nng_close(client->socket);
	nng_aio_free(client->aio);
	free(client->done);
}

struct request client_query(enum query_start start)
{
	return (struct request){ .type = REQUEST_QUERY, .query = { .start = start } };
}
