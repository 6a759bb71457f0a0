/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/dns/dns_datagram.h"
#include "flowd/dns/dns_message.h"
#include "flowd/dns/dns_names.h"
#include "flowd/dns/dns_stream.h"
#include "flowd/dns/dns_transactions.h"

struct dns {
	struct dns_options options;
	struct dns_streams *streams;
	struct dns_datagrams *datagrams;
	struct dns_transactions *transactions;
	struct dns_names *names;
	int64_t wall_offset_ns;
	dns_ifname_fn ifname;
	void *ifname_context;
	const char *node_name;
	uint64_t packets, messages, malformed;
	struct dns_message message; /* the one at hand */
	_Alignas(8) uint8_t room[FLOW_DNS_SIZE];
	char names_of[2][FLOW_NAMES_SIZE];
};

/* ---- opening ----------------------------------------------------------------------------------
 */

static int open_parts(struct dns *dns)
{
	const struct dns_options *options = &dns->options;
	struct dns_streams_options streams = DNS_STREAMS_DEFAULT;
	struct dns_datagrams_options datagrams = DNS_DATAGRAMS_DEFAULT;
	struct dns_transactions_options transactions = { .max_pending = options->max_pending,
							 .timeout_ns = options->timeout_ns };
	struct dns_names_options names = { .max_bytes = options->name_bytes,
					   .grace_ns = options->name_grace_ns };
	int error;

	memcpy(streams.seed, options->hash_seed, sizeof(streams.seed));
	memcpy(datagrams.seed, options->hash_seed, sizeof(datagrams.seed));
	memcpy(transactions.seed, options->hash_seed, sizeof(transactions.seed));
	memcpy(names.seed, options->hash_seed, sizeof(names.seed));
	error = dns_streams_open(&dns->streams, &streams);
	if (!error)
		error = dns_datagrams_open(&dns->datagrams, &datagrams);
	if (!error)
		error = dns_transactions_open(&dns->transactions, &transactions);
	if (!error)
		error = dns_names_open(&dns->names, &names);
	return error;
}

int dns_open(struct dns **out, const struct dns_options *options)
{
	struct dns *dns = calloc(1, sizeof(*dns));
	int error;

	if (!dns)
		return -ENOMEM;
	dns->options = *options;
	error = open_parts(dns);
	if (error) {
		dns_close(dns);
		return error;
	}
	*out = dns;
	return 0;
}

void dns_close(struct dns *dns)
{
	if (!dns)
		return;
	dns_streams_close(dns->streams);
	dns_datagrams_close(dns->datagrams);
	dns_transactions_close(dns->transactions);
	dns_names_close(dns->names);
	free(dns);
}

void dns_set_wall_offset(struct dns *dns, int64_t offset_ns)
{
	dns->wall_offset_ns = offset_ns;
}

