/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The budget at work: a timer that looks at what the daemon has cost, and tells the interfaces how
 * much to sample. */
#ifndef FLOWD_BUDGET_WATCH_H
#define FLOWD_BUDGET_WATCH_H

#include "flowd/base/loop.h"
#include "flowd/config.h"
#include "flowd/kernel/interfaces.h"

struct budget_watch;

/* The interfaces outlive it. Looks once at once. 0, -ENOMEM or -EINVAL. */
int budget_watch_open(struct budget_watch **out, struct loop *loop, const struct config *config,
		      struct interfaces *interfaces);
/* Accepts NULL. */
void budget_watch_close(struct budget_watch *watch);
/* The factor on sampling, 1 = none. Accepts NULL: 1. */
uint32_t budget_watch_factor(const struct budget_watch *watch);

#endif
