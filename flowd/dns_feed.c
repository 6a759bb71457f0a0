/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "flowd/settings.h"

struct dns_feed {
	struct dns *dns;
	struct dns_stats told; /* of which the losses have been told */
	uint64_t aged_ns;
	int64_t wall_offset_ns;
	const char *node_name;
	struct flow_record named;
};

int dns_feed_open(struct dns_feed **out, const struct config *config, flow_record_fn emit,
		  dns_ifname_fn ifname, void *context)
{
	struct dns_options options;
	struct dns_feed *feed;
	int error;

	*out = NULL;
	if (!config->dns.enabled)
		return 0;
	settings_dns(config, &options);
	options.emit = emit;
	options.context = context;
	if (getrandom(options.hash_seed, sizeof(options.hash_seed), 0) != sizeof(options.hash_seed))
		return -EIO;
	feed = calloc(1, sizeof(*feed));
	error = feed ? dns_open(&feed->dns, &options) : -ENOMEM;
	if (error) {
		free(feed);
		return error;
	}
	feed->node_name = config->node_name;
	dns_set_names(feed->dns, ifname, context, config->node_name);
	*out = feed;
	return 0;
}

void dns_feed_close(struct dns_feed *feed)
{
	if (!feed)
		return;
	dns_close(feed->dns);
	free(feed);
}

void dns_feed_set_wall_offset(struct dns_feed *feed, int64_t offset_ns)
{
	if (!feed)
		return;
	feed->wall_offset_ns = offset_ns;
	dns_set_wall_offset(feed->dns, offset_ns);
}

static bool is_whole(const struct flow_dns_bytes *bytes)
{
	return bytes->event.size >= sizeof(*bytes) &&
	       bytes->captured <= bytes->event.size - sizeof(*bytes) &&
	       bytes->captured <= bytes->length;
}

bool dns_feed_event(void *context, const struct flow_event *event)
{
	const struct flow_dns_bytes *bytes = (const struct flow_dns_bytes *)event;
	struct dns_feed *feed = context;
	struct dns_packet packet;

	if (!feed || event->type != FLOW_EVENT_DNS || !is_whole(bytes))
		return false;
	packet = (struct dns_packet){ .key = bytes->key,
				      .time_ns = event->time_ns,
				      .data = (const uint8_t *)(bytes + 1),
				      .captured = bytes->captured,
				      .length = bytes->length,
				      .tcp_seq = bytes->tcp_seq,
				      .fragment_id = bytes->fragment_id,
				      .fragment_at = bytes->fragment_at,
				      .flags = bytes->flags,
				      .point = FLOW_POINT(bytes->ifindex, bytes->hook) };
	memcpy(packet.eth_src, bytes->eth_src, sizeof(packet.eth_src));
	dns_take(feed->dns, &packet);
	return true;
}

void dns_feed_age(struct dns_feed *feed, uint64_t now_ns,
		  void (*tell)(void *context, const struct flow_loss *loss), void *context)
{
	struct dns_stats stats;
	struct flow_loss loss = { .source = "dns_pending" };

	if (!feed)
		return;
	dns_age(feed->dns, now_ns);
	dns_stats(feed->dns, &stats);
	loss.records = stats.dns_pending_evicted - feed->told.dns_pending_evicted;
	loss.first_ns = feed->aged_ns + (uint64_t)feed->wall_offset_ns;
	loss.last_ns = now_ns + (uint64_t)feed->wall_offset_ns;
	loss.node_name = feed->node_name;
	if (loss.records)
		tell(context, &loss);
	feed->told = stats;
	feed->aged_ns = now_ns;
}

const struct flow_record *dns_feed_name(struct dns_feed *feed, const struct flow_record *record)
{
	if (!feed || record->kind == FLOW_KIND_DNS)
		return record; /* a message has them */
	feed->named = *record;
	dns_name_record(feed->dns, &feed->named);
	return &feed->named;
}

const struct dns *dns_feed_source(const struct dns_feed *feed)
{
	return feed ? feed->dns : NULL;
}
