/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS messages out of TCP segments (RFC 1035, 4.2.2; RFC 7766): pipelined, split anywhere, sent
 * twice, out of order. One stream a direction. Bounded in streams and in bytes: the one unused for
 * longest goes, and is counted. Where bytes are missing the stream goes on at a segment that looks
 * like the beginning of a message. A closed stream is kept for a while, so that what is sent twice
 * is not taken twice. Pure.
 */
#ifndef DNS_DNS_STREAM_H
#define DNS_DNS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "flowd/dns/dns_packet.h"

struct dns_streams_options {
	size_t max_streams, max_bytes; /* bytes: of all streams, waiting to be complete */
	uint64_t idle_ns;	       /* a silent stream is forgotten after this time */
	uint64_t seed[2];
};
#define DNS_STREAMS_DEFAULT                                                               \
	{                                                                                 \
		.max_streams = 4096, .max_bytes = 4 * 1024 * 1024, .idle_ns = 60000000000 \
	}

struct dns_streams_stats {
	uint64_t streams, bytes; /* held */
	uint64_t evicted;	 /* unfinished ones given up: too many, or too many bytes */
	uint64_t gaps;		 /* times a stream went on behind missing bytes */
	uint64_t skipped_bytes;	 /* that belonged to no message that could be made out */
};

/* A message: `size` bytes at hand of `whole`. */
typedef void (*dns_stream_fn)(void *context, const uint8_t *message, size_t size, size_t whole);

struct dns_streams;
/* 0 or -ENOMEM. */
int dns_streams_open(struct dns_streams **out, const struct dns_streams_options *options);
void dns_streams_close(struct dns_streams *streams);
/* Calls `take` for each message that the segment completes. */
void dns_streams_take(struct dns_streams *streams, const struct dns_packet *packet,
		      dns_stream_fn take, void *context);
void dns_streams_age(struct dns_streams *streams, uint64_t now_ns);
void dns_streams_stats(const struct dns_streams *streams, struct dns_streams_stats *stats);

#endif
