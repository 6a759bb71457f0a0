/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What DNS had to do with it: the answers that the client got (or did not get) before it opened its
 * connections, joined to them by the client's address and network namespace, by what was answered,
 * and by time. Pure. Bounded: the latest answers and connections count.
 */
#ifndef FLOWCLI_WHY_DNS_H
#define FLOWCLI_WHY_DNS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/flow_record.h"

#define WHY_DNS_ANSWERS	 64
#define WHY_DNS_OPENS	 64
#define WHY_DNS_FAILURES 8
#define WHY_DNS_NAME	 128
#define WHY_DNS_TEXT	 320
#define WHY_DNS_IPS	 8

/* An answer, or that there was none. */
struct why_dns_answer {
	uint64_t asked_ns, end_ns; /* retries included */
	uint8_t client[16], server[16];
	uint8_t ips[WHY_DNS_IPS][16];
	uint32_t netns, pid; /* of the client; 0: not known */
	uint16_t retries;
	uint8_t ip_count;
	bool server_ipv6, timeout, named;	      /* named: for the name that was asked about */
	char query[WHY_DNS_NAME], text[WHY_DNS_TEXT]; /* text: for the time line */
	bool used;				      /* of the connection that waited longest */
};

/* A connection, or what else was sent first. */
struct why_dns_open {
	uint64_t flow_id, first_ns, handshake_ns;
	uint8_t client[16], destination[16];
	uint32_t netns, pid;
};

struct why_dns_failure {
	char query[WHY_DNS_NAME], server[48];
	const char *rcode; /* NULL: no answer */
	uint64_t count;
};

struct why_dns {
	struct why_dns_answer answers[WHY_DNS_ANSWERS]; /* a ring */
	struct why_dns_open opens[WHY_DNS_OPENS];	/* a ring */
	uint64_t answer_count, open_count;
	uint64_t resolved; /* answers with addresses for the name that was asked about */
	struct why_dns_failure failures[WHY_DNS_FAILURES];
	unsigned failure_count;
	uint64_t served, unserved; /* questions to the destination, where that is a DNS server */
	/* By why_dns_join: the connection that waited longest for its name. */
	const struct why_dns_answer *slowest; /* the last answer that it needed; NULL: none was */
	uint64_t dns_ns, total_ns;	      /* of the total, until it was open, or sent at all */
	bool opened;
};

/* A record of DNS of the client; `name`: what was asked about, NULL where that is an address. */
void why_dns_take(struct why_dns *dns, const struct flow_record *record, const char *name);
/* A record of DNS between the two sides themselves. */
void why_dns_take_served(struct why_dns *dns, const struct flow_record *record);
/* A record of a flow that the client opened. */
void why_dns_take_flow(struct why_dns *dns, const struct flow_record *record);
void why_dns_join(struct why_dns *dns);

#endif
