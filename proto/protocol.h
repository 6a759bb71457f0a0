/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of IP protocols (IANA's protocol numbers) that a reader of flows meets. */
#ifndef PROTO_PROTOCOL_H
#define PROTO_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/field.h"

#define PROTOCOL_ICMP	 1
#define PROTOCOL_TCP	 6
#define PROTOCOL_UDP	 17
#define PROTOCOL_DCCP	 33
#define PROTOCOL_ICMPV6	 58
#define PROTOCOL_SCTP	 132
#define PROTOCOL_UDPLITE 136

/* For filters (case does not matter there), ended by NULL; "ICMP" stands for both versions. */
extern const struct field_name protocol_names[];

/* "GRE", "ICMPv6"; NULL when there is no name. */
const char *protocol_name(uint8_t protocol);
bool protocol_has_ports(uint8_t protocol);
/* Hubble's Layer4 has a place for it; else ports are among the extensions. */
bool protocol_is_layer4(uint8_t protocol);
bool protocol_is_icmp(uint8_t protocol);

#endif
