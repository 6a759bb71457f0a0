/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses between bytes and text. IP addresses are 16 bytes, IPv4 mapped (::ffff:a.b.c.d). IPv6
 * text is RFC 5952's. Written for speed: no locale, no printf.
 */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT_MAX 46
#define MAC_TEXT_MAX	 18

extern const uint8_t address_mapped_prefix[12];

bool address_is_mapped(const uint8_t address[16]);
/* Writes text and NUL, returns the end (the NUL). `ipv4`: the last four bytes as dotted quad. */
char *address_write(char *out, const uint8_t address[16], bool ipv4);
/* 0 or -EINVAL; IPv4 becomes mapped. *version is 4 or 6, as written. */
int address_parse(const char *text, uint8_t address[16], int *version);

char *mac_write(char *out, const uint8_t mac[6]);
/* "aa:bb:cc:dd:ee:ff", two digits each. 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t mac[6]);

#endif
