/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/outlets.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/exporters.h"
#include "flowd/metrics/metrics.h"

#define OUTLETS_PATIENCE_NS (100 * CLOCK_MS)

struct outlets {
	struct exporters *exporters;
	struct metrics *metrics; /* NULL: no page */
};

static int outlets_open_exporters(struct outlets *outlets, const struct outlets_options *options)
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
	return exporters_open(&outlets->exporters, options->history, exporters,
			      config->export.count);
}

/* Without the page all else works: an address that is taken does not keep the daemon down. */
static int outlets_open_metrics(struct outlets *outlets, const struct outlets_options *options)
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
		.push = { .url = config->metrics.push_url,
			  .interval_ns = config->metrics.push_interval,
			  .token_file = config->metrics.push_token_file,
			  .ca = config->metrics.push_ca,
			  .cert = config->metrics.push_cert,
			  .key = config->metrics.push_key,
			  .node_name = config->node_name },
		.status = options->status,
		.context = options->context,
		.history = options->history,
	};
	char why[512];
	int error;

	if (!metrics.listen && !metrics.push.url)
		return 0;
	error = metrics_open(&outlets->metrics, options->loop, &metrics, why, sizeof(why));
	if (error == -EADDRINUSE)
		log_warning("%s; going on without metrics, remedy: another metrics.listen", why);
	else if (error)
		log_error("%s", why);
	return error == -EADDRINUSE ? 0 : error;
}

int outlets_open(struct outlets **out, const struct outlets_options *options)
{
	struct outlets *outlets = calloc(1, sizeof(*outlets));
	int error;

	if (!outlets)
		return -ENOMEM;
	error = outlets_open_exporters(outlets, options);
	if (!error)
		error = outlets_open_metrics(outlets, options);
	if (error) {
		outlets_close(outlets);
		return error;
	}
	*out = outlets;
	return 0;
}

static void outlets_wait_for_exporters(struct outlets *outlets, uint64_t most_ns)
{
	uint64_t end_ns = clock_monotonic_ns() + most_ns;

	while (exporters_pump(outlets->exporters) && clock_monotonic_ns() < end_ns)
		clock_sleep_ns(CLOCK_MS);
}

void outlets_close(struct outlets *outlets)
{
	if (!outlets)
		return;
	outlets_wait_for_exporters(outlets, CLOCK_S);
	metrics_close(outlets->metrics);
	exporters_close(outlets->exporters);
	free(outlets);
}

bool outlets_pump(struct outlets *outlets)
{
	bool count = metrics_pump(outlets->metrics);

	return exporters_pump(outlets->exporters) || count;
}

void outlets_pump_patiently(struct outlets *outlets)
{
	metrics_pump(outlets->metrics);
	outlets_wait_for_exporters(outlets, OUTLETS_PATIENCE_NS);
}

uint64_t outlets_oldest(struct outlets *outlets)
{
	uint64_t exported = exporters_oldest(outlets->exporters);
	uint64_t counted = metrics_oldest(outlets->metrics);

	return exported < counted ? exported : counted;
}

void outlets_loss(struct outlets *outlets, const struct flow_loss *loss)
{
	exporters_loss(outlets->exporters, loss);
	metrics_loss(outlets->metrics, loss);
}

void outlets_reopen(struct outlets *outlets)
{
	exporters_reopen(outlets->exporters);
}

struct exporters *outlets_exporters(struct outlets *outlets)
{
	return outlets->exporters;
}
