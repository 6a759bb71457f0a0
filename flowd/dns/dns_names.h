/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a client calls an address: the names it asked for, by the addresses in the answers it got.
 * Per client, never global. Bounded in bytes; when full, the client that holds most gives up what
 * it has not used for longest, so one that asks for a million names costs the others nothing. Pure.
 */
#ifndef DNS_DNS_NAMES_H
#define DNS_DNS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/flow_dns.h"

struct dns_names_options {
	size_t max_bytes;
	uint64_t grace_ns; /* beyond the TTL */
	uint64_t seed[2];
};

struct dns_names_stats {
	uint64_t clients, addresses, bytes; /* held */
	uint64_t evicted;		    /* addresses given up while they were still valid */
};

struct dns_names;
/* 0 or -ENOMEM. */
int dns_names_open(struct dns_names **out, const struct dns_names_options *options);
void dns_names_close(struct dns_names *names);

/* The answer came at `now_ns`; `name` may end with a dot. */
void dns_names_add(struct dns_names *names, const uint8_t client[16], const uint8_t address[16],
		   const char *name, uint32_t ttl_s, uint64_t now_ns);
/*
 * The names that were valid at `at_ns`, the latest answer first, as flow_names_at() reads them, in
 * `room` of FLOW_NAMES_SIZE bytes; NULL: none.
 */
const char *dns_names_find(struct dns_names *names, const uint8_t client[16],
			   const uint8_t address[16], uint64_t at_ns, char *room);
void dns_names_stats(const struct dns_names *names, struct dns_names_stats *stats);

#endif
