/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one TCP segment is, given those before it: sent again, out of order, an acknowledgement told
 * twice, a closed window, the end of a round trip by the timestamps option (RFC 7323). Like the
 * parser it calls nothing and is compiled natively (captures: flowd/flow/tcp_track.c, where tshark
 * judges it) and for the kernel (tcp_watch.bpf.h). There two CPUs may have the two directions of a
 * connection at once: what a side has sent is written by its own segments only, but for the SYN
 * that begins anew.
 */
#ifndef TCP_JUDGE_H
#define TCP_JUDGE_H

#include "bpf-common/packet.h"

#define TCP_JUDGE_SEQ	     (FLOW_TCP_SYN | FLOW_TCP_FIN)
#define TCP_JUDGE_CONTROL    (FLOW_TCP_SYN | FLOW_TCP_FIN | FLOW_TCP_RST)
#define TCP_JUDGE_FAST_NS    20000000ull /* sent again so soon after the duplicates is fast */
#define TCP_JUDGE_REORDER_NS 3000000ull	 /* late by less, without a known RTT: out of order */

/* One segment; numbers in host order. */
struct tcp_segment {
	__u32 seq, ack;
	__u32 payload; /* bytes */
	__u16 flags;   /* FLOW_TCP_* */
	__u16 window;  /* as it stands in the header */
	__u32 ts_value, ts_echo;
	__u32 has_timestamps;
};

/* What one side has sent. */
struct tcp_side {
	__u64 next_ns;	/* when `next` was reached */
	__u64 acked_ns; /* when `ack` was last told */
	__u64 ts_ns;	/* when ts_value was sent; 0: none yet */
	__u32 next;	/* sequence number behind the furthest segment */
	__u32 ack;	/* latest acknowledgement told */
	__u32 ts_value; /* whose echo is waited for */
	__u32 echoed;	/* the other side's ts_value that has been answered */
	__u32 isn;
	__u16 window;
	__u8 duplicates; /* acknowledgements of `ack` beyond the first */
	__u8 begun, acking, keep_alive, probing;
	__u8 pad[5];
};
FLOW_ABI_ASSERT(sizeof(struct tcp_side) == 56);

struct tcp_handshake {
	__u64 syn_ns, rtt_ns;
};

enum tcp_repeat {
	TCP_REPEAT_NONE,
	TCP_REPEAT_PLAIN,
	TCP_REPEAT_FAST,
	TCP_REPEAT_SYN,
	TCP_REPEAT_SYNACK
};

struct tcp_findings {
	__u32 repeat;			      /* enum tcp_repeat */
	__u32 late, duplicate_ack, no_window; /* 0 or 1 */
	__u32 rtt_us; /* from here to the segment's sender and back; 0: not told */
};

/* Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4). */
PACKET_INLINE int tcp_before(__u32 left, __u32 right)
{
	return (__s32)(left - right) < 0;
}

PACKET_INLINE int tcp_is_keep_alive(const struct tcp_side *this, const struct tcp_segment *segment)
{
	return segment->payload <= 1 && this->begun && segment->seq == this->next - 1 &&
	       !(segment->flags & TCP_JUDGE_CONTROL);
}

PACKET_INLINE int tcp_is_window_probe(const struct tcp_side *this, const struct tcp_side *other,
				      const struct tcp_segment *segment)
{
	return segment->payload == 1 && this->begun && segment->seq == this->next && other->begun &&
	       !other->window;
}

/* An acknowledgement that repeats the one before it, and brings nothing else. */
PACKET_INLINE int tcp_is_duplicate(const struct tcp_side *this, const struct tcp_side *other,
				   const struct tcp_segment *segment)
{
	return !segment->payload && segment->window && segment->window == this->window &&
	       this->begun && this->acking && segment->seq == this->next &&
	       segment->ack == this->ack && !(segment->flags & TCP_JUDGE_CONTROL) &&
	       !other->keep_alive && !other->probing;
}

PACKET_INLINE int tcp_is_fast(const struct tcp_side *other, const struct tcp_segment *segment,
			      __u64 time_ns)
{
	return other->duplicates >= 2 && other->ack == segment->seq &&
	       time_ns - other->acked_ns < TCP_JUDGE_FAST_NS;
}

/* It fills a gap that the network's own reordering explains. */
PACKET_INLINE int tcp_is_late(const struct tcp_handshake *handshake, const struct tcp_side *this,
			      __u32 end, __u64 time_ns)
{
	__u64 limit = handshake->rtt_ns ? handshake->rtt_ns : TCP_JUDGE_REORDER_NS;

	return time_ns - this->next_ns < limit && end != this->next;
}

PACKET_INLINE __u32 tcp_repeat_of(const struct tcp_segment *segment)
{
	if (!(segment->flags & FLOW_TCP_SYN))
		return TCP_REPEAT_PLAIN;
	return segment->flags & FLOW_TCP_ACK ? TCP_REPEAT_SYNACK : TCP_REPEAT_SYN;
}

