/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/publish.h"

#include <errno.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/supplemental/util/platform.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/log.h"
#include "flowd/serve/peer.h"
#include "proto/codec.h"

#define PUBLISH_SENDBUF 128 /* messages a subscriber may lag behind: about 8 MB */

/* nng has no linger: what still lies in its queues would die with the socket. */
#define PUBLISH_LINGER_MS 100

/* Records go out under one of these topics, by their kind. */
enum publish_topic { PUBLISH_FLOW, PUBLISH_DROP, PUBLISH_TCP, PUBLISH_DNS, PUBLISH_TOPICS };
static const char *const publish_topics[] = { PUBLISH_TOPIC_FLOW, PUBLISH_TOPIC_DROP,
					      PUBLISH_TOPIC_TCP, PUBLISH_TOPIC_DNS };

struct publisher {
	struct publisher_options options;
	nng_socket socket;
	struct peer_guard *guard;
	struct listener **listeners;
	size_t listener_count;
	uint64_t position; /* of the last record sent or skipped */
	uint64_t sequence[PUBLISH_TOPICS], agent_sequence;
	struct publisher_stats stats;
	struct flow_record records[PUBLISH_RECORDS];
	struct flow_record sorted[PUBLISH_RECORDS]; /* those of one topic */
};

static enum publish_topic publish_topic_of(const struct flow_record *record)
{
	if (record->kind == FLOW_KIND_DROP || record->kind == FLOW_KIND_XDP_ERROR)
		return PUBLISH_DROP;
	if (record->kind == FLOW_KIND_DNS)
		return PUBLISH_DNS;
	return flow_kind_is_event(record->kind) ? PUBLISH_TCP : PUBLISH_FLOW;
}

static void publisher_send(struct publisher *publisher, const char *topic, uint64_t sequence,
			   struct answer *batch)
{
	struct buffer buffer = { 0 };
	nng_msg *message = NULL;

	batch->epoch = publisher->options.epoch;
	batch->node_name = publisher->options.node_name;
	if (buffer_append(&buffer, topic, strlen(topic)) ||
	    codec_pack_batch(sequence, batch, &buffer) || nng_msg_alloc(&message, buffer.size)) {
		log_error("no memory to publish %zu records", batch->record_count);
	} else {
		memcpy(nng_msg_body(message), buffer.data, buffer.size);
		if (nng_sendmsg(publisher->socket, message, NNG_FLAG_NONBLOCK))
			nng_msg_free(message);
		publisher->stats.batches++;
		publisher->stats.records += batch->record_count;
	}
	buffer_fini(&buffer);
}

/* Moves past what nobody hears. The sequences move too: one who comes back sees a gap. */
static void publisher_skip(struct publisher *publisher)
{
	uint64_t newest = history_newest(publisher->options.history);
	uint64_t skipped = newest - publisher->position;

	for (int topic = 0; topic < PUBLISH_TOPICS; topic++)
		publisher->sequence[topic] += (skipped + PUBLISH_RECORDS - 1) / PUBLISH_RECORDS;
	publisher->position = newest;
}

/* The page's records of one topic, in their order. */
static void publisher_send_topic(struct publisher *publisher, enum publish_topic topic,
				 const struct history_page *page, struct answer *batch)
{
	size_t count = 0;

	for (size_t i = 0; i < page->count; i++)
		if (publish_topic_of(&page->records[i]) == topic)
			publisher->sorted[count++] = page->records[i];
	batch->records = publisher->sorted;
	batch->record_count = count;
	if (count || batch->loss_count)
		publisher_send(publisher, publish_topics[topic], ++publisher->sequence[topic],
			       batch);
}

/* True when there may be more. Losses are told to every topic: any of them may have had it. */
static bool publisher_send_page(struct publisher *publisher)
{
	const struct history_match everything = { 0 };
	struct history_page page = { .records = publisher->records, .room = PUBLISH_RECORDS };
	struct flow_loss loss = { .source = "history", .node_name = publisher->options.node_name };
	struct answer batch = { 0 };

	history_read(publisher->options.history, publisher->position, &everything, &page);
	publisher->position = page.position;
	if (page.missed) {
		publisher->stats.missed += page.missed;
		loss.records = page.missed;
		loss.first_ns = page.missed_first_ns;
		loss.last_ns = page.missed_last_ns;
		batch.losses = &loss;
		batch.loss_count = 1;
	}
	for (int topic = 0; topic < PUBLISH_TOPICS; topic++)
		publisher_send_topic(publisher, (enum publish_topic)topic, &page, &batch);
	return !page.at_end;
}

bool publisher_pump(struct publisher *publisher)
{
	if (!peer_guard_count(publisher->guard)) {
		publisher_skip(publisher);
		return false;
	}
	for (int i = 0; i < PUBLISH_BATCHES; i++) {
		if (!publisher_send_page(publisher))
			return false;
	}
	return true;
}

void publisher_loss(struct publisher *publisher, const struct flow_loss *loss)
{
	struct answer batch = { .losses = loss, .loss_count = 1 };

	publisher->agent_sequence++;
	if (peer_guard_count(publisher->guard))
		publisher_send(publisher, PUBLISH_TOPIC_AGENT, publisher->agent_sequence, &batch);
}

static int publisher_listen(struct publisher *publisher)
{
	const struct publisher_options *options = &publisher->options;
	int error = 0;

	publisher->listeners = calloc(options->listen_count, sizeof(*publisher->listeners));
	if (!publisher->listeners)
		return -ENOMEM;
	for (size_t i = 0; i < options->listen_count && !error; i++) {
		error = listener_open(&publisher->listeners[i], publisher->socket,
				      &options->listen[i]);
		publisher->listener_count += !error;
	}
	return error;
}

static int publisher_setup(struct publisher *publisher)
{
	int error = listen_errno(nng_pub0_open(&publisher->socket));

	if (error)
		return error;
	if (nng_socket_set_int(publisher->socket, NNG_OPT_SENDBUF, PUBLISH_SENDBUF))
		return -EIO;
	error = peer_guard_open(&publisher->guard, publisher->socket, publisher->options.group,
				NULL, NULL);
	return error ? error : publisher_listen(publisher);
}

int publisher_open(struct publisher **out, const struct publisher_options *options)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	int error;

	if (!publisher)
		return -ENOMEM;
	publisher->options = *options;
	error = publisher_setup(publisher);
	if (error) {
		publisher_close(publisher);
		return error;
	}
	*out = publisher;
	return 0;
}

void publisher_close(struct publisher *publisher)
{
	if (!publisher)
		return;
	if (peer_guard_count(publisher->guard))
		nng_msleep(PUBLISH_LINGER_MS);
	nng_close(publisher->socket);
	for (size_t i = 0; i < publisher->listener_count; i++)
		listener_close(publisher->listeners[i]);
	free(publisher->listeners);
	peer_guard_close(publisher->guard);
	free(publisher);
}

void publisher_stats(const struct publisher *publisher, struct publisher_stats *stats)
{
	*stats = publisher->stats;
	stats->subscribers = peer_guard_count(publisher->guard);
}
