/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_dns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "flowcli/terminal.h"
#include "proto/address.h"
#include "proto/dns_words.h"
#include "proto/json.h"

#define PORT_DNS 53
#define JOIN_NS	 UINT64_C(2000000000) /* from the last answer to the first packet, at most */
#define CHAIN_NS UINT64_C(200000000)  /* from one answer to the next question */

static uint64_t before(uint64_t ns, uint64_t span_ns)
{
	return ns > span_ns ? ns - span_ns : 0;
}

static uint32_t netns_of(const struct flow_end *end)
{
	return end->endpoint ? end->endpoint->netns : 0;
}

/* "web" and "web.example" mean "web.example.", and so do they with a domain of the search list. */
static bool is_name(const char *query, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (tolower((unsigned char)query[i]) != tolower((unsigned char)name[i]))
			return false;
	return !query[length] || query[length] == '.' || (length && name[length - 1] == '.');
}

/* ---- taking --------------------------------------------------------------------------------- */

static void take_failure(struct why_dns *dns, const struct flow_record *record,
			 const struct why_dns_answer *answer)
{
	const char *name = dns_rcode_name(record->dns->rcode);
	const char *rcode = answer->timeout ? NULL : name ? name : "an error";
	struct why_dns_failure *failure = dns->failures;

	for (; failure < dns->failures + dns->failure_count; failure++)
		if (failure->rcode == rcode && !strcmp(failure->query, answer->query))
			break;
	if (failure == dns->failures + WHY_DNS_FAILURES)
		return;
	if (failure == dns->failures + dns->failure_count) {
		dns->failure_count++;
		strcpy(failure->query, answer->query);
		failure->rcode = rcode;
	}
	address_write(failure->server, answer->server, !answer->server_ipv6);
	failure->count++;
}

void why_dns_take(struct why_dns *dns, const struct flow_record *record, const char *name)
{
	const struct flow_dns *facts = record->dns;
	struct why_dns_answer *answer = &dns->answers[dns->answer_count % WHY_DNS_ANSWERS];
	uint64_t took_ns = facts->waited_ns ? facts->waited_ns : facts->latency_ns;
	bool timeout = facts->event == FLOW_DNS_EVENT_TIMEOUT;
	const struct flow_end *client = &record->ends[timeout ? FLOW_SOURCE : FLOW_DESTINATION];
	char summary[512];
	size_t length;

	dns->answer_count++;
	*answer = (struct why_dns_answer){ .asked_ns = before(record->first_ns, took_ns),
					   .end_ns = record->first_ns,
					   .netns = netns_of(client),
					   .pid = client->pid,
					   .retries = facts->retries,
					   .server_ipv6 = facts->server_ipv6,
					   .timeout = timeout };
	memcpy(answer->client, timeout ? record->key.src : record->key.dst, 16);
	memcpy(answer->server, facts->server, 16);
	for (unsigned i = 0; i < facts->ip_count && i < WHY_DNS_IPS; i++)
		memcpy(answer->ips[answer->ip_count++], flow_dns_ip(facts, i), 16);
	length = terminal_escape(flow_dns_query(facts), answer->query, sizeof(answer->query));
	if (length > 1 && answer->query[length - 1] == '.')
		answer->query[length - 1] = '\0';
	flow_record_summary(record, summary, sizeof(summary));
	terminal_escape(summary, answer->text, sizeof(answer->text));
	answer->named = name && is_name(flow_dns_query(facts), name);
	if (!answer->named)
		return;
	dns->resolved += facts->ip_count > 0;
	if (timeout || facts->rcode)
		take_failure(dns, record, answer);
}

void why_dns_take_served(struct why_dns *dns, const struct flow_record *record)
{
	dns->served += record->dns->event == FLOW_DNS_EVENT_RESPONSE;
	dns->unserved += record->dns->event == FLOW_DNS_EVENT_TIMEOUT;
}

void why_dns_take_flow(struct why_dns *dns, const struct flow_record *record)
{
	uint64_t held = dns->open_count < WHY_DNS_OPENS ? dns->open_count : WHY_DNS_OPENS;
	struct why_dns_open *open = NULL;

	if (record->key.dst_port == PORT_DNS)
		return; /* is the question, and waits for none */
	for (uint64_t i = 0; i < held && !open; i++)
		if (dns->opens[i].flow_id == record->flow_id)
			open = &dns->opens[i];
	if (!open) {
		open = &dns->opens[dns->open_count++ % WHY_DNS_OPENS];
		*open = (struct why_dns_open){ .flow_id = record->flow_id,
					       .first_ns = record->first_ns,
					       .netns = netns_of(&record->ends[FLOW_SOURCE]),
					       .pid = record->ends[FLOW_SOURCE].pid };
		memcpy(open->client, record->key.src, 16);
		memcpy(open->destination, record->key.dst, 16);
	}
	if (record->tcp.handshake_ns)
		open->handshake_ns = record->tcp.handshake_ns;
}

