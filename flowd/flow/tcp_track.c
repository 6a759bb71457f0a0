/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/tcp_track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/flow/flow_pool.h"

#define TRACK_FIRST    1024u
#define TIMESTAMP_KIND 8 /* RFC 7323, 3 */

struct connection {
	struct flow_key key; /* of side[0]; protocol 0: unused */
	struct tcp_handshake handshake;
	struct tcp_side side[2];
	uint32_t rtt_us[2]; /* of what that side has sent; not told yet */
};

struct tcp_track {
	struct connection *list;
	uint32_t count, slots;
};

/* ---- header --------------------------------------------------------------------------------- */

static uint32_t read32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static void read_options(const uint8_t *option, const uint8_t *end, struct tcp_segment *segment)
{
	while (option < end && *option) {
		if (*option == 1) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return;
		if (option[0] == TIMESTAMP_KIND && option[1] == 10) {
			segment->ts_value = read32(option + 2);
			segment->ts_echo = read32(option + 6);
			segment->has_timestamps = 1;
		}
		option += option[1];
	}
}

int tcp_segment_read(const uint8_t *tcp, uint32_t room, uint32_t length,
		     struct tcp_segment *segment)
{
	uint32_t header = room >= 20 ? (uint32_t)(tcp[12] >> 4) * 4 : 0;

	if (header < 20 || header > length)
		return -EBADMSG;
	*segment = (struct tcp_segment){
		.seq = read32(tcp + 4),
		.ack = read32(tcp + 8),
		.payload = length - header,
		.flags = (uint16_t)((tcp[12] & 1) << 8 | tcp[13]),
		.window = (uint16_t)(tcp[14] << 8 | tcp[15]),
	};
	read_options(tcp + 20, tcp + (header < room ? header : room), segment);
	return 0;
}

/* ---- connections ---------------------------------------------------------------------------- */

int tcp_track_open(struct tcp_track **out)
{
	struct tcp_track *track = calloc(1, sizeof(*track));

	if (track)
		track->list = calloc(TRACK_FIRST, sizeof(*track->list));
	if (!track || !track->list) {
		free(track);
		return -ENOMEM;
	}
	track->slots = TRACK_FIRST;
	*out = track;
	return 0;
}

void tcp_track_close(struct tcp_track *track)
{
	if (!track)
		return;
	free(track->list);
	free(track);
}

/* The key of the side with the smaller end; 1 when that is not the sender's. */
static unsigned key_order(const struct flow_key *key, struct flow_key *ordered)
{
	int order = memcmp(key->src, key->dst, sizeof(key->src));

	*ordered = *key;
	if (order < 0 || (!order && key->src_port <= key->dst_port))
		return 0;
	ordered->src_port = key->dst_port;
	ordered->dst_port = key->src_port;
	memcpy(ordered->src, key->dst, sizeof(ordered->src));
	memcpy(ordered->dst, key->src, sizeof(ordered->dst));
	return 1;
}

static uint32_t key_hash(const struct flow_key *key)
{
	uint64_t words[5], sum = 0;

	memcpy(words, key, sizeof(words));
	for (int i = 0; i < 5; i++)
		sum = flow_hash_mix(sum ^ words[i], 0x9e3779b97f4a7c15ull);
	return (uint32_t)(sum ^ sum >> 32);
}

static struct connection *track_slot(struct connection *list, uint32_t slots,
				     const struct flow_key *key)
{
	uint32_t slot = key_hash(key) & (slots - 1);

	while (list[slot].key.protocol && !flow_key_equal(&list[slot].key, key))
		slot = (slot + 1) & (slots - 1);
	return &list[slot];
}

static int track_grow(struct tcp_track *track)
{
	uint32_t slots = track->slots * 2;
	struct connection *list = slots <= 2 * TCP_TRACK_MAX ? calloc(slots, sizeof(*list)) : NULL;

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < track->slots; i++)
		if (track->list[i].key.protocol)
			*track_slot(list, slots, &track->list[i].key) = track->list[i];
	free(track->list);
	track->list = list;
	track->slots = slots;
	return 0;
}

static struct connection *track_find(struct tcp_track *track, const struct flow_key *key)
{
	struct connection *found = track_slot(track->list, track->slots, key);

	if (found->key.protocol)
		return found;
	if (track->count * 2 >= track->slots) {
		if (track_grow(track))
			return NULL;
		found = track_slot(track->list, track->slots, key);
	}
	track->count++;
	found->key = *key;
	return found;
}

/* ---- analysis ------------------------------------------------------------------------------- */

static void count_repeat(enum tcp_repeat repeat, struct flow_tcp *facts)
{
	static const enum trace_retransmit kinds[] = {
		[TCP_REPEAT_PLAIN] = TRACE_RETRANSMIT_NONE,
		[TCP_REPEAT_FAST] = TRACE_RETRANSMIT_FAST,
		[TCP_REPEAT_SYN] = TRACE_RETRANSMIT_SYN,
		[TCP_REPEAT_SYNACK] = TRACE_RETRANSMIT_SYNACK,
	};

	if (repeat == TCP_REPEAT_NONE)
		return;
	facts->retransmits++;
	facts->retransmits_of[kinds[repeat]]++;
}

void tcp_track_segment(struct tcp_track *track, const struct flow_key *key,
		       const struct tcp_segment *segment, uint64_t time_ns, struct flow_tcp *facts)
{
	struct flow_key ordered;
	unsigned who = key_order(key, &ordered);
	struct connection *connection = track_find(track, &ordered);
	struct tcp_findings found = { 0 };

	if (!connection)
		return;
	tcp_judge_segment(&connection->handshake, &connection->side[who], &connection->side[!who],
			  segment, time_ns, &found);
	facts->analysed = 1;
	count_repeat(found.repeat, facts);
	facts->out_of_order += found.late;
	facts->duplicate_acks += found.duplicate_ack;
	facts->zero_windows += found.no_window;
	if (found.rtt_us)
		connection->rtt_us[!who] = found.rtt_us;
	facts->srtt_avg_us = connection->rtt_us[who];
	connection->rtt_us[who] = 0;
}
