/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user-space flow table: joins what the per-CPU kernel tables (or a capture) say of a flow,
 * pairs the two directions into a conversation, decides who opened it, ages, and emits records.
 * Pure: no I/O, no log, no clock; time is what the caller passes, on one monotonic axis
 * (CLOCK_MONOTONIC live, the capture's stamps offline). Bounded: at `max_flows` a flow ends as
 * "evicted", the longest idle of the next 16 in turn. Not thread-safe.
 */
#ifndef FLOW_FLOW_TABLE_H
#define FLOW_FLOW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"
#include "proto/flow_record.h"

/* What a source adds to one unidirectional flow. Counts are differences since its last delta. */
struct flow_delta {
	struct flow_key key;
	uint64_t packets, bytes, l3_bytes;
	uint64_t first_ns, last_ns; /* on the caller's axis */
	uint16_t flags;		    /* FLOW_TCP_*, FLOW_FLAG_*, or-ed; see `continues` */
	uint16_t vlan[2];
	uint8_t eth_src[6], eth_dst[6];
	uint32_t points[FLOW_POINTS];
	uint32_t sampling;
	uint32_t certain_packets, certain_bytes; /* of `packets` and `bytes`; as in flow_extra */
	union {					 /* as `flags` say; see flow_extra */
		struct flow_outer outer;
		struct flow_key quoted;
	};
	const struct flow_tcp *tcp; /* what its packets tell (tcp_track.h); NULL: not looked at */
	uint32_t starts;	    /* FLOW_STARTS_* */
	uint32_t continues; /* 1: of an entry told of before; flags are or-ed since it was made */
};
#define FLOW_STARTS_NO 0
#define FLOW_STARTS_YES                                                                          \
	1		  /* the source saw a new connection begin here (a SYN after FIN or RST) \
			   */
#define FLOW_STARTS_ASK 2 /* one packet with its own flags: the table judges by the same rule */

/*
 * Ageing goes in steps of this length (67 ms): a record is never early and, where the table is aged
 * often enough, at most two steps late.
 */
#define FLOW_AGE_STEP_NS (1ull << 26)
#define FLOW_TABLE_MAX	 (1u << 30) /* flows */

struct flow_timeouts {
	uint64_t active_ns; /* a record at least this often while there is traffic */
	uint64_t tcp_idle_ns, udp_idle_ns, icmp_idle_ns, other_idle_ns;
	uint64_t closed_ns; /* after FIN in both directions or RST: the quiet time that ends it */
};
#define FLOW_TIMEOUTS_DEFAULT                                                  \
	{                                                                      \
		.active_ns = 15000000000ull, .tcp_idle_ns = 300000000000ull,   \
		.udp_idle_ns = 60000000000ull, .icmp_idle_ns = 15000000000ull, \
		.other_idle_ns = 60000000000ull, .closed_ns = 500000000ull     \
	}

/* Called for each record, in order; the record is valid during the call only. It must not call the
 * table. */
typedef void (*flow_record_fn)(void *context, const struct flow_record *record);

struct flow_table_options {
	uint32_t max_flows; /* unidirectional */
	uint32_t
		max_troubles; /* of these, how many may tell of trouble at a time; 0: the default */
	struct flow_timeouts timeouts;
	uint64_t hash_seed[6]; /* random live (hostile input), fixed offline (reproducible) */
	int publish_start;     /* emit FLOW_KIND_START at once when a flow appears */
	flow_record_fn emit;
	void *context;
};

struct flow_table_stats {
	uint64_t live, conversations;
	uint64_t created, ended, evicted;
	uint64_t records;
	uint64_t packets, bytes;		 /* taken in */
	uint64_t packets_emitted, bytes_emitted; /* handed out in records */
	/* Of outer flows whose inner flow has the packets too (FLOW_SCOPE_CARRIER); not in the four
	 * above. */
	uint64_t carrier_packets, carrier_bytes;
	/* Packets of ICMP errors that are told with the flow they quote, and those that are not: it
	 * is unknown, or memory is short. */
	uint64_t errors_joined, errors_unjoined;
	/* What flow_table_drop() and flow_table_tcp() were told, likewise. */
	uint64_t troubles_joined, troubles_unjoined;
};

struct flow_table;
/* 0, -ENOMEM or -EINVAL. */
int flow_table_open(struct flow_table **out, const struct flow_table_options *options);
/* Drops what is held without emitting it: call flow_table_flush first. Accepts NULL. */
void flow_table_close(struct flow_table *table);

/* Added to every emitted time: CLOCK_REALTIME - the caller's axis. 0 offline. */
void flow_table_set_wall_offset(struct flow_table *table, int64_t offset_ns);
/* Names of interfaces for the records; strings are borrowed for the table's life. */
typedef const char *(*flow_ifname_fn)(void *context, uint32_t ifindex);
void flow_table_set_names(struct flow_table *table, flow_ifname_fn ifname, void *context,
			  const char *node_name);

/*
 * Tells of packets of the flow `key` that the kernel dropped, and of what its socket suffered: both
 * go into the flow's further records. Of `tcp`, srtt_avg_us is one sample. A flow that is not known
 * yet has until the second flow_table_age() from now to appear.
 */
void flow_table_drop(struct flow_table *table, const struct flow_key *key,
		     const struct flow_drop *drop);
void flow_table_tcp(struct flow_table *table, const struct flow_key *key,
		    const struct flow_tcp *tcp);

/* Adds a delta. Never fails: a full table ends a long idle flow first. */
void flow_table_update(struct flow_table *table, const struct flow_delta *delta);
/* The same for many, in order, faster: their memory is asked for ahead. */
void flow_table_update_batch(struct flow_table *table, const struct flow_delta *deltas,
			     size_t count);
/*
 * Emits what is due at `now_ns`; cost is proportional to what is due. STARTs wait for this call, so
 * that both directions of a conversation that came in one drain are known: call it after each
 * drain. A time before the latest one is taken as the latest one.
 */
void flow_table_age(struct flow_table *table, uint64_t now_ns);
/* Only the STARTs, `at_most` of them, for a caller with something urgent in between; their number.
 */
size_t flow_table_announce(struct flow_table *table, uint64_t now_ns, size_t at_most);
/* Ends every flow: FIN or RST where it was closing, else `reason`. SHUTDOWN says that the
 * observation ended, not the flow; the end of a capture is such an end too. */
void flow_table_flush(struct flow_table *table, enum flow_end_reason reason);
void flow_table_stats(const struct flow_table *table, struct flow_table_stats *stats);

#endif
