/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/dns_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"
#include "proto/dns_words.h"

#define RECENT	  16
#define RECENT_NS 5000000000ull /* a resolver tries its list within this time */

/* The names that a client was told of lately that they do not exist. */
struct recent {
	struct recent_name {
		char name[DNS_SEARCH_NAME];
		uint64_t time_ns;
	} failed[RECENT];
	unsigned next;
};

int dns_report_open(struct dns_report *report)
{
	int error = 0;

	*report = (struct dns_report){ 0 };
	for (int i = 0; i < DNS_SECTION_SEARCH && !error; i++)
		error = tally_open(&report->rows[i], sizeof(struct dns_row));
	if (!error)
		error = tally_open(&report->search, sizeof(struct dns_search));
	if (!error)
		error = tally_open(&report->recent, sizeof(struct recent));
	return error;
}

static int no_order(const void *left, const void *right)
{
	(void)left;
	(void)right;
	return 0;
}

static void free_rows(struct tally *tally)
{
	void *const *rows = tally ? tally_sorted(tally, no_order) : NULL;

	for (size_t i = 0; rows && i < tally_count(tally); i++)
		latency_fini(&((struct dns_row *)rows[i])->latency);
	tally_close(tally);
}

void dns_report_close(struct dns_report *report)
{
	for (int i = 0; i < DNS_SECTION_SEARCH; i++)
		free_rows(report->rows[i]);
	latency_fini(&report->total.latency);
	tally_close(report->search);
	tally_close(report->recent);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static bool is_answer(const struct flow_dns *dns)
{
	return dns->event == FLOW_DNS_EVENT_RESPONSE;
}

static void client_text(const struct flow_record *record, char *text, size_t size)
{
	const struct flow_key *key = &record->key;
	char address[ADDRESS_TEXT_MAX];

	address_write(address, is_answer(record->dns) ? key->dst : key->src,
		      !(key->scope & FLOW_SCOPE_IPV6));
	snprintf(text, size, "%s", address);
}

static void outcome_text(const struct flow_dns *dns, char *text, size_t size)
{
	const char *name = dns_rcode_name(dns->rcode);

	if (dns->event == FLOW_DNS_EVENT_TIMEOUT)
		snprintf(text, size, "timeout");
	else if (dns->flags & FLOW_DNS_TRUNCATED)
		snprintf(text, size, "truncated");
	else if (!dns->rcode && !dns->answers)
		snprintf(text, size, "NODATA");
	else if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "%u", dns->rcode);
}

/* The key of a section; false: the record has no row there. */
static bool key_text(const struct flow_record *record, enum dns_section section, char *text,
		     size_t size)
{
	const struct flow_dns *dns = record->dns;
	char address[ADDRESS_TEXT_MAX];

	switch (section) {
	case DNS_SECTION_NAME:
		snprintf(text, size, "%s", *flow_dns_query(dns) ? flow_dns_query(dns) : "-");
		return true;
	case DNS_SECTION_SERVER:
		address_write(address, dns->server, !dns->server_ipv6);
		snprintf(text, size, "%s", address);
		return true;
	case DNS_SECTION_CLIENT:
		client_text(record, text, size);
		return true;
	case DNS_SECTION_OUTCOME:
		outcome_text(dns, text, size);
		return dns->event != FLOW_DNS_EVENT_REQUEST;
	case DNS_SECTION_SEARCH:
	case DNS_SECTION_COUNT:
		break;
	}
	return false;
}

static int add_answer(struct dns_row *row, const struct flow_dns *dns)
{
	const uint16_t odd =
		FLOW_DNS_LATE | FLOW_DNS_UNSOLICITED | FLOW_DNS_DUPLICATE | FLOW_DNS_OTHER_SERVER;

	row->responses++;
	row->no_name += dns->rcode == DNS_RCODE_NXDOMAIN;
	row->failures += dns->rcode && dns->rcode != DNS_RCODE_NXDOMAIN;
	row->truncated += !!(dns->flags & FLOW_DNS_TRUNCATED);
	row->odd += !!(dns->flags & odd);
	if (!dns->latency_ns || dns->flags & FLOW_DNS_DUPLICATE)
		return 0;
	return latency_add(&row->latency, dns->latency_ns);
}

