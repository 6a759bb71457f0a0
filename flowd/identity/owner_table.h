/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns sockets: by cookie, by the tuple of a connection, and by the port that is listened on in
 * a network namespace; each from the moment the kernel told it on. What has ended is kept until it
 * is the longest unused. Times are CLOCK_MONOTONIC ns. Not thread-safe.
 */
#ifndef IDENTITY_OWNER_TABLE_H
#define IDENTITY_OWNER_TABLE_H

#include <stdint.h>

#include "bpf-common/owner_abi.h"

struct owner_known {
	uint64_t cookie;
	uint64_t cgroup_id; /* 0: not known */
	uint64_t since_ns;
	uint32_t netns, pid, uid; /* pid 0: no process known */
	char comm[OWNER_COMM];
};

enum owner_match {
	OWNER_NONE,
	OWNER_FOUND,
	OWNER_AMBIGUOUS /* several, and the time does not tell which */
};

struct owner_table;
/* `most` of each kind. 0 or -ENOMEM. */
int owner_table_open(struct owner_table **out, uint32_t most);
void owner_table_close(struct owner_table *table);
/* CREATE, BIND, LISTEN, CONNECT, PACKET. */
void owner_table_tell(struct owner_table *table, const struct flow_event *event);
/* Of a socket that was there before us. */
void owner_table_found(struct owner_table *table, const struct owner_socket *socket);

/* Who sends the packets of this key, at some time from `first_ns` to `last_ns`. */
enum owner_match owner_table_sender(struct owner_table *table, const struct flow_key *key,
				    uint64_t first_ns, uint64_t last_ns, struct owner_known *known);
/* Who listens on this address and port in the namespace; `cgroup_id` chooses among several. */
enum owner_match owner_table_listener(struct owner_table *table, uint32_t netns, uint8_t protocol,
				      const uint8_t address[16], uint16_t port, uint64_t cgroup_id,
				      uint64_t last_ns, struct owner_known *known);
struct owner_table_stats {
	uint32_t cookies, tuples, listeners;
	uint64_t forgotten; /* given up for want of room */
};
void owner_table_stats(const struct owner_table *table, struct owner_table_stats *stats);

#endif
