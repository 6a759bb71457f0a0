/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parser's rules (packet_parse.h) as user space makes them: which UDP ports are tunnels, which
 * ports are DNS. One table for the kernel programs and the offline reader.
 */
#ifndef FLOW_PACKET_RULES_H
#define FLOW_PACKET_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf-common/packet.h"

/* All tunnels, on the ports that IANA and the field's products gave them. */
void packet_rules_default(struct packet_rules *rules);
/* None: the outermost packet is the flow. */
void packet_rules_none(struct packet_rules *rules);
/* Replaces the ports of one tunnel (enum flow_tunnel). 0; -ENOSPC: the list is full; -EEXIST: a
 * port is another tunnel's. */
int packet_rules_set_ports(struct packet_rules *rules, uint8_t tunnel, const uint16_t *ports,
			   unsigned int count);
/* The ports whose payloads are handed over as DNS; of UDP and TCP. None is not at all. */
void packet_rules_set_dns(struct packet_rules *rules, const uint16_t *ports, unsigned int count);

#endif
