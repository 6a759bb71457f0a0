/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/delivery.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"
#include "flowd/export/exporters.h"

#define DELIVERY_PATIENCE_NS (100 * CLOCK_MS)

struct delivery {
	struct publisher *publisher;
	struct exporters *exporters;
};

int delivery_open(struct delivery **out, const struct config *config, struct history *history,
		  struct publisher *publisher, uint64_t epoch)
{
	struct exporter_options exporters[EXPORTERS_MAX];
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	int error;

	if (!delivery)
		return -ENOMEM;
	delivery->publisher = publisher;
	for (size_t i = 0; i < config->export.count; i++)
		exporters[i] = (struct exporter_options){
			.kind = config->export.entry[i].kind,
			.settings = config->export.entry[i].settings,
			.node_name = config->node_name,
			.epoch = epoch,
		};
	error = exporters_open(&delivery->exporters, history, exporters, config->export.count);
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
	exporters_close(delivery->exporters);
	free(delivery);
}

bool delivery_pump(struct delivery *delivery)
{
	bool publish = publisher_pump(delivery->publisher);

	return exporters_pump(delivery->exporters) || publish;
}

void delivery_burst(struct delivery *delivery, bool patient)
{
	while (publisher_pump(delivery->publisher))
		;
	delivery_wait_for_exporters(delivery, patient ? DELIVERY_PATIENCE_NS : 0);
}

void delivery_loss(struct delivery *delivery, const struct flow_loss *loss)
{
	publisher_loss(delivery->publisher, loss);
	exporters_loss(delivery->exporters, loss);
}

void delivery_reopen(struct delivery *delivery)
{
	exporters_reopen(delivery->exporters);
}

struct exporters *delivery_exporters(struct delivery *delivery)
{
	return delivery->exporters;
}
