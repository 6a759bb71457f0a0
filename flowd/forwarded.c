/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/forwarded.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/kernel/tcp_watch.h"

#define NEWS_FIRST 256

struct forwarded_news {
	struct flow_key key;
	struct flow_tcp tcp;
};

struct forwarded {
	struct tcp_watch_table *watch;
	struct flow_table *table;
	struct forwarded_news *news;
	size_t count, room;
	uint64_t lost;
};

int forwarded_open(struct forwarded **out, const struct config *config,
		   const struct datapath *datapath, struct flow_table *table)
{
	struct forwarded *forwarded;

	if (!config->flow.tcp_connections)
		return 0;
	forwarded = calloc(1, sizeof(*forwarded));
	if (!forwarded)
		return -ENOMEM;
	forwarded->table = table;
	if (tcp_watch_open(&forwarded->watch, datapath, (uint32_t)config->flow.tcp_connections))
		free(forwarded); /* and that was logged */
	else
		*out = forwarded;
	return 0;
}

void forwarded_close(struct forwarded *forwarded)
{
	if (!forwarded)
		return;
	tcp_watch_close(forwarded->watch);
	free(forwarded->news);
	free(forwarded);
}

static int forwarded_grow(struct forwarded *forwarded)
{
	size_t room = forwarded->room ? forwarded->room * 2 : NEWS_FIRST;
	struct forwarded_news *more = realloc(forwarded->news, room * sizeof(*more));

	if (!more)
		return -ENOMEM;
	forwarded->news = more;
	forwarded->room = room;
	return 0;
}

static void forwarded_add(void *context, const struct flow_key *key, const struct flow_tcp *tcp)
{
	struct forwarded *forwarded = context;

	if (forwarded->count == forwarded->room && forwarded_grow(forwarded))
		forwarded->lost++;
	else
		forwarded->news[forwarded->count++] = (struct forwarded_news){ *key, *tcp };
}

void forwarded_take(struct forwarded *forwarded)
{
	if (forwarded)
		tcp_watch_read(forwarded->watch, forwarded_add, forwarded);
}

void forwarded_tell(struct forwarded *forwarded)
{
	if (!forwarded)
		return;
	for (size_t i = 0; i < forwarded->count; i++)
		flow_table_tcp(forwarded->table, &forwarded->news[i].key, &forwarded->news[i].tcp);
	forwarded->count = 0;
}

void forwarded_counters(const struct forwarded *forwarded, forwarded_count_fn visit, void *context)
{
	uint64_t packets, unwatched;

	if (!forwarded)
		return;
	tcp_watch_count(forwarded->watch, &packets, &unwatched);
	visit(context, "tcp_watched_packets", packets - unwatched, "TCP packets analysed");
	visit(context, "tcp_unwatched_packets", unwatched,
	      "TCP packets not analysed: beyond flow.tcp_connections, or not plain");
	visit(context, "tcp_watch_lost", forwarded->lost, "their findings not told: no memory");
}
