/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/tcp_track.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/flow/flow_pool.h"

#define TRACK_FIRST    1024u
#define SEQ_FLAGS      (FLOW_TCP_SYN | FLOW_TCP_FIN)
#define CONTROL_FLAGS  (FLOW_TCP_SYN | FLOW_TCP_FIN | FLOW_TCP_RST)
#define FAST_NS	       20000000ull /* a retransmission so soon after the duplicates is fast */
#define REORDER_NS     3000000ull  /* late by less than this, without a known RTT: out of order */
#define TIMESTAMP_KIND 8	   /* RFC 7323, 3 */

/* What one side has sent. */
struct side {
	uint64_t next_ns;  /* when `next` was reached */
	uint64_t acked_ns; /* when `ack` was last told */
	uint64_t ts_ns;	   /* when ts_value was sent; 0: no sample is running */
	uint32_t next;	   /* sequence number behind the furthest segment */
	uint32_t ack;	   /* latest acknowledgement told */
	uint32_t ts_value;
	uint32_t rtt_us; /* a sample that is not told yet */
	uint32_t isn;
	uint16_t window;
	uint8_t duplicates; /* acknowledgements of `ack` beyond the first */
	bool begun, acking, keep_alive, probing;
};

struct connection {
	struct flow_key key;	 /* of side[0]; protocol 0: unused */
	uint64_t syn_ns, rtt_ns; /* of the handshake */
	struct side side[2];
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

/* Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4). */
static bool before(uint32_t left, uint32_t right)
{
	return (int32_t)(left - right) < 0;
}

static bool is_keep_alive(const struct side *this, const struct tcp_segment *segment)
{
	return segment->payload <= 1 && this->begun && segment->seq == this->next - 1 &&
	       !(segment->flags & CONTROL_FLAGS);
}

static bool is_window_probe(const struct side *this, const struct side *other,
			    const struct tcp_segment *segment)
{
	return segment->payload == 1 && this->begun && segment->seq == this->next && other->begun &&
	       !other->window;
}

/* An acknowledgement that repeats the one before it, and brings nothing else. */
static bool is_duplicate(const struct side *this, const struct side *other,
			 const struct tcp_segment *segment)
{
	return !segment->payload && segment->window && segment->window == this->window &&
	       this->begun && this->acking && segment->seq == this->next &&
	       segment->ack == this->ack && !(segment->flags & CONTROL_FLAGS) &&
	       !other->keep_alive && !other->probing;
}

static bool is_fast(const struct side *this, const struct side *other,
		    const struct tcp_segment *segment, uint64_t time_ns)
{
	(void)this;
	return other->duplicates >= 2 && other->ack == segment->seq &&
	       time_ns - other->acked_ns < FAST_NS;
}

/* It fills a gap that the network's own reordering explains. */
static bool is_late(const struct connection *connection, const struct side *this,
		    const struct tcp_segment *segment, uint32_t end, uint64_t time_ns)
{
	uint64_t limit = connection->rtt_ns ? connection->rtt_ns : REORDER_NS;

	(void)segment;
	return time_ns - this->next_ns < limit && end != this->next;
}

static void count_retransmit(const struct tcp_segment *segment, bool fast, struct flow_tcp *facts)
{
	enum trace_retransmit kind = fast ? TRACE_RETRANSMIT_FAST : TRACE_RETRANSMIT_NONE;

	if (segment->flags & FLOW_TCP_SYN)
		kind = segment->flags & FLOW_TCP_ACK ? TRACE_RETRANSMIT_SYNACK
						     : TRACE_RETRANSMIT_SYN;
	facts->retransmits++;
	facts->retransmits_of[kind]++;
}

/* A segment that does not go beyond what was sent before. */
static void judge_repeat(const struct connection *connection, const struct side *this,
			 const struct side *other, const struct tcp_segment *segment, uint32_t end,
			 uint64_t time_ns, struct flow_tcp *facts)
{
	bool acked = segment->payload && other->acking && !before(other->ack, end);

	if (is_fast(this, other, segment, time_ns))
		count_retransmit(segment, true, facts);
	else if (!acked && is_late(connection, this, segment, end, time_ns))
		facts->out_of_order++;
	else
		count_retransmit(segment, false, facts);
}

static void judge_sequence(const struct connection *connection, struct side *this,
			   const struct side *other, const struct tcp_segment *segment,
			   uint64_t time_ns, struct flow_tcp *facts)
{
	bool carries = segment->payload || (segment->flags & SEQ_FLAGS);
	uint32_t end = segment->seq + segment->payload + ((segment->flags & SEQ_FLAGS) != 0);

	this->probing = is_window_probe(this, other, segment);
	this->keep_alive = !this->probing && is_keep_alive(this, segment);
	if (is_duplicate(this, other, segment)) {
		facts->duplicate_acks++;
		if (this->duplicates < UINT8_MAX)
			this->duplicates++;
	} else if (segment->flags & FLOW_TCP_ACK && segment->ack != this->ack) {
		this->duplicates = 0;
	}
	if (carries && !this->keep_alive && !this->probing && this->begun &&
	    before(segment->seq, this->next))
		judge_repeat(connection, this, other, segment, end, time_ns, facts);
	if (this->keep_alive || this->probing)
		return;
	if (!this->begun || (carries && before(this->next, end))) {
		this->next = end;
		this->next_ns = time_ns;
		this->begun = true;
	}
}

/* Round trips by the timestamps option: a value and the first packet that echoes it. */
static void judge_timestamps(struct side *this, struct side *other,
			     const struct tcp_segment *segment, uint64_t time_ns)
{
	if (!segment->has_timestamps)
		return;
	if (other->ts_ns && (segment->flags & FLOW_TCP_ACK) &&
	    segment->ts_echo == other->ts_value) {
		other->rtt_us = (uint32_t)((time_ns - other->ts_ns) / 1000);
		other->ts_ns = 0;
	}
	if (!this->ts_ns && segment->ts_value != this->ts_value &&
	    (segment->payload || segment->flags & SEQ_FLAGS)) {
		this->ts_value = segment->ts_value;
		this->ts_ns = time_ns;
	}
}

/* Another connection on the same ports. */
static bool is_new(const struct side *this, const struct tcp_segment *segment)
{
	return (segment->flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN && this->begun &&
	       segment->seq != this->isn;
}

static void judge_handshake(struct connection *connection, struct side *this,
			    const struct tcp_segment *segment, uint64_t time_ns)
{
	const uint16_t flags = segment->flags & (FLOW_TCP_SYN | FLOW_TCP_ACK);

	if (flags & FLOW_TCP_SYN)
		this->isn = segment->seq;
	if (flags == FLOW_TCP_SYN)
		connection->syn_ns = time_ns;
	else if (flags == FLOW_TCP_ACK && connection->syn_ns && !connection->rtt_ns)
		connection->rtt_ns = time_ns - connection->syn_ns;
}

static void take_acknowledgement(struct side *this, const struct tcp_segment *segment,
				 uint64_t time_ns)
{
	this->window = segment->window;
	if (!(segment->flags & FLOW_TCP_ACK))
		return;
	this->ack = segment->ack;
	this->acked_ns = time_ns;
	this->acking = true;
}

void tcp_track_segment(struct tcp_track *track, const struct flow_key *key,
		       const struct tcp_segment *segment, uint64_t time_ns, struct flow_tcp *facts)
{
	struct flow_key ordered;
	unsigned who = key_order(key, &ordered);
	struct connection *connection = track_find(track, &ordered);
	struct side *this, *other;

	if (!connection)
		return;
	this = &connection->side[who];
	other = &connection->side[!who];
	if (is_new(this, segment))
		*connection = (struct connection){ .key = ordered };
	facts->analysed = 1;
	if (!segment->window && !(segment->flags & CONTROL_FLAGS))
		facts->zero_windows++;
	judge_handshake(connection, this, segment, time_ns);
	judge_sequence(connection, this, other, segment, time_ns, facts);
	judge_timestamps(this, other, segment, time_ns);
	take_acknowledgement(this, segment, time_ns);
	facts->srtt_avg_us = this->rtt_us;
	this->rtt_us = 0;
}
