/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections whose every packet the kernel programs look at: what they found since it was
 * asked last. For flows that no socket of this machine knows; needs a datapath that was opened with
 * `tcp_watch`. Not thread-safe.
 */
#ifndef KERNEL_TCP_WATCH_H
#define KERNEL_TCP_WATCH_H

#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "proto/flow_record.h"

struct tcp_watch_table;
/* `connections` is rounded up to a power of two. 0, or negative errno and the reason has been
 * logged. */
int tcp_watch_open(struct tcp_watch_table **out, const struct datapath *datapath,
		   uint32_t connections);
/* Packets are looked at no more. Accepts NULL. */
void tcp_watch_close(struct tcp_watch_table *table);

/* For each direction that has news, what they are; `tcp->analysed` is set. */
typedef void (*tcp_watch_fn)(void *context, const struct flow_key *key, const struct flow_tcp *tcp);
void tcp_watch_read(struct tcp_watch_table *table, tcp_watch_fn tell, void *context);

/* Packets that came, and those of them that were not looked at: no place, or not plain. */
void tcp_watch_count(const struct tcp_watch_table *table, uint64_t *packets, uint64_t *unwatched);

#endif
