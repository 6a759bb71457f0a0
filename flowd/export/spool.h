/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Items in files, until they are acknowledged: segments of some megabytes, named by the number of
 * their first item, and a file `acknowledged` that holds how far the target is. What is appended
 * survives the end of the process, however it ends; what was taken and not acknowledged is taken
 * again by the next one. A machine that loses power may lose the last seconds. When the bound of
 * size or age is reached the oldest segment is given up, and its items are counted.
 */
#ifndef EXPORT_SPOOL_H
#define EXPORT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"

struct spool;

/* Makes the directory (0700) if need be; a second process is refused by -EBUSY. 0 or negative
 * errno. `age_ns` 0: no bound. */
int spool_open(struct spool **out, const char *directory, uint64_t size, uint64_t age_ns);
/* Accepts NULL. */
void spool_close(struct spool *spool);

int spool_append(struct spool *spool, const struct buffer *items, size_t count);
size_t spool_take(struct spool *spool, size_t most, struct buffer *out);
void spool_acknowledge(struct spool *spool, size_t count);
uint64_t spool_waiting(const struct spool *spool);
uint64_t spool_given_up(struct spool *spool);
void spool_size(const struct spool *spool, uint64_t *items, uint64_t *bytes);

#endif
