/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the names of log files say of a pod's containers: kubelets make /var/log/pods and
 * /var/log/containers for any engine, and what they call them needs no engine to be read.
 */
#ifndef IDENTITY_CONTAINER_LOGS_H
#define IDENTITY_CONTAINER_LOGS_H

#include <stdbool.h>

#include "flowd/identity/container_files.h"

/* "POD_NAMESPACE_CONTAINER-ID.log" of /var/log/containers: true, if it is of this container. */
bool container_log_name(const char *name, const char *id, struct container_facts *facts);
/* "NAMESPACE_POD_UID" of /var/log/pods: true, if it is of this pod. */
bool pod_log_name(const char *name, const char *uid, struct container_facts *facts);

/* Fills what is not filled. 0: the container has a log; -ENOENT: it has none, yet its pod may. */
int container_logs_read(const struct container_paths *paths, struct container_facts *facts);

#endif
