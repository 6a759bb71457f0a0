/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the settings under `events` to trouble/trouble.h. */
#ifndef FLOWD_TROUBLES_H
#define FLOWD_TROUBLES_H

#include "flowd/config.h"
#include "flowd/trouble/trouble.h"

/* As trouble_open(). `config` is borrowed. */
int troubles_open(struct trouble **out, struct loop *loop, const struct config *config,
		  struct flow_table *table,
		  void (*tell)(void *context, const struct flow_record *record),
		  void (*lost)(void *context, const struct flow_loss *loss), void *context);
#endif
