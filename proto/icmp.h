/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What ICMP and ICMPv6 messages are; their names are spelled as Hubble (gopacket) prints them. */
#ifndef PROTO_ICMP_H
#define PROTO_ICMP_H

#include <stdbool.h>
#include <stdint.h>

/* Messages that quote the packet they are about (RFC 792; RFC 4443, 3). */
bool icmp_is_error(uint8_t protocol, uint16_t type);

#define ICMP_TEXT_MAX 64

/* "EchoRequest", "DestinationUnreachable(Port)", "EchoReply(Code: 3)", "250(1)"; writes at most
 * ICMP_TEXT_MAX bytes with the NUL and returns the end. */
char *icmp_write(char *out, uint8_t protocol, uint8_t type, uint8_t code);

#endif
