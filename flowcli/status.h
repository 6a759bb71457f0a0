/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FLOWCLI_STATUS_H
#define FLOWCLI_STATUS_H

#include "flowcli/command.h"
#include "flowcli/output.h"
#include "proto/codec.h"

extern const struct command status_command;

/* How a status is shown. */
struct status_view {
	const char *url;
	bool verbose; /* counters that are zero too */
	struct output *output;
};

void status_write_compact(const struct status_view *view, const struct status *status);
void status_write_dict(const struct status_view *view, const struct status *status);
/* No packet and no record is missing; events above a limit are not meant to be told. */
bool status_is_complete(const struct status *status);
void status_write_json(const struct status_view *view, const struct status *status);

#endif
