/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stories of trouble between 10.0.0.1 and 10.0.0.2:80, as records for fake_flowd: what Linux 6.18
 * told of each in tests/netns/test_trouble.py. */
#ifndef TESTS_FAKE_TROUBLE_H
#define TESTS_FAKE_TROUBLE_H

#include <stddef.h>

#include "proto/flow_record.h"

#define FAKE_TROUBLE_MAX 16

/* Fills `records` with the story `name` and returns their number; 0: there is no such story. */
size_t fake_trouble(const char *name, uint64_t start_ns, struct flow_record *records);

#endif
