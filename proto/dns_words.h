/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of the numbers in DNS messages (IANA, DNS parameters). */
#ifndef PROTO_DNS_WORDS_H
#define PROTO_DNS_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/field.h"

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA  28
#define DNS_TYPE_OPT   41

#define DNS_RCODE_NOERROR  0
#define DNS_RCODE_SERVFAIL 2
#define DNS_RCODE_NXDOMAIN 3

#define DNS_TYPE_TEXT_MAX 12 /* "TYPE65535" */

/* "AAAA"; "TYPE1234" (RFC 3597, 5) for what has no name here. Returns the end; nothing is
 * terminated. */
char *dns_type_write(char *out, uint16_t type);
/* The reverse. 0 or -EINVAL. */
int dns_type_parse(const char *text, uint16_t *type);

/* "Non-Existent Domain", Hubble's words; NULL where IANA has none. */
const char *dns_rcode_words(uint16_t rcode);
/* "NXDOMAIN"; NULL where IANA has none. */
const char *dns_rcode_name(uint16_t rcode);
/* For filters: names of rcodes and of types; both end with name NULL. */
extern const struct field_name dns_rcode_names[], dns_type_names[];

#endif
