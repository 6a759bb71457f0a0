/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a record tells of a DNS message: Hubble's l7.dns and our own facts, in one piece of memory
 * without pointers, so that history and the bus can copy it as it is. Lists and texts lie behind
 * the structure; the functions below find them. Names are lower case, escaped as in a zone file
 * (RFC 1035, 5.1) and end with a dot.
 */
#ifndef PROTO_FLOW_DNS_H
#define PROTO_FLOW_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_DNS_QTYPES	 8
#define FLOW_DNS_RRTYPES 64
#define FLOW_DNS_IPS	 64
#define FLOW_DNS_CNAMES	 16
#define FLOW_DNS_NAME	 1024 /* bytes of a name as text, with its end */
#define FLOW_DNS_TEXT	 1536 /* of all names */
#define FLOW_DNS_SIZE	 4096 /* of the whole, at most */

/* what it is, X(NAME, json_name) */
#define FLOW_DNS_EVENTS(X)      \
	X(REQUEST, "request")   \
	X(RESPONSE, "response") \
	X(TIMEOUT, "timeout") /* of a request that nobody answered in time */
#define FLOW_DNS_EVENT_ENUM(name, text) FLOW_DNS_EVENT_##name,
enum flow_dns_event { FLOW_DNS_EVENTS(FLOW_DNS_EVENT_ENUM) FLOW_DNS_EVENT_COUNT };

/* flags, X(NAME, bit, json_name): the first are the message's, the others what was seen around it
 */
#define FLOW_DNS_FLAGS(X)                                                      \
	X(AUTHORITATIVE, 0, "authoritative")                                   \
	X(TRUNCATED, 1, "truncated")                                           \
	X(RECURSION_DESIRED, 2, "recursion_desired")                           \
	X(RECURSION_AVAILABLE, 3, "recursion_available")                       \
	X(AUTHENTIC, 4, "authentic")                                           \
	X(DAMAGED, 5, "damaged") /* ends early or cannot be read to its end */ \
	X(CUT, 6, "cut")	 /* more answers than are listed */            \
	X(LATE, 7, "late")	 /* after its timeout was reported */          \
	X(UNSOLICITED, 8, "unsolicited")                                       \
	X(DUPLICATE, 9, "duplicate")                                           \
	X(OTHER_SERVER, 10, "other_server") /* not from whom was asked */      \
	X(TCP_RETRY, 11, "tcp_retry")	    /* of a truncated answer */        \
	X(EDNS, 12, "edns")
#define FLOW_DNS_FLAG_ENUM(name, bit, text) FLOW_DNS_##name = 1 << (bit),
enum flow_dns_flag { FLOW_DNS_FLAGS(FLOW_DNS_FLAG_ENUM) };

struct flow_dns {
	uint64_t latency_ns; /* 0 = not known; TIMEOUT: how long was waited */
	uint64_t waited_ns;  /* since the question was first asked, retries included; 0: no retry */
	uint32_t size;	     /* of all, in bytes; a multiple of 8 */
	uint32_t ttl;	     /* smallest of the answers */
	uint16_t flags;	     /* enum flow_dns_flag */
	uint16_t id, rcode, answers, edns_size, retries;
	uint16_t message_bytes;
	uint16_t client_port;
	uint8_t event; /* enum flow_dns_event */
	uint8_t opcode;
	uint8_t qtype_count, rrtype_count, ip_count, cname_count;
	uint8_t server_ipv6;
	uint8_t pad;
	uint8_t server[16]; /* who was asked; IPv4 mapped */
	uint64_t ipv6;	    /* bit n: ips[n] is IPv6 */
	/* Behind: ips[ip_count][16], uint16_t qtypes[], rrtypes[], query and cnames, each ended by
	 * 0. */
};
_Static_assert(sizeof(struct flow_dns) % 8 == 0, "what follows is aligned");

/* What to make one of. */
struct flow_dns_parts {
	struct flow_dns head; /* all but size and ipv6's neighbours behind the structure */
	const uint8_t (*ips)[16];
	const uint16_t *qtypes, *rrtypes;
	const char *query;  /* ended by 0 */
	const char *cnames; /* head.cname_count texts, each ended by 0 */
};
/* Writes it to `room` of FLOW_DNS_SIZE bytes, aligned for it; counts beyond the bounds are cut and
 * FLOW_DNS_CUT says so. */
const struct flow_dns *flow_dns_make(const struct flow_dns_parts *parts, void *room);

const uint8_t *flow_dns_ip(const struct flow_dns *dns, unsigned index);
bool flow_dns_ip_is_v6(const struct flow_dns *dns, unsigned index);
const uint16_t *flow_dns_qtypes(const struct flow_dns *dns);
const uint16_t *flow_dns_rrtypes(const struct flow_dns *dns);
/* "" when the message has no question. */
const char *flow_dns_query(const struct flow_dns *dns);
/* The one behind `previous`; of the query: the first CNAME. */
const char *flow_dns_next_text(const char *previous);

/*
 * Names of an address: texts one behind the other, each ended by 0, the last one followed by an
 * empty one; the likeliest first. NULL where there are none.
 */
#define FLOW_NAMES_MAX	4
#define FLOW_NAMES_SIZE 512
size_t flow_names_size(const char *names);
/* The name with this index, or NULL. */
const char *flow_names_at(const char *names, unsigned index);

#endif
