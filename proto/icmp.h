/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of ICMP and ICMPv6 messages, spelled as Hubble (gopacket) prints them. */
#ifndef PROTO_ICMP_H
#define PROTO_ICMP_H

#include <stdint.h>

#define ICMP_TEXT_MAX 64

/* "EchoRequest", "DestinationUnreachable(Port)", "EchoReply(Code: 3)", "250(1)"; writes at most
 * ICMP_TEXT_MAX bytes with the NUL and returns the end. */
char *icmp_write(char *out, uint8_t protocol, uint8_t type, uint8_t code);

#endif
