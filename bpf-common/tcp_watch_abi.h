/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the programs that watch TCP connections (tcp_watch.bpf.h) and user space:
 * what lies in the mapped arrays `tcp_watches`, `tcp_watch_seen` (both by slot) and
 * `tcp_watch_sums` (by CPU). Counters only grow, until the slot becomes another connection's: then
 * `generation` is another, and even when the slot is whole.
 */
#ifndef TCP_WATCH_ABI_H
#define TCP_WATCH_ABI_H

#include "bpf-common/tcp_judge.h"

#define TCP_WATCH_REPEATS 4
#define TCP_WATCH_WAYS	  4  /* slots from the hash's on where a connection may be */
#define TCP_WATCH_IDLE_S  10 /* silent for so long, its slot may become another's ... */
#define TCP_WATCH_ENDED_S 3  /* ... and so when it has ended; both longer than user space sleeps */

/* What one side sent; round trips are from here to this side and back. */
struct tcp_watch_side {
	struct tcp_side state;
	__u32 repeats[TCP_WATCH_REPEATS]; /* by enum tcp_repeat, from TCP_REPEAT_PLAIN on */
	__u32 late, duplicate_acks, no_windows;
	__u32 rtt_us; /* smoothed, as RFC 6298 does */
	__u32 rtt_min_us;
	__u32 rtt_samples; /* 0: the two above are not known */
};
FLOW_ABI_ASSERT(sizeof(struct tcp_watch_side) == 96);

struct tcp_watch {
	struct flow_key key; /* side[0] is its source; protocol 0: unused */
	struct tcp_handshake handshake;
	__u32 generation;
	__u32 busy; /* being made another's */
	struct tcp_watch_side side[2];
};
FLOW_ABI_ASSERT(sizeof(struct tcp_watch) == 256);

struct tcp_watch_seen {
	__u32 jiffies;
	__u32 ended; /* RST, or FIN */
};

struct tcp_watch_sum {
	__u64 packets;
	__u64 unwatched; /* of those: no slot for its connection, or not plain (packet_plain.h) */
};

#endif
