/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/exporters.h"
#include "flowd/metrics/metrics.h"

#define DELIVERY_PATIENCE_NS (100 * CLOCK_MS)

struct delivery {
	struct publisher *publisher;
	struct exporters *exporters;
	struct metrics *metrics; /* NULL: no page */
};

static int delivery_open_exporters(struct delivery *delivery,
				   const struct delivery_options *options)
{
	const struct config *config = options->config;
	struct exporter_options exporters[EXPORTERS_MAX];

	for (size_t i = 0; i < config->export.count; i++)
		exporters[i] = (struct exporter_options){
			.kind = config->export.entry[i].kind,
			.settings = config->export.entry[i].settings,
			.node_name = config->node_name,
			.epoch = options->epoch,
		};
	return exporters_open(&delivery->exporters, options->history, exporters,
			      config->export.count);
}

/* Without the page all else works: an address that is taken does not keep the daemon down. */
static int delivery_open_metrics(struct delivery *delivery, const struct delivery_options *options)
{
	const struct config *config = options->config;
	const struct metrics_options metrics = {
		.listen = config->metrics.listen,
		.enable = config->metrics.enable,
		.limit = config->metrics.max_series,
		.ttl_ns = config->metrics.ttl,
		.cert = config->metrics.cert,
		.key = config->metrics.key,
		.token_file = config->metrics.token_file,
		.status = options->status,
		.context = options->context,
		.history = options->history,
	};
	char why[512];
	int error;

	if (!metrics.listen)
		return 0;
	error = metrics_open(&delivery->metrics, options->loop, &metrics, why, sizeof(why));
	if (error == -EADDRINUSE)
		log_warning("%s; going on without metrics, remedy: another metrics.listen", why);
	else if (error)
		log_error("%s", why);
	return error == -EADDRINUSE ? 0 : error;
}

int delivery_open(struct delivery **out, const struct delivery_options *options)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	int error;

	if (!delivery)
		return -ENOMEM;
	delivery->publisher = options->publisher;
	error = delivery_open_exporters(delivery, options);
	if (!error)
		error = delivery_open_metrics(delivery, options);
	if (error) {
		delivery_close(delivery);
		return error;
	}
	*out = delivery;
	return 0;
}

static void delivery_wait_for_exporters(struct delivery *delivery, uint64_t most_ns)
{
	uint64_t end_ns = clock_monotonic_ns() + most_ns;

	while (exporters_pump(delivery->exporters) && clock_monotonic_ns() < end_ns)
		clock_sleep_ns(CLOCK_MS);
}

void delivery_close(struct delivery *delivery)
{
	if (!delivery)
		return;
	delivery_wait_for_exporters(delivery, CLOCK_S);
	metrics_close(delivery->metrics);
	exporters_close(delivery->exporters);
	free(delivery);
}

bool delivery_pump(struct delivery *delivery)
{
	bool publish = publisher_pump(delivery->publisher);
	bool count = metrics_pump(delivery->metrics);

	return exporters_pump(delivery->exporters) || publish || count;
}

void delivery_burst(struct delivery *delivery, bool patient)
{
	while (publisher_pump(delivery->publisher))
		;
	metrics_pump(delivery->metrics);
	delivery_wait_for_exporters(delivery, patient ? DELIVERY_PATIENCE_NS : 0);
}

void delivery_loss(struct delivery *delivery, const struct flow_loss *loss)
{
	publisher_loss(delivery->publisher, loss);
	exporters_loss(delivery->exporters, loss);
	metrics_loss(delivery->metrics, loss);
}

void delivery_reopen(struct delivery *delivery)
{
	exporters_reopen(delivery->exporters);
}

struct exporters *delivery_exporters(struct delivery *delivery)
{
	return delivery->exporters;
}
