/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of network devices that outlive the devices: records keep the name they were made with, and
 * those that are made after a device has gone still have it. Not thread-safe.
 */
#ifndef FLOWD_DEVICE_NAMES_H
#define FLOWD_DEVICE_NAMES_H

#include <stdint.h>

struct device_names;
/* 0 or -ENOMEM. */
int device_names_open(struct device_names **out);
void device_names_close(struct device_names *names);
/* A copy of `name`, valid until close; NULL asks for the last name that `ifindex` had, or NULL. */
const char *device_names_keep(struct device_names *names, uint32_t ifindex, const char *name);

#endif
