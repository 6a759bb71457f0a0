/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What to call the ends of a flow: names where they are known, as Hubble's compact output does. */
#ifndef FLOWCLI_WHO_H
#define FLOWCLI_WHO_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/flow_record.h"

/* --numeric: addresses instead of names, from now on. */
void who_set_numeric(bool numeric);
bool who_is_numeric(void);
/* "namespace/pod", else container, service or host name; empty where the address must do. */
void who_name(const struct flow_end *end, char *text, size_t size);
/* "ID:1234", a reserved name, or "unknown": what Hubble has in parentheses. */
void who_identity(const struct flow_end *end, char *text, size_t size);
/* "curl[123]" */
void who_process(const struct flow_end *end, char *text, size_t size);

#endif
