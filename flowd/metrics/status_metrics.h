/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A status as metrics. */
#ifndef METRICS_STATUS_METRICS_H
#define METRICS_STATUS_METRICS_H

#include "proto/codec.h"

/* 0 or -ENOMEM. */
int status_metrics_write(const struct status *status, bool openmetrics, struct buffer *page);

#endif
