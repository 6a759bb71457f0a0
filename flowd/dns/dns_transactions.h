/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which response answers which query, and which query nobody answered. Paired by the client's
 * address and port, transport, id and question; the server tells the expected answer from another.
 * A question is "the same" for one client, name and type: a retry under another id or to another
 * server is joined by it. Bounded: answered ones go first, then overdue ones, then waiting ones,
 * which is counted. Pure; time is what the caller passes.
 */
#ifndef DNS_DNS_TRANSACTIONS_H
#define DNS_DNS_TRANSACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/dns/dns_packet.h"
#include "proto/flow_dns.h"

/* A client that asks again sooner than this, under another id, asks for somebody else. */
#define DNS_RETRY_MIN_NS 200000000ull
#define DNS_LATE_NS	 60000000000ull /* how long an overdue answer is waited for */
#define DNS_ANSWERED_NS	 2000000000ull	/* how long a second answer is told from a first */

struct dns_transactions_options {
	size_t max_pending;
	uint64_t timeout_ns;
	uint64_t seed[2];
};

/* What is known of a query. */
struct dns_query {
	struct flow_key key;
	uint64_t first_ns, last_ns; /* under this id; last: the latest time it was sent */
	uint64_t asked_ns;	    /* when this question was first asked */
	uint32_t point;
	uint8_t eth_src[6];
	uint16_t retries;
	const struct flow_dns *dns; /* of the query */
};

struct dns_transactions_stats {
	uint64_t pending; /* held, whatever their state */
	uint64_t queries, responses, answered, timeouts;
	uint64_t retries, late, duplicates, unsolicited, other_server, tcp_retries;
	uint64_t evicted; /* waiting ones forgotten because there were too many */
};

struct dns_transactions;
/* 0 or -ENOMEM. */
int dns_transactions_open(struct dns_transactions **out,
			  const struct dns_transactions_options *options);
void dns_transactions_close(struct dns_transactions *transactions);

/* Enters the query, and what it is a retry of into `dns`. */
void dns_transactions_ask(struct dns_transactions *transactions, const struct dns_packet *packet,
			  struct flow_dns *dns);
/* Enters latency and the like into `dns`; the query, valid until the next call, or NULL: none is
 * known. */
const struct dns_query *dns_transactions_answer(struct dns_transactions *transactions,
						const struct dns_packet *packet,
						struct flow_dns *dns);

typedef void (*dns_timeout_fn)(void *context, const struct dns_query *query);
/* Calls `tell` for each query that nobody has answered in time; `now_ns` is not before any packet
 * that will come. */
void dns_transactions_age(struct dns_transactions *transactions, uint64_t now_ns,
			  dns_timeout_fn tell, void *context);
void dns_transactions_stats(const struct dns_transactions *transactions,
			    struct dns_transactions_stats *stats);

#endif
