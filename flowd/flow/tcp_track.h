/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the packets of a TCP connection tell of its troubles when every one of them is seen, in
 * their order, with their headers: retransmissions, segments out of order, duplicate
 * acknowledgements, closed windows, round trip times by the timestamps option (tcp_judge.h). For
 * captures; of live packets the kernel keeps track itself (kernel/tcp_watch.h). Pure; bounded:
 * connections beyond TCP_TRACK_MAX are not analysed.
 */
#ifndef FLOW_TCP_TRACK_H
#define FLOW_TCP_TRACK_H

#include <stdint.h>

#include "bpf-common/tcp_judge.h"
#include "proto/flow_record.h"

#define TCP_TRACK_MAX (1u << 20)

/* Reads the header at `tcp`, of which `room` bytes are there; `length`: bytes of header and payload
 * by the IP header. 0 or -EBADMSG. */
int tcp_segment_read(const uint8_t *tcp, uint32_t room, uint32_t length,
		     struct tcp_segment *segment);

struct tcp_track;
/* 0 or -ENOMEM. */
int tcp_track_open(struct tcp_track **out);
/* Accepts NULL. */
void tcp_track_close(struct tcp_track *track);
/* Adds to `facts` what this segment of the flow `key` is. */
void tcp_track_segment(struct tcp_track *track, const struct flow_key *key,
		       const struct tcp_segment *segment, uint64_t time_ns, struct flow_tcp *facts);

#endif
