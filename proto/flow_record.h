/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record: one row that tells the story of a flow, or of an event on it, between two moments.
 * It is what the flow table emits, history keeps, filters judge, and every writer prints; the wire
 * format (flow.proto) and the JSON are images of it. Plain data: strings are borrowed (interned by
 * the daemon, or held by the decoded batch) and outlive the record's use.
 */
#ifndef PROTO_FLOW_RECORD_H
#define PROTO_FLOW_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf-common/flow_abi.h"
#include "bpf-common/trace_abi.h"
#include "proto/endpoint.h"
#include "proto/flow_dns.h"

/* kind, X(NAME, json_name) */
#define FLOW_KINDS(X)                       \
	X(START, "flow_start")              \
	X(UPDATE, "flow_update")            \
	X(END, "flow_end")                  \
	X(DROP, "drop")                     \
	X(XDP_ERROR, "xdp_error")           \
	X(TCP_RETRANSMIT, "tcp_retransmit") \
	X(TCP_RESET, "tcp_reset")           \
	X(TCP_STATE, "tcp_state")           \
	X(TCP_CONNECT, "tcp_connect")       \
	X(TCP_OVERFLOW, "tcp_overflow")     \
	X(DNS, "dns") /* a message, or the answer that did not come: `dns` */
#define FLOW_KIND_ENUM(name, text) FLOW_KIND_##name,
enum flow_kind { FLOW_KINDS(FLOW_KIND_ENUM) FLOW_KIND_COUNT };

/* Hubble's enum Verdict, same numbers and names. */
#define FLOW_VERDICTS(X)      \
	X(VERDICT_UNKNOWN, 0) \
	X(FORWARDED, 1)       \
	X(DROPPED, 2) X(ERROR, 3) X(AUDIT, 4) X(REDIRECTED, 5) X(TRACED, 6) X(TRANSLATED, 7)
#define FLOW_VERDICT_ENUM(name, value) FLOW_VERDICT_##name = (value),
enum flow_verdict { FLOW_VERDICTS(FLOW_VERDICT_ENUM) };

/* end reason, X(NAME, json_name) */
#define FLOW_END_REASONS(X)   \
	X(NONE, "")           \
	X(FIN, "fin")         \
	X(RST, "rst")         \
	X(IDLE, "idle")       \
	X(ACTIVE, "active")   \
	X(EVICTED, "evicted") \
	X(SHUTDOWN, "shutdown")
#define FLOW_END_ENUM(name, text) FLOW_END_##name,
enum flow_end_reason { FLOW_END_REASONS(FLOW_END_ENUM) FLOW_END_COUNT };

/* Hubble's enum TrafficDirection, same numbers. */
enum flow_direction { FLOW_DIRECTION_UNKNOWN, FLOW_DIRECTION_INGRESS, FLOW_DIRECTION_EGRESS };

/* No `default`: a new hook must say which way its packets go. */
static inline enum flow_direction flow_hook_direction(uint8_t hook)
{
	switch ((enum flow_hook)hook) {
	case FLOW_HOOK_TC_INGRESS:
	case FLOW_HOOK_XDP_INGRESS:
		return FLOW_DIRECTION_INGRESS;
	case FLOW_HOOK_TC_EGRESS:
		return FLOW_DIRECTION_EGRESS;
	case FLOW_HOOK_NONE:
	case FLOW_HOOK_CAPTURE:
	case FLOW_HOOK_DROP:
		break;
	}
	return FLOW_DIRECTION_UNKNOWN;
}

/* Which side opened the conversation; absent in JSON while unknown. */
enum flow_reply { FLOW_REPLY_UNKNOWN, FLOW_REPLY_NO, FLOW_REPLY_YES };

struct flow_point {
	uint32_t ifindex;
	uint8_t hook;	   /* enum flow_hook */
	uint8_t direction; /* enum flow_direction */
	uint16_t pad;
	const char *interface; /* borrowed; NULL when not known */
};

/* ICMP errors that quoted packets of the flow; all zeros when there were none. */
struct flow_icmp_error {
	uint8_t reporter[16]; /* who sent the latest; of the flow's own IP version */
	uint32_t packets;     /* of errors since the flow began */
	uint8_t type, code;   /* of the latest */
	uint16_t pad;
};

/*
 * How often packets were dropped for one reason, at one place of the kernel; of a flow since it
 * began, of an event since the previous one of its kind.
 */
#define FLOW_DROP_REASONS 3
struct flow_drop {
	const char *reason; /* the kernel's name ("NETFILTER_DROP"); NULL: an empty slot */
	const char *site;   /* kernel function; NULL = not known */
	uint64_t packets, first_ns, last_ns;
};

/*
 * What TCP suffered in this direction, as its socket here or its packets tell. Counts are since the
 * flow's previous record; the rest is the latest. All zeros: nothing is known.
 */
struct flow_tcp {
	uint64_t handshake_ns; /* SYN to the answer, on the record of the side that opened */
	uint32_t srtt_min_us, srtt_avg_us, srtt_max_us;	 /* of the flow's samples */
	uint32_t rtt_min_us;				 /* as the socket says; 0 = not known */
	uint32_t retransmits;				 /* all kinds */
	uint32_t retransmits_of[TRACE_RETRANSMIT_COUNT]; /* [NONE]: told by packets alone */
	uint32_t total_retransmits;			 /* since the flow began */
	uint32_t resets_sent, resets_received; /* by a socket of this machine, of this direction */
	uint32_t zero_windows, out_of_order, duplicate_acks;
	uint8_t analysed;  /* every packet was looked at: zeros above are counts */
	uint8_t by_socket; /* told by a socket of this machine, which knows better than packets; of
			      news alone */
	uint8_t pad[2];
};

