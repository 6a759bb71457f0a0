/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which namespace lies behind each device, from when to when, and what it is told of: a packet that
 * came in by a veth was sent from the namespace at its other end, whoever else has its address.
 * Feeds the addresses of these namespaces into their table as they come and go. Times are
 * CLOCK_MONOTONIC ns. Not thread-safe.
 */
#ifndef IDENTITY_PEERS_H
#define IDENTITY_PEERS_H

#include "flowd/identity/netns_table.h"
#include "flowd/identity/peer_watch.h"
#include "proto/flow_record.h"

struct peers;
/* `spaces` is borrowed. 0 or -ENOMEM. */
int peers_open(struct peers **out, struct netns_table *spaces);
void peers_close(struct peers *peers);
/* Begins to watch, and takes what there is as having been there always. 0 or negative errno. */
int peers_watch(struct peers *peers);
/* Readable when there are news; -1: nothing is watched. */
int peers_fd(const struct peers *peers);
/* Takes the news. */
void peers_dispatch(struct peers *peers);
/* One of them, as of that time. */
void peers_take(struct peers *peers, const struct peer_news *news, uint64_t time_ns);
/* Namespaces may have been learned that devices lead into. */
void peers_resolve(struct peers *peers);

/* Inode of the one namespace that this end of all packets of the record is in, by the devices that
 * saw them; 0: not known, or several. */
uint32_t peers_behind(struct peers *peers, const struct flow_record *record, enum flow_side side,
		      uint64_t first_ns, uint64_t last_ns);

#endif