void dns_set_names(struct dns *dns, dns_ifname_fn ifname, void *context, const char *node_name)
{
	dns->ifname = ifname;
	dns->ifname_context = context;
	dns->node_name = node_name;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static void record_point(const struct dns *dns, uint32_t point, struct flow_record *record)
{
	struct flow_point *seen = &record->points[0];

	if (!point)
		return;
	seen->ifindex = FLOW_POINT_IFINDEX(point);
	seen->hook = (uint8_t)FLOW_POINT_HOOK(point);
	seen->direction = (uint8_t)flow_hook_direction(seen->hook);
	if (dns->ifname && seen->ifindex)
		seen->interface = dns->ifname(dns->ifname_context, seen->ifindex);
	record->point_count = 1;
	record->direction = seen->direction;
}

static enum flow_verdict verdict_of(const struct flow_dns *facts)
{
	return facts->event == FLOW_DNS_EVENT_TIMEOUT ? FLOW_VERDICT_ERROR : FLOW_VERDICT_FORWARDED;
}

static void emit(struct dns *dns, const struct flow_key *key, uint32_t point,
		 const uint8_t eth_src[6], uint64_t time_ns, const struct flow_dns *facts)
{
	uint64_t wall_ns = time_ns + (uint64_t)dns->wall_offset_ns;
	struct flow_record record = {
		.time_ns = wall_ns,
		.first_ns = wall_ns,
		.last_ns = wall_ns,
		.key = *key,
		.kind = FLOW_KIND_DNS,
		.verdict = (uint8_t)verdict_of(facts),
		.reply = facts->event == FLOW_DNS_EVENT_RESPONSE ? FLOW_REPLY_YES : FLOW_REPLY_NO,
		.sampling = 1,
		.node_name = dns->node_name,
		.dns = facts,
	};

	memcpy(record.eth_src, eth_src, sizeof(record.eth_src));
	record_point(dns, point, &record);
	dns_name_record(dns, &record);
	memset(record.eth_src, 0, sizeof(record.eth_src)); /* of one end only: not told */
	dns->options.emit(dns->options.context, &record);
}

/* ---- names ------------------------------------------------------------------------------------
 */

/*
 * Who a link-layer address is, as a client: one that asks over IPv4 for IPv6 addresses has another
 * address when it uses them, but the same card. No IP address begins like this (RFC 6666).
 */
static bool link_client(const uint8_t mac[6], uint8_t client[16])
{
	static const uint8_t none[6];

	memset(client, 0, 16);
	client[0] = 1;
	memcpy(client + 10, mac, 6);
	return memcmp(mac, none, 6) != 0;
}

static void learn(struct dns *dns, const struct dns_packet *packet, const struct dns_query *query,
		  const struct flow_dns *facts)
{
	bool ipv6 = packet->key.scope & FLOW_SCOPE_IPV6;
	uint8_t card[16];
	bool has_card = link_client(query->eth_src, card);

	for (unsigned i = 0; i < facts->ip_count; i++) {
		const uint8_t *ip = flow_dns_ip(facts, i);

		dns_names_add(dns->names, packet->key.dst, ip, flow_dns_query(facts), facts->ttl,
			      packet->time_ns);
		if (has_card && flow_dns_ip_is_v6(facts, i) != ipv6)
			dns_names_add(dns->names, card, ip, flow_dns_query(facts), facts->ttl,
				      packet->time_ns);
	}
}

static const char *find_names(struct dns *dns, const uint8_t client[16], const uint8_t mac[6],
			      const uint8_t address[16], uint64_t at_ns, char *room)
{
	const char *names = dns_names_find(dns->names, client, address, at_ns, room);
	uint8_t card[16];

	if (!names && link_client(mac, card))
		names = dns_names_find(dns->names, card, address, at_ns, room);
	return names;
}

void dns_name_record(struct dns *dns, struct flow_record *record)
{
	uint64_t at_ns = record->first_ns - (uint64_t)dns->wall_offset_ns;

	record->destination_names = find_names(dns, record->key.src, record->eth_src,
					       record->key.dst, at_ns, dns->names_of[0]);
	record->source_names = find_names(dns, record->key.dst, record->eth_dst, record->key.src,
					  at_ns, dns->names_of[1]);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

static void take_response(struct dns *dns, const struct dns_packet *packet, struct flow_dns *facts)
{
	const struct dns_query *query = dns_transactions_answer(dns->transactions, packet, facts);

	if (query && !facts->rcode && !(facts->flags & FLOW_DNS_OTHER_SERVER))
		learn(dns, packet, query, facts);
}

static void take_message(struct dns *dns, const struct dns_packet *packet, const uint8_t *data,
			 size_t size, size_t whole)
{
	struct flow_dns *head = &dns->message.head, *facts;
	bool response;

	if (dns_message_parse(data, size, whole, &dns->message)) {
		dns->malformed++;
		return;
	}
	dns->messages++;
	response = dns->message.response;
	head->client_port = response ? packet->key.dst_port : packet->key.src_port;
	head->server_ipv6 = packet->key.scope & FLOW_SCOPE_IPV6;
	memcpy(head->server, response ? packet->key.src : packet->key.dst, sizeof(head->server));
	dns_message_record(&dns->message, dns->room);
	facts = (struct flow_dns *)dns->room;
	if (response)
		take_response(dns, packet, facts);
	else
		dns_transactions_ask(dns->transactions, packet, facts);
	emit(dns, &packet->key, packet->point, packet->eth_src, packet->time_ns, facts);
}

struct segment {
	struct dns *dns;
	const struct dns_packet *packet;
};

static void take_streamed(void *context, const uint8_t *message, size_t size, size_t whole)
{
	const struct segment *segment = context;

	take_message(segment->dns, segment->packet, message, size, whole);
}

void dns_take(struct dns *dns, const struct dns_packet *packet)
{
	struct segment segment = { dns, packet };
	const uint8_t *message;
	size_t size;

	dns->packets += packet->length != 0;
	if (packet->key.protocol == IPPROTO_TCP)
		dns_streams_take(dns->streams, packet, take_streamed, &segment);
	else if (!packet->fragment_at)
		take_message(dns, packet, packet->data, packet->captured, packet->length);
	else if (dns_datagrams_take(dns->datagrams, packet, &message, &size))
		take_message(dns, packet, message, size, size);
}

/* ---- time -------------------------------------------------------------------------------------
 */

static void tell_timeout(void *context, const struct dns_query *query)
{
	struct dns *dns = context;
	uint64_t at_ns = query->last_ns + dns->options.timeout_ns;
	struct flow_dns *facts = (struct flow_dns *)dns->room;

	memcpy(facts, query->dns, query->dns->size);
	facts->event = FLOW_DNS_EVENT_TIMEOUT;
	facts->latency_ns = at_ns - query->first_ns;
	facts->waited_ns = query->asked_ns != query->first_ns ? at_ns - query->asked_ns : 0;
	facts->retries = query->retries;
	emit(dns, &query->key, query->point, query->eth_src, at_ns, facts);
}

void dns_age(struct dns *dns, uint64_t now_ns)
{
	dns_streams_age(dns->streams, now_ns);
	dns_datagrams_age(dns->datagrams, now_ns);
	dns_transactions_age(dns->transactions, now_ns, tell_timeout, dns);
}

/* ---- counters ---------------------------------------------------------------------------------
 */

static void fill_transactions(const struct dns *dns, struct dns_stats *stats)
{
	struct dns_transactions_stats transactions;

	dns_transactions_stats(dns->transactions, &transactions);
	stats->dns_queries = transactions.queries;
	stats->dns_responses = transactions.responses;
	stats->dns_answered = transactions.answered;
	stats->dns_timeouts = transactions.timeouts;
	stats->dns_late = transactions.late;
	stats->dns_unsolicited = transactions.unsolicited;
	stats->dns_duplicates = transactions.duplicates;
	stats->dns_retries = transactions.retries;
	stats->dns_pending = transactions.pending;
	stats->dns_pending_evicted = transactions.evicted;
}

void dns_stats(const struct dns *dns, struct dns_stats *stats)
{
	struct dns_streams_stats streams;
	struct dns_datagrams_stats datagrams;
	struct dns_names_stats names;

	dns_streams_stats(dns->streams, &streams);
	dns_datagrams_stats(dns->datagrams, &datagrams);
	dns_names_stats(dns->names, &names);
	*stats = (struct dns_stats){ .dns_packets = dns->packets,
				     .dns_messages = dns->messages,
				     .dns_malformed = dns->malformed,
				     .dns_streams_evicted = streams.evicted,
				     .dns_stream_gaps = streams.gaps,
				     .dns_stream_skipped_bytes = streams.skipped_bytes,
				     .dns_fragments_incomplete = datagrams.incomplete,
				     .dns_name_clients = names.clients,
				     .dns_name_addresses = names.addresses,
				     .dns_name_bytes = names.bytes,
				     .dns_names_evicted = names.evicted };
	fill_transactions(dns, stats);
}
