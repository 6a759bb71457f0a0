/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/exporters.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"

#define PATIENCE_NS (5 * CLOCK_S)

struct exporters {
	struct history *history;
	struct exporter *exporter[EXPORTERS_MAX];
	size_t count;
};

int exporters_open(struct exporters **out, struct history *history,
		   const struct exporter_options *options, size_t count)
{
	struct exporters *exporters = calloc(1, sizeof(*exporters));
	char why[512];
	int error = 0;

	if (!exporters)
		return -ENOMEM;
	exporters->history = history;
	for (size_t i = 0; i < count && !error; i++) {
		error = exporter_open(&exporters->exporter[i], &options[i], why, sizeof(why));
		if (error)
			log_error("export %s: %s", options[i].settings->name, why);
		else
			exporters->count++;
	}
	if (error) {
		exporters_close(exporters);
		return error;
	}
	*out = exporters;
	return 0;
}

void exporters_close(struct exporters *exporters)
{
	uint64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

	if (!exporters)
		return;
	for (size_t i = 0; i < exporters->count; i++) {
		uint64_t now_ns = clock_monotonic_ns();

		exporter_close(exporters->exporter[i], now_ns < end_ns ? end_ns - now_ns : 0);
	}
	free(exporters);
}

bool exporters_pump(struct exporters *exporters)
{
	bool more = false;

	for (size_t i = 0; exporters && i < exporters->count; i++)
		more |= exporter_pump(exporters->exporter[i], exporters->history);
	return more;
}

uint64_t exporters_oldest(struct exporters *exporters)
{
	uint64_t oldest = UINT64_MAX;

	for (size_t i = 0; exporters && i < exporters->count; i++) {
		uint64_t one = exporter_oldest(exporters->exporter[i]);

		oldest = one < oldest ? one : oldest;
	}
	return oldest;
}

void exporters_loss(struct exporters *exporters, const struct flow_loss *loss)
{
	for (size_t i = 0; exporters && i < exporters->count; i++)
		exporter_loss(exporters->exporter[i], loss);
}

void exporters_reopen(struct exporters *exporters)
{
	for (size_t i = 0; exporters && i < exporters->count; i++)
		exporter_reopen(exporters->exporter[i]);
}

size_t exporters_stats(struct exporters *exporters, struct exporter_stats *stats)
{
	for (size_t i = 0; exporters && i < exporters->count; i++)
		exporter_stats(exporters->exporter[i], &stats[i]);
	return exporters ? exporters->count : 0;
}
