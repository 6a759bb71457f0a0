/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sentences about DNS. */
#include "flowcli/why_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"
#include "proto/time.h"

#define LONG_NS	 UINT64_C(1000000000) /* DNS that takes longer is told */
#define SHARE_NS UINT64_C(300000000)  /* from here on also where it is most of the time */

static void say_failure(struct why_case *why, const struct why_dns_failure *failure)
{
	const char *times = why_plural(failure->count, "time", "times");

	if (!failure->rcode)
		why_say(why, "DNS: %s did not answer %s's question for %s, %" PRIu64 " %s",
			failure->server, why->source, failure->query, failure->count, times);
	else
		why_say(why, "DNS: %s said %s to %s's question for %s, %" PRIu64 " %s",
			failure->server, failure->rcode, why->source, failure->query,
			failure->count, times);
}

void why_judge_lookup(struct why_case *why)
{
	const struct why_dns *dns = &why->evidence->dns;

	if (dns->unserved)
		why_say(why, "DNS: %s did not answer %" PRIu64 " of %" PRIu64 " %s from %s",
			why->destination, dns->unserved, dns->served + dns->unserved,
			why_plural(dns->served + dns->unserved, "question", "questions"),
			why->source);
	if (dns->resolved)
		return; /* in the end: the failures cost time at most */
	for (unsigned i = 0; i < dns->failure_count; i++)
		say_failure(why, &dns->failures[i]);
}

void why_judge_waiting(struct why_case *why)
{
	const struct why_dns *dns = &why->evidence->dns;
	char took[TIME_TEXT_MAX], total[TIME_TEXT_MAX], server[ADDRESS_TEXT_MAX];

	if (!dns->slowest ||
	    (dns->dns_ns < LONG_NS && (dns->dns_ns < SHARE_NS || dns->dns_ns * 2 < dns->total_ns)))
		return;
	time_format_duration(dns->dns_ns, took, sizeof(took));
	time_format_duration(dns->total_ns, total, sizeof(total));
	address_write(server, dns->slowest->server, !dns->slowest->server_ipv6);
	why_say(why, "DNS took %s of the %s until %s: %s, answered by %s", took, total,
		dns->opened ? "the connection was open" : "the first packet", dns->slowest->query,
		server);
}
