/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/dns/dns_index.h"

#define PREFIX_BYTES 2
#define MESSAGE_MAX  65535
#define HELD_MAX     131072 /* bytes beyond a gap before it is given up */
#define HEADER_BYTES 12

/* A segment that came before the one it follows. */
struct held {
	struct held *next; /* by sequence number */
	uint32_t seq, length, captured;
	uint8_t data[];
};

struct stream {
	struct dns_link link;
	struct dns_item item;
	struct flow_key key;
	uint64_t last_ns;
	uint32_t next_seq;
	bool synced;   /* the buffer begins at a message */
	uint8_t *data; /* from the beginning of a message on */
	size_t size, room;
	size_t hole; /* where the first byte is missing that was not captured; SIZE_MAX: nowhere */
	struct held *held;
	size_t held_bytes;
};

struct dns_streams {
	struct dns_streams_options options;
	struct dns_index index;
	struct dns_list list; /* by last use */
	struct dns_streams_stats stats;
};

int dns_streams_open(struct dns_streams **out, const struct dns_streams_options *options)
{
	struct dns_streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return -ENOMEM;
	streams->options = *options;
	if (dns_index_init(&streams->index, options->max_streams)) {
		free(streams);
		return -ENOMEM;
	}
	*out = streams;
	return 0;
}

/* ---- life of a stream -------------------------------------------------------------------------
 */

static void drop_held(struct dns_streams *streams, struct stream *stream)
{
	struct held *held = stream->held;

	stream->held = held->next;
	stream->held_bytes -= held->captured;
	streams->stats.bytes -= held->captured;
	free(held);
}

static void set_room(struct dns_streams *streams, struct stream *stream, size_t room)
{
	streams->stats.bytes += room - stream->room;
	stream->room = room;
}

static void drop_data(struct dns_streams *streams, struct stream *stream)
{
	set_room(streams, stream, 0);
	free(stream->data);
	stream->data = NULL;
	stream->size = 0;
	stream->hole = SIZE_MAX;
}

static void stream_end(struct dns_streams *streams, struct stream *stream)
{
	while (stream->held)
		drop_held(streams, stream);
	drop_data(streams, stream);
	dns_index_remove(&stream->link);
	dns_list_remove(&streams->list, &stream->item);
	streams->stats.streams--;
	free(stream);
}

static struct stream *oldest(const struct dns_streams *streams)
{
	return streams->list.oldest ? DNS_HOLDER(streams->list.oldest, struct stream, item) : NULL;
}

void dns_streams_close(struct dns_streams *streams)
{
	if (!streams)
		return;
	while (oldest(streams))
		stream_end(streams, oldest(streams));
	dns_index_fini(&streams->index);
	free(streams);
}

void dns_streams_age(struct dns_streams *streams, uint64_t now_ns)
{
	while (oldest(streams) && oldest(streams)->last_ns + streams->options.idle_ns < now_ns)
		stream_end(streams, oldest(streams));
}

static uint64_t hash_of(const struct dns_streams *streams, const struct flow_key *key)
{
	return dns_hash(streams->options.seed, key, sizeof(*key));
}

static struct stream *stream_find(const struct dns_streams *streams, const struct flow_key *key)
{
	struct dns_link *link = dns_index_first(&streams->index, hash_of(streams, key));

	for (; link; link = dns_index_next(link)) {
		struct stream *stream = DNS_HOLDER(link, struct stream, link);

		if (!memcmp(&stream->key, key, sizeof(*key)))
			return stream;
	}
	return NULL;
}

static void make_room(struct dns_streams *streams, const struct stream *keep)
{
	while (oldest(streams) && oldest(streams) != keep &&
	       (streams->stats.streams > streams->options.max_streams ||
		streams->stats.bytes > streams->options.max_bytes)) {
		streams->stats.evicted += oldest(streams)->size || oldest(streams)->held;
		stream_end(streams, oldest(streams));
	}
}

static struct stream *stream_begin(struct dns_streams *streams, const struct flow_key *key)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->key = *key;
	stream->hole = SIZE_MAX;
	dns_index_add(&streams->index, &stream->link, hash_of(streams, key));
	dns_list_add(&streams->list, &stream->item);
	streams->stats.streams++;
	make_room(streams, stream);
	return stream;
}

/* ---- bytes in order ---------------------------------------------------------------------------
 */

/* What a message can begin with: its length, and a header that somebody might send. */
static bool looks_like_message(const uint8_t *bytes, size_t size)
{
	unsigned length, bits, questions;

	if (size < PREFIX_BYTES + HEADER_BYTES)
		return false;
	length = (unsigned)bytes[0] << 8 | bytes[1];
	bits = (unsigned)bytes[4] << 8 | bytes[5];
	questions = (unsigned)bytes[6] << 8 | bytes[7];
	return length >= HEADER_BYTES && !(bits & 0x40) && (bits >> 11 & 15) <= 6 && questions <= 8;
}

static bool reserve(struct dns_streams *streams, struct stream *stream, size_t size)
{
	size_t room = stream->room ? stream->room : 512;
	uint8_t *more;

	if (size <= stream->room)
		return true;
	while (room < size)
		room *= 2;
	more = realloc(stream->data, room);
	if (!more)
		return false;
	stream->data = more;
	set_room(streams, stream, room);
	return true;
}

/* The bytes of the segment behind those at hand. What was not captured of it leaves a hole. */
static void append(struct dns_streams *streams, struct stream *stream, const uint8_t *data,
		   uint32_t captured, uint32_t length)
{
	stream->next_seq += length;
	if (!stream->synced && !stream->size)
		stream->synced = looks_like_message(data, captured);
	if (!stream->synced || !reserve(streams, stream, stream->size + length)) {
		streams->stats.skipped_bytes += length + stream->size;
		stream->synced = false;
		drop_data(streams, stream);
		return;
	}
	memcpy(stream->data + stream->size, data, captured);
	memset(stream->data + stream->size + captured, 0, length - captured);
	if (captured < length && stream->hole == SIZE_MAX)
		stream->hole = stream->size + captured;
	stream->size += length;
}

