/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hubble's SUMMARY text, written without bounds checks (flow_record_summary in json.h has them). */
#ifndef PROTO_SUMMARY_H
#define PROTO_SUMMARY_H

#include "proto/flow_record.h"

#define SUMMARY_MAX 3072

/* At most SUMMARY_MAX bytes of printable ASCII, of flows none that JSON escapes; returns the end.
 */
char *summary_write(char *out, const struct flow_record *record);
/* summary_dns.c: of a DNS message, or a question that timed out. */
char *summary_write_dns(char *out, const struct flow_record *record);

#endif
