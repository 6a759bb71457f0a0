/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/trouble/chain_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/trouble/nft_trace.h"

struct chain_names {
	struct nft_trace *trace;
	struct intern *texts;
	bool told; /* of a namespace that cannot be listened in */
};

int chain_names_open(struct chain_names **out, struct intern *texts)
{
	struct chain_names *names = calloc(1, sizeof(*names));

	if (!names || nft_trace_open(&names->trace)) {
		free(names);
		return -ENOMEM;
	}
	names->texts = texts;
	*out = names;
	return 0;
}

void chain_names_close(struct chain_names *names)
{
	if (!names)
		return;
	nft_trace_close(names->trace);
	free(names);
}

static void names_listen(void *context, uint32_t netns, pid_t process)
{
	struct chain_names *names = context;
	int error = nft_trace_listen(names->trace, netns, process);

	if (!error || names->told)
		return;
	names->told = true;
	log_warning("events.nftrace: network namespace %u: %s; its drops are told without table "
		    "and chain; CAP_NET_ADMIN and CAP_SYS_ADMIN are needed",
		    netns, strerror(-error));
}

void chain_names_follow(struct chain_names *names, const struct net_counters *counters)
{
	if (!names)
		return;
	net_counters_spaces(counters, names_listen, names);
	nft_trace_leave(names->trace);
}

void chain_names_read(struct chain_names *names)
{
	if (names)
		nft_trace_read(names->trace, clock_monotonic_ns());
}

void chain_names_tell(struct chain_names *names, const struct trace_drop *drop,
		      struct flow_record *record)
{
	const char *reason = record->drops[0].reason;
	const struct nft_trace_place *place;

	if (!names || record->incident.table || !reason || strcmp(reason, "NETFILTER_DROP"))
		return;
	place = nft_trace_find(names->trace, drop->netns, &record->key, drop->event.time_ns);
	if (!place)
		return;
	record->incident.table = intern_text(names->texts, place->table);
	record->incident.chain = intern_text(names->texts, place->chain);
}

void chain_names_count(const struct chain_names *names, chain_count_fn visit, void *context)
{
	struct nft_trace_counts counts;

	if (!names)
		return;
	nft_trace_count(names->trace, &counts);
	visit(context, "nftrace_namespaces", counts.spaces,
	      "network namespaces whose nftables trace is listened to");
	visit(context, "nftrace_drops", counts.drops, "drops that the trace told of");
	visit(context, "nftrace_lost", counts.lost,
	      "times that the kernel had no room for messages of the trace");
}