/* Where and to whom an event happened; only records of events have it (flow_kind_is_event). */
struct flow_incident {
	const char *hook;  /* of the firewall: "input" ...; NULL, like all texts: not known */
	const char *table; /* of the firewall */
	const char *chain;
	const char *subsystem; /* that the reason belongs to */
	const char *message;   /* what else the kernel says: of a reset, its reason */
	uint64_t netns_cookie, cgroup, socket;
	uint64_t duration_ns; /* TCP_STATE: in the old state; TCP_CONNECT: the whole attempt */
	uint32_t netns;	      /* inode number */
	uint32_t length;      /* of the dropped packet, IP header included */
	uint32_t error;	      /* errno */
	uint8_t old_state, new_state; /* TCP, as the kernel numbers them */
	uint8_t retransmit;	      /* enum trace_retransmit */
	uint8_t sent;		      /* TCP_RESET: the sender's kernel is this one */
};

enum flow_side { FLOW_SOURCE, FLOW_DESTINATION };

struct flow_record {
	uint64_t position; /* in the publisher's history, from 1, without gaps; 0 = not stored */
	uint64_t flow_id;  /* the same in every record of one flow instance; unique per epoch */
	uint64_t time_ns;  /* when the record was made; all times are CLOCK_REALTIME */
	uint64_t first_ns; /* first and last packet of the flow so far */
	uint64_t last_ns;
	struct flow_key key;
	uint64_t packets; /* since the previous record of this flow */
	uint64_t bytes;
	uint64_t l3_bytes;
	uint64_t total_packets; /* since the flow began */
	uint64_t total_bytes;
	uint64_t certain_packets; /* of `packets`, like the next three: see struct flow_extra */
	uint64_t certain_bytes;
	uint64_t total_certain_packets;
	uint64_t total_certain_bytes;
	uint32_t sampling; /* 1 in N; the certain counts are kept where N is above 1 */
	uint16_t flags;	 /* FLOW_TCP_* and FLOW_FLAG_* of the flow so far; never QUOTE and TUNNEL */
	uint8_t kind;	 /* enum flow_kind */
	uint8_t verdict; /* enum flow_verdict */
	uint8_t end_reason;
	uint8_t direction; /* of the counting point */
	uint8_t reply;	   /* enum flow_reply */
	uint8_t point_count;
	uint8_t eth_src[6]; /* zeros: the link has none */
	uint8_t eth_dst[6];
	uint16_t vlan[2];		       /* as in struct flow_cold */
	struct flow_point points[FLOW_POINTS]; /* [0] counts, the others only saw it */
	union {
		struct flow_outer outer; /* FLOW_FLAG_TUNNEL */
		struct flow_key quoted;	 /* FLOW_FLAG_QUOTE: an ICMP error, and what it is about */
	};
	struct flow_icmp_error icmp_error;
	struct flow_drop drops[FLOW_DROP_REASONS]; /* the first reasons; of an event: [0] */
	uint64_t dropped;			   /* packets, by any reason */
	struct flow_tcp tcp;
	struct flow_incident incident;
	struct flow_end ends[2]; /* FLOW_SOURCE, FLOW_DESTINATION: who, as of the flow's own time */
	uint64_t socket_cookie;	 /* of the local socket that sent; 0: none known */
	const char *node_name;	 /* borrowed */
	const struct flow_dns *dns; /* FLOW_KIND_DNS; else NULL. Borrowed, like the names */
	const char *source_names,
		*destination_names; /* that the other end knows it by (flow_dns.h) */
};

static inline bool flow_kind_is_event(uint8_t kind)
{
	return kind >= FLOW_KIND_DROP;
}

/* How many there were on the wire, when `counted` of them were seen; see struct flow_extra. */
static inline uint64_t flow_record_estimate(uint64_t counted, uint64_t certain, uint32_t sampling)
{
	uint64_t sum;

	if (sampling <= 1 || certain >= counted)
		return counted;
	if (__builtin_mul_overflow(counted - certain, (uint64_t)sampling, &sum) ||
	    __builtin_add_overflow(sum, certain, &sum))
		return UINT64_MAX;
	return sum;
}

/* A gap: what is missing from an answer, where it was lost, and when. Times CLOCK_REALTIME ns. */
struct flow_loss {
	const char *source; /* "ring_buffer", "history", "subscriber", "daemon_restart", ... */
	uint64_t records;   /* 0 = number not known */
	uint64_t packets;
	uint64_t bytes;
	uint64_t first_ns; /* 0 = not known */
	uint64_t last_ns;
	const char *node_name;
};

/* Events above the rate that the operator has set (events.rate): counted, as meant, and nothing
 * that makes an answer incomplete. */
#define FLOW_LOSS_LIMIT "event_limit"
static inline bool flow_loss_is_limit(const struct flow_loss *loss)
{
	return loss->source && !strcmp(loss->source, FLOW_LOSS_LIMIT);
}

#endif
