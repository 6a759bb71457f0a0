/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One copy of each endpoint that records point at. An endpoint lives as long as a record in history
 * may point at it: its last use is known by position, and the pool drops what history has forgotten
 * for longer than the grace (readers hold records for moments). Names of processes are kept for
 * good, but only so many. Not thread-safe.
 */
#ifndef IDENTITY_ENDPOINT_POOL_H
#define IDENTITY_ENDPOINT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/endpoint.h"

struct endpoint_pool;
/* 0 or -ENOMEM. */
int endpoint_pool_open(struct endpoint_pool **out, uint64_t grace_ns);
void endpoint_pool_close(struct endpoint_pool *pool);

/* The pool's copy of what `draft` says; texts are cut to their bounds. NULL: no memory. */
const struct flow_endpoint *endpoint_pool_keep(struct endpoint_pool *pool,
					       const struct flow_endpoint *draft, uint64_t now_ns);
/* The record at this position points at it. */
void endpoint_pool_used(struct endpoint_pool *pool, const struct flow_endpoint *endpoint,
			uint64_t position, uint64_t now_ns);
/* Pins and unpins against being dropped. Accept NULL. */
void endpoint_pool_hold(const struct flow_endpoint *endpoint);
void endpoint_pool_release(const struct flow_endpoint *endpoint);
/* Drops what is not held, not in history from `oldest` on, and unused for the grace. */
void endpoint_pool_sweep(struct endpoint_pool *pool, uint64_t oldest, uint64_t now_ns);
/* The pool's copy of a process name; NULL once too many differ. */
const char *endpoint_pool_comm(struct endpoint_pool *pool, const char *comm, size_t size);
/* Endpoints held. */
size_t endpoint_pool_count(const struct endpoint_pool *pool);

#endif
