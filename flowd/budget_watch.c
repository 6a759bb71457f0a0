/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/budget_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/base/usage.h"
#include "flowd/budget.h"

struct budget_watch {
	struct budget budget;
	struct interfaces *interfaces;
	struct loop_source *timer;
};

static void budget_watch_look(void *context)
{
	struct budget_watch *watch = context;
	uint32_t before = watch->budget.factor;
	uint32_t factor = budget_look(&watch->budget, clock_monotonic_ns(), usage_cpu_ns());

	interfaces_set_thrift(watch->interfaces, factor);
	if (before && factor != before)
		log_warning("budget.cpu: from now on 1 in %u packets is looked at, was 1 in %u",
			    factor, before);
}

int budget_watch_open(struct budget_watch **out, struct loop *loop, const struct config *config,
		      struct interfaces *interfaces)
{
	struct budget_watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (!watch)
		return -ENOMEM;
	watch->budget.percent = config->budget.cpu;
	watch->interfaces = interfaces;
	error = loop_add_timer(loop, config->budget.interval, budget_watch_look, watch,
			       &watch->timer);
	if (error) {
		free(watch);
		return error;
	}
	budget_watch_look(watch);
	*out = watch;
	return 0;
}

void budget_watch_close(struct budget_watch *watch)
{
	if (!watch)
		return;
	loop_source_free(watch->timer);
	free(watch);
}

uint32_t budget_watch_factor(const struct budget_watch *watch)
{
	return watch ? watch->budget.factor : 1;
}
