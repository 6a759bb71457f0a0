/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All exporters of the daemon. Called from the pipeline's thread only. */
#ifndef EXPORT_EXPORTERS_H
#define EXPORT_EXPORTERS_H

#include "flowd/export/exporter.h"

#define EXPORTERS_MAX 16

struct exporters;

/* `options`: one entry each. 0, or negative errno after it has been logged. */
int exporters_open(struct exporters **out, struct history *history,
		   const struct exporter_options *options, size_t count);
/* Accepts NULL; waits some seconds for the targets, once for all. */
void exporters_close(struct exporters *exporters);

/* Takes over what is new in history; true while there is more than they have room for. */
bool exporters_pump(struct exporters *exporters);
uint64_t exporters_oldest(struct exporters *exporters);
void exporters_loss(struct exporters *exporters, const struct flow_loss *loss);
void exporters_reopen(struct exporters *exporters);
/* Fills at most EXPORTERS_MAX; returns how many. Any thread. */
size_t exporters_stats(struct exporters *exporters, struct exporter_stats *stats);

#endif
