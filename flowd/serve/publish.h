/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Live publication: a PUB socket fed from history. Each message is a topic, a newline and a packed
 * Batch with a sequence number per topic; nng drops silently for a slow subscriber, and the number
 * makes the gap visible. The publisher keeps no queue: it is one more reader of history, sends a
 * limited amount per turn, and skips everything while nobody listens.
 */
#ifndef SERVE_PUBLISH_H
#define SERVE_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/serve/listen.h"
#include "flowd/store/history.h"
#include "proto/flow_record.h"

#define PUBLISH_TOPIC_FLOW  "flow.\n"  /* records of flows */
#define PUBLISH_TOPIC_DROP  "drop.\n"  /* records of dropped packets */
#define PUBLISH_TOPIC_TCP   "tcp.\n"   /* records of TCP trouble */
#define PUBLISH_TOPIC_DNS   "dns.\n"   /* DNS messages, and questions without an answer */
#define PUBLISH_TOPIC_AGENT "agent.\n" /* losses */
#define PUBLISH_RECORDS	    256	       /* of one batch */
#define PUBLISH_BATCHES	    32	       /* of one turn */

struct publisher_options {
	struct history *history;
	uint64_t epoch;
	const char *node_name;
	const struct listen_options *listen;
	size_t listen_count;
	gid_t group;
};

struct publisher;
/* 0 or negative errno, logged. */
int publisher_open(struct publisher **out, const struct publisher_options *options);
/* Accepts NULL. */
void publisher_close(struct publisher *publisher);

/* Sends what history has new, PUBLISH_BATCHES batches at most; true when there is more. */
bool publisher_pump(struct publisher *publisher);
void publisher_loss(struct publisher *publisher, const struct flow_loss *loss);

struct publisher_stats {
	uint64_t subscribers;
	uint64_t batches, records; /* sent */
	uint64_t missed;	   /* records that left history before they were sent */
};
void publisher_stats(const struct publisher *publisher, struct publisher_stats *stats);

#endif
