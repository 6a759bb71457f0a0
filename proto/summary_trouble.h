/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What went wrong, as parts of the summary; written like summary.h says. */
#ifndef PROTO_SUMMARY_TROUBLE_H
#define PROTO_SUMMARY_TROUBLE_H

#include "proto/flow_record.h"

#define SUMMARY_TROUBLE_MAX 512

/* The event itself, behind what packet it was about. */
char *summary_event(char *out, const struct flow_record *record);
/* ", 3 dropped: NETFILTER_DROP, 2 retransmits": of a flow's record; nothing where all is well. */
char *summary_trouble(char *out, const struct flow_record *record);

#endif
