/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each part of the pipeline is to be told, as the configuration says it. The options borrow
 * from the configuration. */
#ifndef FLOWD_SETTINGS_H
#define FLOWD_SETTINGS_H

#include "flowd/config.h"
#include "flowd/dns/dns.h"
#include "flowd/flow/flow_table.h"
#include "flowd/kernel/datapath.h"
#include "flowd/kernel/interfaces.h"

/* Without seed, callback and context. */
void settings_flow_table(const struct config *config, struct flow_table_options *options);
/* 0, or -EINVAL: two tunnels were given one port (logged). */
int settings_datapath(const struct config *config, struct datapath_options *options);
/* Without seed, callback and context. */
void settings_dns(const struct config *config, struct dns_options *options);
/* Without the filter. */
void settings_interfaces(const struct config *config, struct interfaces_options *options);

#endif
