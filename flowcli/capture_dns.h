/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS in a capture: frames of its ports to flowd/dns, as the kernel's programs hand them over. */
#ifndef FLOWCLI_CAPTURE_DNS_H
#define FLOWCLI_CAPTURE_DNS_H

#include "flowcli/capture_link.h"
#include "flowd/dns/dns.h"

/* 0 or -ENOMEM; records go to `emit`. */
int capture_dns_open(struct dns **out, const char *node_name,
		     void (*emit)(void *context, const struct flow_record *record), void *context);
/* A frame whose packet is a flow's; `original`: its bytes on the wire. */
void capture_dns_take(struct dns *dns, const struct capture_frame *frame, uint32_t original,
		      uint64_t time_ns);

#endif
