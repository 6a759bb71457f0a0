/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Quantiles of many numbers in little memory: buckets of a sixteenth of a power of two, so that an
 * answer is at most 1/16 above the truth. Pure. */
#ifndef EXPORT_QUANTILE_H
#define EXPORT_QUANTILE_H

#include <stdint.h>

struct quantile;
/* NULL = no memory. */
struct quantile *quantile_alloc(void);
/* Accepts NULL. */
void quantile_free(struct quantile *quantile);
void quantile_add(struct quantile *quantile, uint64_t value);
/* `thousandths`: 990 is the 99th percentile. 0 when nothing was added. */
uint64_t quantile_get(const struct quantile *quantile, unsigned int thousandths);

#endif
