/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/dns/dns_index.h"

#define UDP_HEADER_BYTES 8
#define DATAGRAM_MAX	 65536
#define UNIT_BYTES	 8 /* fragments begin at multiples of it */
#define UNITS		 (DATAGRAM_MAX / UNIT_BYTES)
#define FRAGMENT_MORE	 1 /* PACKET_FRAGMENT_MORE of the parser */

/* What fragments of one datagram share. */
struct identity {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint32_t protocol;
};

struct datagram {
	struct dns_link link;
	struct dns_item item;
	struct identity identity;
	uint64_t first_ns;
	uint8_t *data;
	uint32_t room;
	uint32_t total; /* bytes; 0: the last fragment has not come */
	uint32_t units; /* that are there */
	uint64_t there[UNITS / 64];
};

struct dns_datagrams {
	struct dns_datagrams_options options;
	struct dns_index index;
	struct dns_list list; /* by first_ns */
	struct dns_datagrams_stats stats;
	uint8_t *done; /* the payload handed out last */
};

int dns_datagrams_open(struct dns_datagrams **out, const struct dns_datagrams_options *options)
{
	struct dns_datagrams *datagrams = calloc(1, sizeof(*datagrams));

	if (!datagrams)
		return -ENOMEM;
	datagrams->options = *options;
	if (dns_index_init(&datagrams->index, options->max_datagrams)) {
		free(datagrams);
		return -ENOMEM;
	}
	*out = datagrams;
	return 0;
}

static struct datagram *oldest(const struct dns_datagrams *datagrams)
{
	return datagrams->list.oldest ? DNS_HOLDER(datagrams->list.oldest, struct datagram, item)
				      : NULL;
}

/* Keeps the data. */
static void datagram_unlink(struct dns_datagrams *datagrams, struct datagram *datagram)
{
	dns_index_remove(&datagram->link);
	dns_list_remove(&datagrams->list, &datagram->item);
	datagrams->stats.datagrams--;
	datagrams->stats.bytes -= datagram->room;
}

static void datagram_forget(struct dns_datagrams *datagrams, struct datagram *datagram)
{
	datagram_unlink(datagrams, datagram);
	datagrams->stats.incomplete++;
	free(datagram->data);
	free(datagram);
}

void dns_datagrams_close(struct dns_datagrams *datagrams)
{
	if (!datagrams)
		return;
	while (oldest(datagrams))
		datagram_forget(datagrams, oldest(datagrams));
	dns_index_fini(&datagrams->index);
	free(datagrams->done);
	free(datagrams);
}

void dns_datagrams_age(struct dns_datagrams *datagrams, uint64_t now_ns)
{
	while (oldest(datagrams) &&
	       oldest(datagrams)->first_ns + datagrams->options.timeout_ns < now_ns)
		datagram_forget(datagrams, oldest(datagrams));
}

static struct datagram *datagram_find(const struct dns_datagrams *datagrams,
				      const struct identity *identity, uint64_t hash)
{
	struct dns_link *link = dns_index_first(&datagrams->index, hash);

	for (; link; link = dns_index_next(link)) {
		struct datagram *datagram = DNS_HOLDER(link, struct datagram, link);

		if (!memcmp(&datagram->identity, identity, sizeof(*identity)))
			return datagram;
	}
	return NULL;
}

static struct datagram *datagram_of(struct dns_datagrams *datagrams,
				    const struct dns_packet *packet)
{
	struct identity identity = { .id = packet->fragment_id, .protocol = packet->key.protocol };
	struct datagram *datagram;
	uint64_t hash;

	memcpy(identity.src, packet->key.src, sizeof(identity.src));
	memcpy(identity.dst, packet->key.dst, sizeof(identity.dst));
	hash = dns_hash(datagrams->options.seed, &identity, sizeof(identity));
	datagram = datagram_find(datagrams, &identity, hash);
	if (datagram)
		return datagram;
	datagram = calloc(1, sizeof(*datagram));
	if (!datagram)
		return NULL;
	datagram->identity = identity;
	datagram->first_ns = packet->time_ns;
	dns_index_add(&datagrams->index, &datagram->link, hash);
	dns_list_add(&datagrams->list, &datagram->item);
	datagrams->stats.datagrams++;
	return datagram;
}

static void make_room(struct dns_datagrams *datagrams, const struct datagram *keep)
{
	while (oldest(datagrams) != keep &&
	       (datagrams->stats.datagrams > datagrams->options.max_datagrams ||
		datagrams->stats.bytes > datagrams->options.max_bytes))
		datagram_forget(datagrams, oldest(datagrams));
}

static bool reserve(struct dns_datagrams *datagrams, struct datagram *datagram, uint32_t size)
{
	uint32_t room = datagram->room ? datagram->room : 4096;
	uint8_t *more;

	if (size <= datagram->room)
		return true;
	while (room < size)
		room *= 2;
	more = realloc(datagram->data, room);
	if (!more)
		return false;
	memset(more + datagram->room, 0, room - datagram->room);
	datagrams->stats.bytes += room - datagram->room;
	datagram->data = more;
	datagram->room = room;
	return true;
}

static void mark(struct datagram *datagram, uint32_t at, uint32_t size)
{
	uint32_t end = (at + size + UNIT_BYTES - 1) / UNIT_BYTES;

	for (uint32_t unit = at / UNIT_BYTES; unit < end; unit++) {
		uint64_t bit = 1ull << unit % 64;

		datagram->units += !(datagram->there[unit / 64] & bit);
		datagram->there[unit / 64] |= bit;
	}
}

/* Of the first fragment the UDP header was taken off. */
static void datagram_add(struct dns_datagrams *datagrams, struct datagram *datagram,
			 const struct dns_packet *packet)
{
	uint32_t begin = packet->fragment_at & ~7u, at = begin ? begin : UDP_HEADER_BYTES;
	uint32_t end = at + packet->length;

	if (end > DATAGRAM_MAX || !reserve(datagrams, datagram, end))
		return;
	memcpy(datagram->data + at, packet->data, packet->captured);
	if (packet->captured == packet->length)
		mark(datagram, begin, end - begin);
	if (!(packet->fragment_at & FRAGMENT_MORE))
		datagram->total = end;
}

static bool is_complete(const struct datagram *datagram)
{
	uint32_t wanted = (datagram->total + UNIT_BYTES - 1) / UNIT_BYTES;

	if (datagram->total <= UDP_HEADER_BYTES || datagram->units < wanted)
		return false;
	for (uint32_t unit = 0; unit < wanted; unit++)
		if (!(datagram->there[unit / 64] & 1ull << unit % 64))
			return false;
	return true;
}

bool dns_datagrams_take(struct dns_datagrams *datagrams, const struct dns_packet *packet,
			const uint8_t **message, size_t *size)
{
	struct datagram *datagram = datagram_of(datagrams, packet);

	if (!datagram)
		return false;
	datagram_add(datagrams, datagram, packet);
	make_room(datagrams, datagram);
	if (!is_complete(datagram))
		return false;
	datagram_unlink(datagrams, datagram);
	free(datagrams->done);
	datagrams->done = datagram->data;
	*message = datagram->data + UDP_HEADER_BYTES;
	*size = datagram->total - UDP_HEADER_BYTES;
	free(datagram);
	return true;
}

void dns_datagrams_stats(const struct dns_datagrams *datagrams, struct dns_datagrams_stats *stats)
{
	*stats = datagrams->stats;
}