/* ---- joining -------------------------------------------------------------------------------- */

/* The same program may have sockets in several namespaces. */
static bool is_client_of(const struct why_dns_open *open, const struct why_dns_answer *answer)
{
	bool same_pid = open->pid && open->pid == answer->pid;

	return !memcmp(open->client, answer->client, 16) &&
	       (same_pid || !open->netns || !answer->netns || open->netns == answer->netns);
}

static bool gives(const struct why_dns_answer *answer, const struct why_dns_open *open)
{
	for (unsigned i = 0; i < answer->ip_count; i++)
		if (!memcmp(answer->ips[i], open->destination, 16))
			return true;
	return false;
}

static size_t answers_held(const struct why_dns *dns)
{
	return dns->answer_count < WHY_DNS_ANSWERS ? dns->answer_count : WHY_DNS_ANSWERS;
}

/* The latest answer with the address that the connection went to, shortly before it. */
static const struct why_dns_answer *find_answer(const struct why_dns *dns,
						const struct why_dns_open *open)
{
	const struct why_dns_answer *latest = NULL;

	for (size_t i = 0; i < answers_held(dns); i++) {
		const struct why_dns_answer *answer = &dns->answers[i];

		if (is_client_of(open, answer) && gives(answer, open) &&
		    answer->end_ns <= open->first_ns &&
		    answer->end_ns >= before(open->first_ns, JOIN_NS) &&
		    (!latest || answer->end_ns > latest->end_ns))
			latest = answer;
	}
	return latest;
}

/* Questions that led to the answer: for the same name (other types, other servers), and for the
 * name that was asked about (the search list). */
static bool is_part(const struct why_dns_answer *answer, const struct why_dns_answer *last,
		    const struct why_dns_open *open)
{
	return is_client_of(open, answer) && (answer->named || !strcmp(answer->query, last->query));
}

/* When the client began to ask: back from the last answer, each was asked when the one before had
 * ended. */
static uint64_t find_start(const struct why_dns *dns, const struct why_dns_open *open,
			   const struct why_dns_answer *last)
{
	uint64_t start_ns = last->asked_ns, was_ns;

	do {
		was_ns = start_ns;
		for (size_t i = 0; i < answers_held(dns); i++) {
			const struct why_dns_answer *answer = &dns->answers[i];

			if (answer->asked_ns < start_ns && is_part(answer, last, open) &&
			    answer->end_ns >= before(start_ns, CHAIN_NS))
				start_ns = answer->asked_ns;
		}
	} while (start_ns < was_ns);
	return start_ns;
}

static void mark_used(struct why_dns *dns, const struct why_dns_open *open, uint64_t start_ns)
{
	const struct why_dns_answer *last = dns->slowest;

	for (size_t i = 0; i < answers_held(dns); i++) {
		struct why_dns_answer *answer = &dns->answers[i];

		answer->used = is_part(answer, last, open) && answer->asked_ns >= start_ns &&
			       answer->asked_ns <= open->first_ns;
	}
}

void why_dns_join(struct why_dns *dns)
{
	uint64_t held = dns->open_count < WHY_DNS_OPENS ? dns->open_count : WHY_DNS_OPENS;

	for (uint64_t i = 0; i < held; i++) {
		const struct why_dns_open *open = &dns->opens[i];
		const struct why_dns_answer *last = find_answer(dns, open);
		uint64_t start_ns = last ? find_start(dns, open, last) : 0;

		if (!last || (dns->slowest && last->end_ns - start_ns < dns->dns_ns))
			continue;
		if (dns->slowest && last->end_ns - start_ns == dns->dns_ns &&
		    open->first_ns + open->handshake_ns - start_ns >= dns->total_ns)
			continue; /* another one for the same answer, and later */
		dns->slowest = last;
		dns->dns_ns = last->end_ns - start_ns;
		dns->total_ns = open->first_ns + open->handshake_ns - start_ns;
		dns->opened = open->handshake_ns != 0;
		mark_used(dns, open, start_ns);
	}
}
