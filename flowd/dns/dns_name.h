/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names in messages (RFC 1035, 4.1.4), to text: lower case, "." behind each label, dots and
 * backslashes inside a label escaped, what is not printable ASCII as \DDD (RFC 1035, 5.1).
 */
#ifndef DNS_DNS_NAME_H
#define DNS_DNS_NAME_H

#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_TEXT 1024 /* with the terminating 0 */

/*
 * Reads the name at *offset and moves that behind it. A pointer must lead to before the labels it
 * stands behind, so there are no loops. 0 or -EBADMSG: the message ends inside, the name is longer
 * than 255 bytes, a label type or pointer is bad.
 */
int dns_name_read(const uint8_t *message, size_t size, size_t *offset, char text[DNS_NAME_TEXT]);
/* The same without text. */
int dns_name_skip(const uint8_t *message, size_t size, size_t *offset);

#endif
