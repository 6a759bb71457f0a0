/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The loss ledger watched: what a counter of losses gained becomes a loss with a time. Pure. */
#ifndef FLOWD_LEDGER_H
#define FLOWD_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "proto/flow_record.h"

struct ledger_watch {
	struct datapath_ledger last;
	uint64_t last_ns; /* CLOCK_REALTIME of the last look */
	const char *node_name;
};

typedef void (*ledger_loss_fn)(void *context, const struct flow_loss *loss);

/* Tells each kind of loss that grew since the last look, as lost between then and `now_ns`. */
void ledger_watch_look(struct ledger_watch *watch, const struct datapath_ledger *ledger,
		       uint64_t now_ns, ledger_loss_fn tell, void *context);

/* Packets that were seen and are in no record; the named losses added up. */
uint64_t ledger_packets_lost(const struct datapath_ledger *ledger);

/* Logs the loss with its remedy, unless one was logged shortly before `*logged_ns`. */
void ledger_log(const struct flow_loss *loss, uint64_t *logged_ns);

#endif