static int add(struct dns_row *row, const struct flow_dns *dns)
{
	if (is_answer(dns))
		return add_answer(row, dns);
	row->queries += dns->event == FLOW_DNS_EVENT_REQUEST;
	row->retries += dns->event == FLOW_DNS_EVENT_REQUEST && dns->retries;
	row->timeouts += dns->event == FLOW_DNS_EVENT_TIMEOUT;
	return 0;
}

/* ---- search domains ---------------------------------------------------------------------------
 */

/* What stands behind `shorter` in `longer`, with its dot: "svc.local." of "web." and
 * "web.svc.local."; NULL where `longer` does not begin so. */
static const char *rest_of(const char *longer, const char *shorter)
{
	size_t length = strlen(shorter);

	if (length < 2 || strncmp(longer, shorter, length) != 0 || !longer[length])
		return NULL;
	return longer + length;
}

static void search_failed(struct recent *recent, const struct flow_record *record)
{
	struct recent_name *failed = &recent->failed[recent->next++ % RECENT];

	snprintf(failed->name, sizeof(failed->name), "%s", flow_dns_query(record->dns));
	failed->time_ns = record->time_ns;
}

static void search_found(struct dns_report *report, struct recent *recent,
			 const struct flow_record *record, const char *client)
{
	const char *name = flow_dns_query(record->dns);
	char key[DNS_SEARCH_NAME + FLOW_DNS_NAME], domain[DNS_SEARCH_NAME];
	struct dns_search *search;
	uint64_t wasted = 0;

	for (unsigned i = 0; i < RECENT; i++) {
		struct recent_name *failed = &recent->failed[i];
		const char *rest = rest_of(failed->name, name);

		if (!rest)
			rest = rest_of(name, failed->name);
		if (!rest || failed->time_ns + RECENT_NS < record->time_ns)
			continue;
		wasted++;
		snprintf(domain, sizeof(domain), "%s", rest);
		failed->name[0] = '\0'; /* counted */
	}
	if (!wasted)
		return;
	snprintf(key, sizeof(key), "%s\t%s", client, name);
	search = tally_row(report->search, key);
	report->no_memory |= !search;
	if (!search)
		return;
	search->found++;
	search->wasted += wasted;
	memcpy(search->domain, domain, sizeof(search->domain));
}

static void take_search(struct dns_report *report, const struct flow_record *record)
{
	const struct flow_dns *dns = record->dns;
	char client[ADDRESS_TEXT_MAX];
	struct recent *recent;

	if (!is_answer(dns) || dns->flags & (FLOW_DNS_TRUNCATED | FLOW_DNS_DUPLICATE))
		return;
	client_text(record, client, sizeof(client));
	recent = tally_row(report->recent, client);
	report->no_memory |= !recent;
	if (!recent)
		return;
	if (dns->rcode == DNS_RCODE_NXDOMAIN)
		search_failed(recent, record);
	else if (!dns->rcode && dns->answers)
		search_found(report, recent, record, client);
}

void dns_report_take(struct dns_report *report, const struct flow_record *record)
{
	char key[FLOW_DNS_NAME];

	if (!record->dns)
		return;
	report->no_memory |= add(&report->total, record->dns) != 0;
	for (int i = 0; i < DNS_SECTION_SEARCH; i++) {
		struct dns_row *row;

		if (!key_text(record, (enum dns_section)i, key, sizeof(key)))
			continue;
		row = tally_row(report->rows[i], key);
		report->no_memory |= !row || add(row, record->dns);
	}
	take_search(report, record);
}
