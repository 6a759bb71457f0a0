/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much of the kernel's flow table the hooks spread their flows over. A thousand flows in the
 * whole of a large table lie on a page each, and the processor looks for the page longer than for
 * the entry; so the hooks begin with a part of each CPU's sets and are given twice as many whenever
 * entries do not stay for long (docs/decisions/flow-table.md). It never shrinks. An entry whose set
 * is no longer its flow's is as any that nothing hits: it is drained, and replaced in its turn.
 */
#ifndef KERNEL_TABLE_GROWTH_H
#define KERNEL_TABLE_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/flow_cpus.h"

#define TABLE_GROWTH_SETS 512 /* of a CPU, to begin with */

struct table_growth;

/* `mask` is the hooks' `flow_sets_mask`, which is set; the memory of `cpus` must outlive the
 * growth. 0 or negative errno. */
int table_growth_open(struct table_growth **out, uint32_t *mask, const struct flow_cpus *cpus);
void table_growth_close(struct table_growth *growth);
/* At each drain. True: the hooks have more sets now. */
bool table_growth_look(struct table_growth *growth, uint64_t monotonic_ns);
/* Of a CPU, in use. */
uint32_t table_growth_sets(const struct table_growth *growth);

#endif
