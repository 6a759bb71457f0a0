/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hubble's words for DNS messages, and behind them what Hubble does not tell. */
#include <stdio.h>

#include "proto/address.h"
#include "proto/dns_words.h"
#include "proto/json_text.h"
#include "proto/summary.h"
#include "proto/time.h"

#define IPS_SHOWN    16
#define CNAMES_SHOWN 4
#define CNAMES_BYTES 512 /* of those, together */

static char *write_question(char *out, const struct flow_dns *dns)
{
	out = json_word(out, flow_dns_query(dns));
	for (unsigned i = 0; i < dns->qtype_count; i++) {
		*out++ = i ? ',' : ' ';
		out = dns_type_write(out, flow_dns_qtypes(dns)[i]);
	}
	return out;
}

static char *write_ips(char *out, const struct flow_dns *dns)
{
	if (!dns->ip_count)
		return out;
	*out++ = '"';
	for (unsigned i = 0; i < dns->ip_count && i < IPS_SHOWN; i++) {
		if (i)
			*out++ = ',';
		out = address_write(out, flow_dns_ip(dns, i), !flow_dns_ip_is_v6(dns, i));
	}
	if (dns->ip_count > IPS_SHOWN)
		out = json_literal(out, ",...");
	return json_literal(out, "\" ");
}

static char *write_cnames(char *out, const struct flow_dns *dns)
{
	const char *name = flow_dns_query(dns), *begin = out;

	if (!dns->cname_count)
		return out;
	out = json_literal(out, "CNAMEs: \"");
	for (unsigned i = 0; i < dns->cname_count; i++) {
		name = flow_dns_next_text(name);
		if (i)
			*out++ = ',';
		if (i == CNAMES_SHOWN || (size_t)(out - begin) + strlen(name) > CNAMES_BYTES) {
			out = json_literal(out, "...");
			break;
		}
		out = json_word(out, name);
	}
	return json_literal(out, "\" ");
}

static char *write_rcode(char *out, uint16_t rcode)
{
	const char *words = dns_rcode_words(rcode);

	out = json_literal(out, "RCode: ");
	out = words ? json_word(out, words) : json_u64(out, rcode);
	*out++ = ' ';
	return out;
}

static char *write_flags(char *out, const struct flow_dns *dns)
{
#define WORD(name, bit, text) { FLOW_DNS_##name, text },
	static const struct {
		uint16_t flag;
		const char *text;
	} words[] = { FLOW_DNS_FLAGS(WORD) };
#undef WORD
	const uint16_t told = FLOW_DNS_TRUNCATED | FLOW_DNS_DAMAGED | FLOW_DNS_LATE |
			      FLOW_DNS_UNSOLICITED | FLOW_DNS_DUPLICATE | FLOW_DNS_OTHER_SERVER |
			      FLOW_DNS_TCP_RETRY;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!(dns->flags & told & words[i].flag))
			continue;
		out = json_literal(out, "; ");
		out = json_word(out, words[i].text);
	}
	return out;
}

static char *write_duration(char *out, uint64_t ns)
{
	char text[48];

	time_format_duration(ns, text, sizeof(text));
	return json_word(out, text);
}

static char *write_retries(char *out, const struct flow_dns *dns)
{
	if (!dns->retries)
		return out;
	out = json_literal(out, "; retry ");
	return json_u64(out, dns->retries);
}

/* An error has no TTL; Hubble prints the largest. */
static char *write_response(char *out, const struct flow_dns *dns)
{
	out = json_literal(out, "DNS Answer ");
	if (dns->rcode) {
		out = write_rcode(out, dns->rcode);
	} else {
		out = write_ips(out, dns);
		out = write_cnames(out, dns);
	}
	out = json_literal(out, "TTL: ");
	out = json_u64(out, dns->rrtype_count ? dns->ttl : UINT32_MAX);
	out = json_literal(out, " (Query ");
	out = write_question(out, dns);
	*out++ = ')';
	if (!dns->latency_ns)
		return out;
	out = json_literal(out, "; ");
	return write_duration(out, dns->latency_ns);
}

char *summary_write_dns(char *out, const struct flow_record *record)
{
	const struct flow_dns *dns = record->dns;

	if (dns->event == FLOW_DNS_EVENT_RESPONSE) {
		out = write_response(out, dns);
	} else {
		out = json_literal(out, "DNS Query ");
		out = write_question(out, dns);
	}
	if (dns->event == FLOW_DNS_EVENT_TIMEOUT) {
		out = json_literal(out, "; no answer in ");
		out = write_duration(out, dns->latency_ns);
	}
	out = write_retries(out, dns);
	return write_flags(out, dns);
}
