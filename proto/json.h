/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hubble's jsonpb: one GetFlowsResponse object a line, our own facts in flow.extensions (SCHEMA in
 * docs/json.md). Pure formatting: no allocation, no locale, no I/O.
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <stddef.h>

#include "proto/flow_record.h"

/* Hubble's line reader stops at 65,536 bytes; our longest line is far below. */
#define JSON_LINE_MAX 65024 /* below what Hubble's reader takes */

/* Writes one line without the newline; returns its length (< size when it fitted). */
int json_format_flow(const struct flow_record *record, char *line, size_t size);
/* The same with Hubble's member uuid: plain text without need of escapes, or NULL. */
int json_format_flow_as(const struct flow_record *record, const char *uuid, char *line,
			size_t size);
/* {"lost_events":{...},"node_name":...,"time":...} */
int json_format_loss(const struct flow_loss *loss, char *line, size_t size);

/* Text as the inside of a JSON string; invalid UTF-8 becomes U+FFFD. Returns the length snprintf
 * would. */
int json_escape(const char *text, char *out, size_t size);

/* Hubble's SUMMARY text: "TCP Flags: SYN, ACK; 12 packets 3456 bytes", "ICMPv4 EchoRequest; ...".
 */
int flow_record_summary(const struct flow_record *record, char *text, size_t size);
/* Hubble's TYPE word ("to-endpoint", "from-network" ...) and the event_type numbers behind it. */
const char *flow_record_type(const struct flow_record *record, int *type, int *sub_type);

#endif
