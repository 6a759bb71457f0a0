/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `flowcli status` shows: every counter by name, the devices, and the daemon's own cost. */
#ifndef FLOWD_STATUS_H
#define FLOWD_STATUS_H

#include "flowd/export/exporters.h"
#include "flowd/flow/flow_table.h"
#include "flowd/identification.h"
#include "flowd/kernel/datapath.h"
#include "flowd/kernel/interfaces.h"
#include "flowd/serve/publish.h"
#include "flowd/scope.h"
#include "flowd/serve/query.h"
#include "flowd/dns/dns.h"
#include "flowd/store/history.h"
#include "flowd/store/losses.h"
#include "flowd/forwarded.h"
#include "flowd/trouble/trouble.h"
#include "proto/codec.h"

/* Where the facts come from. */
struct status_sources {
	uint64_t epoch;
	const char *node_name;
	uint64_t max_flows, max_live_flows;
	struct history *history;
	const struct losses *losses;
	const struct flow_table *table;
	const struct dns *dns; /* NULL: not watched */
	struct datapath *datapath;
	const struct interfaces *interfaces;
	const struct publisher *publisher;
	struct exporters *exporters;
	uint32_t thrift; /* a factor on sampling (budget.h) */
	const struct query_service *queries;
	const struct trouble *trouble;
	const struct forwarded *forwarded;
	const struct identification *identification; /* NULL: off */
	const struct scope *scope;		     /* NULL: none */
};

struct status_page;
/* 0 or -ENOMEM. */
int status_page_open(struct status_page **out);
void status_page_close(struct status_page *page);

/* Every five seconds: what the rates of the last minute are made of. */
void status_page_sample(struct status_page *page, const struct status_sources *sources);
/* What `status` points to is valid until the next call. */
void status_page_fill(struct status_page *page, const struct status_sources *sources,
		      struct status *status);

#endif
