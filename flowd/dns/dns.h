/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS, from what packets of its ports carried: messages (over UDP, fragments and TCP), who answered
 * whom and how fast, who did not answer, and what clients call the addresses that they talk to.
 * Emits a record a message, and one a question that timed out. Pure: no I/O, no log, no clock; time
 * is what the caller passes, on one axis. Bounded everywhere; what did not fit is counted. Not
 * thread-safe.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "flowd/dns/dns_packet.h"
#include "proto/flow_record.h"

#define DNS_PORTS_MAX 64
#define DNS_PORTS_DEFAULT      \
	{                      \
		53, 5353, 5355 \
	} /* DNS, mDNS, LLMNR */

struct dns_options {
	uint64_t timeout_ns;	/* a query not answered by then is reported */
	size_t max_pending;	/* transactions */
	uint64_t name_grace_ns; /* names live so much longer than their TTL */
	size_t name_bytes;	/* of all names kept */
	uint64_t hash_seed[2];
	/* Called for each record; valid during the call only. It must not call back. */
	void (*emit)(void *context, const struct flow_record *record);
	void *context;
};
#define DNS_OPTIONS_DEFAULT                                              \
	{                                                                \
		.timeout_ns = 5000000000ull, .max_pending = 65536,       \
		.name_grace_ns = 60000000000ull, .name_bytes = 8u << 20, \
	}

/* counter, X(name, text) */
#define DNS_COUNTERS(X)                                                        \
	X(dns_packets, "packets of DNS ports with a payload")                  \
	X(dns_messages, "DNS messages")                                        \
	X(dns_queries, "queries of those")                                     \
	X(dns_responses, "responses of those")                                 \
	X(dns_malformed, "payloads of DNS ports that are no DNS message")      \
	X(dns_answered, "queries that were answered")                          \
	X(dns_timeouts, "queries that nobody answered in time")                \
	X(dns_late, "answers after their timeout")                             \
	X(dns_unsolicited, "answers to no query")                              \
	X(dns_duplicates, "answers to what was answered before")               \
	X(dns_retries, "queries asked again")                                  \
	X(dns_pending, "transactions held")                                    \
	X(dns_pending_evicted,                                                 \
	  "queries forgotten unanswered, because dns.max_pending was reached") \
	X(dns_streams_evicted, "TCP streams given up with part of a message")  \
	X(dns_stream_gaps, "TCP streams that went on behind missing bytes")    \
	X(dns_stream_skipped_bytes, "bytes of those that are in no message")   \
	X(dns_fragments_incomplete, "fragmented datagrams never complete")     \
	X(dns_name_clients, "clients whose names are kept")                    \
	X(dns_name_addresses, "addresses with names")                          \
	X(dns_name_bytes, "memory of those")                                   \
	X(dns_names_evicted, "addresses given up before their names expired, for want of room")
#define DNS_COUNTER_FIELD(name, text) uint64_t name;
struct dns_stats {
	DNS_COUNTERS(DNS_COUNTER_FIELD)
};

struct dns;
/* 0 or -ENOMEM. */
int dns_open(struct dns **out, const struct dns_options *options);
/* Accepts NULL. */
void dns_close(struct dns *dns);

/* As in flow_table.h. */
void dns_set_wall_offset(struct dns *dns, int64_t offset_ns);
typedef const char *(*dns_ifname_fn)(void *context, uint32_t ifindex);
void dns_set_names(struct dns *dns, dns_ifname_fn ifname, void *context, const char *node_name);

void dns_take(struct dns *dns, const struct dns_packet *packet);
/* Reports what has timed out; every packet before `now_ns` has been taken. */
void dns_age(struct dns *dns, uint64_t now_ns);

/* Gives the record the names that its ends have for each other; they are valid until the next call.
 */
void dns_name_record(struct dns *dns, struct flow_record *record);

void dns_stats(const struct dns *dns, struct dns_stats *stats);

#endif
