/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS messages out of UDP datagrams that came in IP fragments (RFC 791, RFC 8200 4.5): large EDNS
 * answers. Bounded in number and bytes; what is not complete in time is forgotten and counted, as
 * its receiver does. Pure.
 */
#ifndef DNS_DNS_DATAGRAM_H
#define DNS_DNS_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/dns/dns_packet.h"

struct dns_datagrams_options {
	size_t max_datagrams, max_bytes;
	uint64_t timeout_ns; /* since the first fragment seen */
	uint64_t seed[2];
};
#define DNS_DATAGRAMS_DEFAULT                                                             \
	{                                                                                 \
		.max_datagrams = 256, .max_bytes = 1024 * 1024, .timeout_ns = 30000000000 \
	}

struct dns_datagrams_stats {
	uint64_t datagrams, bytes; /* held */
	uint64_t incomplete;	   /* forgotten: late, or too many */
};

struct dns_datagrams;
/* 0 or -ENOMEM. */
int dns_datagrams_open(struct dns_datagrams **out, const struct dns_datagrams_options *options);
void dns_datagrams_close(struct dns_datagrams *datagrams);
/* True when the fragment completes its datagram: *message is its payload then, valid until the next
 * call. */
bool dns_datagrams_take(struct dns_datagrams *datagrams, const struct dns_packet *packet,
			const uint8_t **message, size_t *size);
void dns_datagrams_age(struct dns_datagrams *datagrams, uint64_t now_ns);
void dns_datagrams_stats(const struct dns_datagrams *datagrams, struct dns_datagrams_stats *stats);

#endif
