/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory that is given out by bumping a pointer and given back all at once: a decoded message is
 * one arena. A bound on its total keeps a small hostile message from becoming a large tree.
 */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <stddef.h>

struct arena;

/* First block of `hint` bytes; allocations fail beyond `limit` bytes. NULL = no memory. */
struct arena *arena_open(size_t hint, size_t limit);
/* Zeroed, aligned for any type; NULL = no memory or beyond the limit. */
void *arena_alloc(struct arena *arena, size_t size);
/* Why an allocation failed: 0 none did, -EMSGSIZE the limit, -ENOMEM no memory. */
int arena_failure(const struct arena *arena);
/* Takes back the memory of a large block for the next one of its size; else does nothing. */
void arena_recycle(struct arena *arena, void *memory);
/* Accepts NULL. */
void arena_close(struct arena *arena);

#endif