/* Bytes of the message that begins at `at`, with its prefix; 0: not all are there. */
static size_t message_bytes(const struct stream *stream, size_t at)
{
	size_t size;

	if (at + PREFIX_BYTES > stream->size)
		return 0;
	size = PREFIX_BYTES + ((size_t)stream->data[at] << 8 | stream->data[at + 1]);
	return at + size <= stream->size ? size : 0;
}

/* Hands out whole messages. A length that is in a hole, or too small for a message, ends what is
 * known. */
static void deliver(struct dns_streams *streams, struct stream *stream, dns_stream_fn take,
		    void *context)
{
	size_t at = 0, size, hand;

	while ((size = message_bytes(stream, at))) {
		if (stream->hole < at + PREFIX_BYTES || size < PREFIX_BYTES + HEADER_BYTES) {
			streams->stats.gaps++;
			streams->stats.skipped_bytes += stream->size - at;
			stream->synced = false;
			drop_data(streams, stream);
			return;
		}
		hand = stream->hole < at + size ? stream->hole - at : size;
		take(context, stream->data + at + PREFIX_BYTES, hand - PREFIX_BYTES,
		     size - PREFIX_BYTES);
		at += size;
	}
	if (at == stream->size) {
		drop_data(streams, stream);
		return;
	}
	memmove(stream->data, stream->data + at, stream->size - at);
	stream->size -= at;
	if (stream->hole != SIZE_MAX)
		stream->hole = stream->hole < at ? SIZE_MAX : stream->hole - at;
}

/* ---- segments ---------------------------------------------------------------------------------
 */

static void hold(struct dns_streams *streams, struct stream *stream,
		 const struct dns_packet *packet)
{
	struct held **at = &stream->held, *held;

	while (*at && (int32_t)((*at)->seq - packet->tcp_seq) < 0)
		at = &(*at)->next;
	if (*at && (*at)->seq == packet->tcp_seq && (*at)->length >= packet->length)
		return;
	held = malloc(sizeof(*held) + packet->captured);
	if (!held)
		return;
	*held = (struct held){ *at, packet->tcp_seq, packet->length, packet->captured };
	memcpy(held->data, packet->data, packet->captured);
	*at = held;
	stream->held_bytes += packet->captured;
	streams->stats.bytes += packet->captured;
}

/* The part of a segment that is new; false: nothing is. */
static bool append_new(struct dns_streams *streams, struct stream *stream, uint32_t seq,
		       const uint8_t *data, uint32_t captured, uint32_t length)
{
	uint32_t old = stream->next_seq - seq;

	if (old >= length)
		return false;
	append(streams, stream, data + (old < captured ? old : captured),
	       old < captured ? captured - old : 0, length - old);
	return true;
}

static void append_held(struct dns_streams *streams, struct stream *stream)
{
	while (stream->held && (int32_t)(stream->held->seq - stream->next_seq) <= 0) {
		struct held *held = stream->held;

		append_new(streams, stream, held->seq, held->data, held->captured, held->length);
		drop_held(streams, stream);
	}
}

/* The missing segment is not waited for any more. */
static void skip_gap(struct dns_streams *streams, struct stream *stream)
{
	streams->stats.gaps++;
	streams->stats.skipped_bytes += stream->size;
	stream->synced = false;
	drop_data(streams, stream);
	stream->next_seq = stream->held->seq;
	append_held(streams, stream);
}

static void take_segment(struct dns_streams *streams, struct stream *stream,
			 const struct dns_packet *packet)
{
	int32_t ahead = (int32_t)(packet->tcp_seq - stream->next_seq);

	if (ahead > 0) {
		hold(streams, stream, packet);
		if (stream->held && stream->held_bytes > HELD_MAX)
			skip_gap(streams, stream);
		return;
	}
	append_new(streams, stream, packet->tcp_seq, packet->data, packet->captured,
		   packet->length);
	append_held(streams, stream);
}

static struct stream *stream_of(struct dns_streams *streams, const struct dns_packet *packet)
{
	struct stream *stream = stream_find(streams, &packet->key);

	if (packet->flags & FLOW_TCP_SYN) {
		if (stream && stream->next_seq != packet->tcp_seq + 1)
			stream_end(streams, stream);
		else if (stream)
			return stream;
		stream = stream_begin(streams, &packet->key);
		if (stream) {
			stream->next_seq = packet->tcp_seq + 1;
			stream->synced = true;
		}
		return stream;
	}
	if (!stream && packet->length) {
		stream = stream_begin(streams, &packet->key);
		if (stream)
			stream->next_seq = packet->tcp_seq;
	}
	return stream;
}

void dns_streams_take(struct dns_streams *streams, const struct dns_packet *packet,
		      dns_stream_fn take, void *context)
{
	struct stream *stream = stream_of(streams, packet);
	struct dns_packet segment = *packet;

	if (!stream)
		return;
	stream->last_ns = packet->time_ns;
	dns_list_remove(&streams->list, &stream->item);
	dns_list_add(&streams->list, &stream->item);
	segment.tcp_seq += !!(packet->flags & FLOW_TCP_SYN);
	if (segment.length)
		take_segment(streams, stream, &segment);
	deliver(streams, stream, take, context);
	make_room(streams, stream);
}

void dns_streams_stats(const struct dns_streams *streams, struct dns_streams_stats *stats)
{
	*stats = streams->stats;
}
