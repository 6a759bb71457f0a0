/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two clocks of the daemon, in ns: monotonic for intervals, real for what people read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_MS UINT64_C(1000000)
#define CLOCK_S	 UINT64_C(1000000000)

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void);
void clock_sleep_ns(uint64_t ns);
/* CLOCK_REALTIME - CLOCK_MONOTONIC at this moment. */
int64_t clock_wall_offset_ns(void);
/* Brings *offset_ns up to date when it is off by a millisecond or more, so that a moment told twice
 * is told the same; true when it did. */
bool clock_wall_offset_moved(int64_t *offset_ns);

#endif
