/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asks the daemon for a table (proto/listing.h) and shows it: aligned, or a JSON object a row. */
#ifndef FLOWCLI_LISTING_H
#define FLOWCLI_LISTING_H

#include "flowcli/option.h"
#include "proto/codec.h"

/* --output */
extern const struct option_group listing_options;

/* The exit status: 0 or 1, told. */
int listing_show(const struct request *request);

#endif