/* A segment that does not go beyond what was sent before. */
PACKET_INLINE void tcp_judge_repeat(const struct tcp_handshake *handshake,
				    const struct tcp_side *this, const struct tcp_side *other,
				    const struct tcp_segment *segment, __u32 end, __u64 time_ns,
				    struct tcp_findings *found)
{
	int acked = segment->payload && other->acking && !tcp_before(other->ack, end);

	if (tcp_is_fast(other, segment, time_ns))
		found->repeat = segment->flags & FLOW_TCP_SYN ? tcp_repeat_of(segment)
							      : (__u32)TCP_REPEAT_FAST;
	else if (!acked && tcp_is_late(handshake, this, end, time_ns))
		found->late = 1;
	else
		found->repeat = tcp_repeat_of(segment);
}

PACKET_INLINE void tcp_judge_duplicate(struct tcp_side *this, const struct tcp_side *other,
				       const struct tcp_segment *segment,
				       struct tcp_findings *found)
{
	if (tcp_is_duplicate(this, other, segment)) {
		found->duplicate_ack = 1;
		if (this->duplicates < 255)
			this->duplicates++;
	} else if (segment->flags & FLOW_TCP_ACK && segment->ack != this->ack) {
		this->duplicates = 0;
	}
}

PACKET_INLINE void tcp_judge_sequence(const struct tcp_handshake *handshake, struct tcp_side *this,
				      const struct tcp_side *other,
				      const struct tcp_segment *segment, __u64 time_ns,
				      struct tcp_findings *found)
{
	int control = (segment->flags & TCP_JUDGE_SEQ) != 0, carries = segment->payload || control;
	__u32 end = segment->seq + segment->payload + (__u32)control;

	this->probing = (__u8)tcp_is_window_probe(this, other, segment);
	this->keep_alive = (__u8)(!this->probing && tcp_is_keep_alive(this, segment));
	tcp_judge_duplicate(this, other, segment, found);
	if (this->keep_alive || this->probing)
		return;
	if (carries && this->begun && tcp_before(segment->seq, this->next))
		tcp_judge_repeat(handshake, this, other, segment, end, time_ns, found);
	if (!this->begun || (carries && tcp_before(this->next, end))) {
		this->next = end;
		this->next_ns = time_ns;
		this->begun = 1;
	}
}

/* A value and the first packet that echoes it; where that never comes because the segment was lost,
 * a later echo ends the wait. */
PACKET_INLINE void tcp_judge_timestamps(struct tcp_side *this, const struct tcp_side *other,
					const struct tcp_segment *segment, __u64 time_ns,
					struct tcp_findings *found)
{
	if (!segment->has_timestamps)
		return;
	if (other->ts_ns && (segment->flags & FLOW_TCP_ACK) && this->echoed != other->ts_value &&
	    !tcp_before(segment->ts_echo, other->ts_value)) {
		if (segment->ts_echo == other->ts_value)
			found->rtt_us = (__u32)((time_ns - other->ts_ns) / 1000);
		this->echoed = other->ts_value;
	}
	if ((!this->ts_ns || other->echoed == this->ts_value) &&
	    segment->ts_value != this->ts_value &&
	    (segment->payload || segment->flags & TCP_JUDGE_SEQ)) {
		this->ts_value = segment->ts_value;
		this->ts_ns = time_ns;
	}
}

/* Another connection on the same ports. */
PACKET_INLINE int tcp_is_new(const struct tcp_side *this, const struct tcp_segment *segment)
{
	return (segment->flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN && this->begun &&
	       segment->seq != this->isn;
}

PACKET_INLINE void tcp_judge_handshake(struct tcp_handshake *handshake, struct tcp_side *this,
				       const struct tcp_segment *segment, __u64 time_ns)
{
	__u16 flags = segment->flags & (FLOW_TCP_SYN | FLOW_TCP_ACK);

	if (flags & FLOW_TCP_SYN)
		this->isn = segment->seq;
	if (flags == FLOW_TCP_SYN)
		handshake->syn_ns = time_ns;
	else if (flags == FLOW_TCP_ACK && handshake->syn_ns && !handshake->rtt_ns)
		handshake->rtt_ns = time_ns - handshake->syn_ns;
}

/* `this` sent the segment, to `other`. *found is all zeros before. */
PACKET_INLINE void tcp_judge_segment(struct tcp_handshake *handshake, struct tcp_side *this,
				     struct tcp_side *other, const struct tcp_segment *segment,
				     __u64 time_ns, struct tcp_findings *found)
{
	if (tcp_is_new(this, segment)) {
		__builtin_memset(this, 0, sizeof(*this));
		__builtin_memset(other, 0, sizeof(*other));
		__builtin_memset(handshake, 0, sizeof(*handshake));
	}
	found->no_window = !segment->window && !(segment->flags & TCP_JUDGE_CONTROL);
	tcp_judge_handshake(handshake, this, segment, time_ns);
	tcp_judge_sequence(handshake, this, other, segment, time_ns, found);
	tcp_judge_timestamps(this, other, segment, time_ns, found);
	this->window = segment->window;
	if (!(segment->flags & FLOW_TCP_ACK))
		return;
	this->ack = segment->ack;
	this->acked_ns = time_ns;
	this->acking = 1;
}

#endif
