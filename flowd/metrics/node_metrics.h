/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel counts of the node's network: netstat, snmp, softnet and interfaces. */
#ifndef METRICS_NODE_METRICS_H
#define METRICS_NODE_METRICS_H

#include <stdbool.h>

#include "proto/buffer.h"

/* 0 or -ENOMEM; files that are not there are left out. */
int node_metrics_write(bool openmetrics, struct buffer *page);

#endif
