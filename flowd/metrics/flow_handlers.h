/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The handlers of flow metrics: each a row with its families and a function that counts. */
#ifndef METRICS_FLOW_HANDLERS_H
#define METRICS_FLOW_HANDLERS_H

#include "flowd/metrics/metric_context.h"
#include "flowd/metrics/series.h"

#define HANDLER_FAMILIES 3
#define HANDLER_LABELS	 5

enum handler_switch {
	HANDLER_QUERY = 1, /* dns: a label with the name that was asked for */
	HANDLER_IGNORE_AAAA = 2,
	HANDLER_ANY_DROP = 4,  /* flows-to-world: dropped flows of any kind */
	HANDLER_PORT = 8,      /* flows-to-world: a label with the port */
	HANDLER_SYN_ONLY = 16, /* flows-to-world: TCP only when a SYN was seen */
};

struct handler;

struct handler_family {
	const char *name, *help;
	enum series_type type;
	const char *labels[HANDLER_LABELS + 1];
};

struct handler_row {
	const char *name;
	struct handler_family families[HANDLER_FAMILIES];
	void (*record)(struct handler *handler, const struct flow_record *record);
};

/* A row at work. */
struct handler {
	const struct handler_row *row;
	unsigned int switches; /* enum handler_switch */
	struct metric_context context;
	struct series_family *family[HANDLER_FAMILIES];
	uint64_t now_ns;
};

const struct handler_row *handler_rows(size_t *count);

/* `values`: those of the family's own labels. */
void handler_count(struct handler *handler, size_t family, const struct flow_record *record,
		   const char *const *values, uint64_t count);
void handler_observe(struct handler *handler, size_t family, const struct flow_record *record,
		     const char *const *values, uint64_t value_ns);

#endif
