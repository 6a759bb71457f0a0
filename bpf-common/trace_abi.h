/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between bpf-trace/ and user space: the events of the ring buffer `trace_events`
 * (types in FLOW_EVENTS) and what lies in the mapped array `trace_states`. Same rules as
 * flow_abi.h, of which it is a part.
 */
#ifndef TRACE_ABI_H
#define TRACE_ABI_H

#include "bpf-common/flow_abi.h"

/* What the captured bytes start with. */
#define TRACE_LINK_IP	    0 /* the network header */
#define TRACE_LINK_ETHERNET 1 /* the link header */
#define TRACE_LINK_GUESS    2 /* neither was set: where the packet's data began */

#define TRACE_DROP_BYTES 160
#define TRACE_NAME_BYTES 32

/* Which firewall had the packet; known only where its functions can be traced (fentry). */
#define TRACE_FIREWALL_NONE	0
#define TRACE_FIREWALL_NFTABLES 1
#define TRACE_FIREWALL_IPTABLES 2

/* The one element of the per-CPU array `trace_firewalls`: what a firewall on this CPU looks at. */
struct trace_firewall {
	__u64 packet; /* address of the buffer; 0: none yet */
	__u64 chain;  /* address of the chain, or of iptables' table */
	__u32 kind;   /* TRACE_FIREWALL_* */
	__u32 hook;
};
FLOW_ABI_ASSERT(sizeof(struct trace_firewall) == 24);

/* FLOW_EVENT_DROP: one packet that the kernel freed as dropped; its headers are parsed by user
 * space. */
struct trace_drop {
	struct flow_event event;
	__u64 location;	    /* address of the code that dropped it */
	__u64 dst_input;    /* address of the routing decision's next step; 0 = not routed */
	__u64 netns_cookie; /* 0 = not known */
	__u64 cgroup;	    /* of the owning socket; 0 = none */
	__u64 socket;	    /* its cookie; 0 = none or not given yet */
	__u32 netns;	    /* inode number; 0 = not known */
	__u32 ifindex;	    /* where the packet was; 0 = nowhere yet */
	__u32 iif;	    /* where it came in; 0 = made here */
	__u32 reason;	    /* enum skb_drop_reason of this kernel */
	__u32 length;	    /* from the first of `bytes` to the packet's end */
	__u16 segments;	    /* packets on the wire */
	__u16 protocol;	    /* ethertype; 0 = not known */
	__u8 link;	    /* TRACE_LINK_* */
	__u8 tcp_state;	    /* of the socket; 0 = none */
	__u16 captured;
	__u8 firewall; /* TRACE_FIREWALL_*: who dropped it; the next three say more */
	__u8 hook;     /* enum nf_inet_hooks */
	__u8 pad[2];
	__u8 device[16];	      /* name of `ifindex`; empty = not known */
	__u8 table[TRACE_NAME_BYTES]; /* text, cut */
	__u8 chain[TRACE_NAME_BYTES]; /* the base chain; iptables: empty */
	__u8 bytes[TRACE_DROP_BYTES];
};
FLOW_ABI_ASSERT(sizeof(struct trace_drop) == 336);

/* Which retransmission it was, X(NAME, json_name). */
#define TRACE_RETRANSMITS(X) \
	X(NONE, "")          \
	X(RTO, "rto")        \
	X(FAST, "fast")      \
	X(PROBE, "tlp")      \
	X(SYN, "syn")        \
	X(SYNACK, "syn_ack")
#define TRACE_RETRANSMIT_ENUM(name, text) TRACE_RETRANSMIT_##name,
enum trace_retransmit { TRACE_RETRANSMITS(TRACE_RETRANSMIT_ENUM) TRACE_RETRANSMIT_COUNT };

/*
 * FLOW_EVENT_TCP_*: something happened to a connection of this machine. `key` is the direction of
 * the packet concerned (the retransmitted one, the reset), else from here to the peer. Where only
 * the answered packet is known (a reset without a socket), its headers are in `bytes` instead and
 * `captured` is not 0; the event's direction is then the opposite of that packet's.
 */
#define TRACE_TCP_BYTES 64
struct trace_tcp {
	struct flow_event event;
	struct flow_key key;
	__u64 netns_cookie;
	__u64 cgroup;
	__u64 socket;
	__u64 since_ns; /* how long the socket was in `old_state`; 0 = not known */
	__u32 netns;
	__u32 reason;	   /* of a reset: enum sk_rst_reason, 0 where the kernel has none */
	__u32 srtt_us;	   /* smoothed; 0 = none yet, like the next */
	__u32 rtt_min_us;  /* of the last minutes (tcp_min_rtt_wlen) */
	__u32 retransmits; /* of the socket's life */
	__u32 error;	   /* sk_err */
	__u8 old_state, new_state;
	__u8 retransmit; /* enum trace_retransmit */
	__u8 captured;
	__u32 pad;
	__u8 bytes[TRACE_TCP_BYTES];
};
FLOW_ABI_ASSERT(sizeof(struct trace_tcp) == 192);

/* FLOW_EVENT_XDP_ERROR: an XDP program's verdict was not carried out. The packet is not known. */
struct trace_xdp {
	struct flow_event event;
	__u64 packets;
	__u32 ifindex;
	__u32 program; /* id of the XDP program; 0 = not known */
	__u32 action;  /* enum xdp_action */
	__s32 error;   /* errno of a redirect or transmission; 0: the verdict itself (aborted) */
};
FLOW_ABI_ASSERT(sizeof(struct trace_xdp) == 48);

/* ---- limits --------------------------------------------------------------------------------- */

/*
 * Events of one reason on one CPU pass a bucket of their own: element
 * cpu * TRACE_BUCKETS + TRACE_BUCKET(reason) of the array `trace_buckets`. Reasons of subsystems
 * (upper half of the number) lie beside the kernel's own; what falls into one bucket shares it.
 * TCP events use the buckets behind them, one a type.
 */
#define TRACE_REASONS		1024
#define TRACE_BUCKETS		1056
#define TRACE_BUCKET(reason)	(((reason)&0xff) | ((reason) >> 8 & 0x300))
#define TRACE_BUCKET_TYPE(type) (TRACE_REASONS + ((type)&0x1f))
struct trace_bucket {
	__u64 seen;	  /* events */
	__u64 suppressed; /* of those, not reported: the bucket was empty */
	__u64 lost;	  /* of those, not reported: the ring buffer was full */
	__u32 tokens;	  /* in 1/HZ events */
	__u32 jiffies;	  /* when it was filled last */
};
FLOW_ABI_ASSERT(sizeof(struct trace_bucket) == 32);

/* One a CPU: element cpu of the array `trace_states`. */
struct trace_state {
	__u64 events;	   /* submitted; also the sequence number */
	__u64 not_packets; /* freed buffers that are no IP or ARP packets: unix, netlink ... */
	__u64 rtt_turn;	   /* of the choice of RTT samples; not a counter */
	__u64 pad[5];
};
FLOW_ABI_ASSERT(sizeof(struct trace_state) == 64);

#endif
