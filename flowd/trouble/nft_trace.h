/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What nftables' own trace tells of packets that it drops: table and chain. Only packets that a
 * rule of the operator's has marked (meta nftrace set 1) are traced; nothing is set here. The trace
 * of a packet is sent before its drop is, so that who reads drops finds it here. Needs
 * CAP_NET_ADMIN, and CAP_SYS_ADMIN for other namespaces than our own. Not thread-safe; no log.
 */
#ifndef TROUBLE_NFT_TRACE_H
#define TROUBLE_NFT_TRACE_H

#include <stdint.h>
#include <sys/types.h>

#include "bpf-common/trace_abi.h"

struct nft_trace;
/* 0 or -ENOMEM. */
int nft_trace_open(struct nft_trace **out);
/* Accepts NULL. */
void nft_trace_close(struct nft_trace *trace);

/* Listens in a namespace, which a process is in. A listener holds its namespace: those that were
 * not named since the nft_trace_leave() before are left by the next. 0, -ENOSPC or what the kernel
 * said. */
int nft_trace_listen(struct nft_trace *trace, uint32_t netns, pid_t process);
void nft_trace_leave(struct nft_trace *trace);
/* Takes what waits; `now_ns` of CLOCK_MONOTONIC. */
void nft_trace_read(struct nft_trace *trace, uint64_t now_ns);

/* The drop of such a packet in that namespace about that time. Texts end with 0 and live until the
 * next call. NULL: none was traced. */
struct nft_trace_place {
	char table[TRACE_NAME_BYTES], chain[TRACE_NAME_BYTES];
};
const struct nft_trace_place *nft_trace_find(struct nft_trace *trace, uint32_t netns,
					     const struct flow_key *key, uint64_t time_ns);

struct nft_trace_counts {
	uint64_t spaces; /* listened in */
	uint64_t drops;	 /* told by the trace */
	uint64_t lost;	 /* times that the kernel had no room for its messages */
};
void nft_trace_count(const struct nft_trace *trace, struct nft_trace_counts *counts);

#endif
