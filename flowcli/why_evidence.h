/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the records tell of the traffic between two sides, gathered until it can be judged:
 * packets and flags each way, drops, resets, errors, retransmissions, times. Pure.
 */
#ifndef FLOWCLI_WHY_EVIDENCE_H
#define FLOWCLI_WHY_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "flowcli/why_dns.h"
#include "proto/flow_record.h"

#define EVIDENCE_DROPS	 32
#define EVIDENCE_MOMENTS 256
#define EVIDENCE_TEXT	 320

/* Drops of one reason at one place: told by events, which come late or not at all when there are
 * many, and by the rows of their flows. */
struct evidence_drop {
	char reason[64], site[64], hook[16], table[64], chain[64], device[32];
	bool back; /* of packets from the destination */
	bool tcp;
	bool syn; /* only packets that open a connection */
	uint32_t netns;
	uint64_t packets, first_ns, last_ns;
	uint64_t row_packets; /* of the reason and place, as the rows of flows have it */
};

/* One direction. */
struct evidence_way {
	uint64_t flows, packets, bytes;
	uint64_t syn_only;    /* packets of flows that never got beyond SYN; by evidence_finish */
	uint16_t flags;	      /* of all flows */
	uint64_t resets;      /* flows that this side reset */
	uint64_t refusals;    /* of them, those that it had not opened */
	uint64_t resets_told; /* by events, which may be of the same */
	uint64_t retransmits, retransmits_of[TRACE_RETRANSMIT_COUNT];
	uint64_t zero_windows;
	uint64_t rtt_max_ns, rtt_min_ns, handshake_max_ns;
	struct flow_icmp_error icmp; /* the latest */
	uint64_t icmp_errors, icmp_too_big;
	bool icmp_ipv6;
	uint32_t netns; /* of the sender; 0: not known */
};

/* A flow as its latest record has it. */
struct evidence_flow {
	uint64_t flow_id, packets;
	uint16_t flags;
	bool back, tcp;
	struct {
		char reason[64], site[64];
		uint64_t packets;
	} drops[FLOW_DROP_REASONS];
};

struct evidence_moment {
	uint64_t time_ns;
	char text[EVIDENCE_TEXT];
};

#define EVIDENCE_PORTS 32
#define EVIDENCE_FLOWS 256

struct evidence {
	bool tcp; /* TCP was seen, or asked for */
	struct evidence_way there, back;
	struct evidence_flow flows[EVIDENCE_FLOWS]; /* a ring */
	uint64_t flow_count;
	uint64_t established; /* connections that went beyond the handshake */
	uint64_t connect_failures;
	uint16_t ports[EVIDENCE_PORTS]; /* of the destination, the first ones seen */
	uint32_t port_count;
	uint64_t overflows; /* connections that a listening socket had no room for */
	uint32_t overflow_netns;
	uint32_t connect_error; /* errno of the latest */
	uint64_t records, first_ns, last_ns;
	struct evidence_drop drops[EVIDENCE_DROPS];
	uint32_t drop_count;
	uint64_t drops_beyond; /* packets of drops that found no room */
	struct evidence_moment moments[EVIDENCE_MOMENTS];
	uint32_t moment_count;
	uint64_t moments_beyond;
	struct why_dns dns;
};

/* A record of one of the directions; `back`: from the destination. */
void evidence_take(struct evidence *evidence, const struct flow_record *record, bool back);
/* A connection went to that port of the destination. */
bool evidence_has_port(const struct evidence *evidence, uint16_t port);
/* When all is taken: joins DNS, and puts the moments in order of time. */
void evidence_finish(struct evidence *evidence);

#endif
