/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"
#include "flowd/entrances.h"

#define DELIVERY_WAIT_NS (10 * CLOCK_MS)

struct delivery {
	struct loop *loop;
	struct publisher *publisher;
	struct query_service *queries;
	struct outlets *outlets;
	struct loop_source *alarm;
	uint64_t undelivered;
};

uint64_t delivery_add(struct delivery *delivery)
{
	return ++delivery->undelivered;
}

void delivery_publish(struct delivery *delivery)
{
	delivery->undelivered = 0;
	while (publisher_pump(delivery->publisher))
		;
	outlets_pump(delivery->outlets);
}

void delivery_need(struct delivery *delivery)
{
	loop_alarm_need(delivery->alarm, DELIVERY_WAIT_NS);
}

static void delivery_turn(void *context)
{
	struct delivery *delivery = context;
	bool publishing, exporting;

	delivery->undelivered = 0;
	publishing = publisher_pump(delivery->publisher);
	exporting = outlets_pump(delivery->outlets);
	if (publishing || exporting)
		delivery_need(delivery);
	query_service_wake(delivery->queries);
}

static uint64_t delivery_requests(const struct delivery *delivery)
{
	struct query_stats stats;

	query_service_stats(delivery->queries, &stats);
	return stats.requests;
}

void delivery_serve_rest(struct delivery *delivery, uint64_t quiet_ns, uint64_t most_ns)
{
	uint64_t end_ns = clock_monotonic_ns() + most_ns, asked;

	delivery_publish(delivery);
	outlets_pump_patiently(delivery->outlets);
	query_service_wake(delivery->queries);
	do {
		asked = delivery_requests(delivery);
		loop_turn(delivery->loop, quiet_ns);
	} while (delivery_requests(delivery) != asked && clock_monotonic_ns() < end_ns);
}

void delivery_loss(struct delivery *delivery, const struct flow_loss *loss)
{
	publisher_loss(delivery->publisher, loss);
	outlets_loss(delivery->outlets, loss);
}

struct publisher *delivery_publisher(const struct delivery *delivery)
{
	return delivery->publisher;
}

struct outlets *delivery_outlets(const struct delivery *delivery)
{
	return delivery->outlets;
}

struct query_service *delivery_queries(const struct delivery *delivery)
{
	return delivery->queries;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int delivery_open_publisher(struct delivery *delivery,
				   const struct delivery_options *options, gid_t group)
{
	struct listen_options listen[ENTRANCES_MAX];
	struct publisher_options publisher = { .history = options->history,
					       .epoch = options->epoch,
					       .node_name = options->config->node_name,
					       .listen = listen,
					       .group = group };

	publisher.listen_count = entrances_list(options->config, group, false, listen);
	return publisher_open(&delivery->publisher, &publisher);
}

static int delivery_open_queries(struct delivery *delivery, const struct delivery_options *options,
				 gid_t group)
{
	struct listen_options listen[ENTRANCES_MAX];
	struct query_options queries = {
		.history = options->history,
		.losses = options->losses,
		.epoch = options->epoch,
		.node_name = options->config->node_name,
		.status = options->status,
		.listing = options->listing,
		.context = options->context,
		.max_waiting = (unsigned int)options->config->bus.max_waiting,
		.listen = listen,
		.group = group,
	};

	queries.listen_count = entrances_list(options->config, group, true, listen);
	return query_service_open(&delivery->queries, delivery->loop, &queries);
}

static int delivery_open_outlets(struct delivery *delivery, const struct delivery_options *options)
{
	const struct outlets_options outlets = { .config = options->config,
						 .loop = delivery->loop,
						 .history = options->history,
						 .epoch = options->epoch,
						 .status = options->status,
						 .context = options->context };

	return outlets_open(&delivery->outlets, &outlets);
}

int delivery_open(struct delivery **out, struct loop *loop, const struct delivery_options *options)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	gid_t group;
	int error;

	if (!delivery)
		return -ENOMEM;
	delivery->loop = loop;
	group = entrances_group(options->config->bus.socket_group);
	error = delivery_open_publisher(delivery, options, group);
	if (!error)
		error = delivery_open_queries(delivery, options, group);
	if (!error)
		error = delivery_open_outlets(delivery, options);
	if (!error)
		error = loop_add_alarm(loop, delivery_turn, delivery, &delivery->alarm);
	if (error) {
		delivery_close(delivery);
		return error;
	}
	*out = delivery;
	return 0;
}

void delivery_close(struct delivery *delivery)
{
	if (!delivery)
		return;
	loop_source_free(delivery->alarm);
	query_service_close(delivery->queries);
	outlets_close(delivery->outlets);
	publisher_close(delivery->publisher);
	free(delivery);
}
