/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One DNS message (RFC 1035, RFC 6891), from bytes to what a record tells of it. Pure; reads what
 * is there of a message that was cut or is damaged behind its question.
 */
#ifndef DNS_DNS_MESSAGE_H
#define DNS_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/dns/dns_name.h"
#include "proto/flow_dns.h"

#define DNS_HEADER_BYTES 12

struct dns_message {
	struct flow_dns head; /* what the message says of it; `event` too */
	bool response;
	uint32_t total_ips; /* beyond those listed, too */
	uint8_t ips[FLOW_DNS_IPS][16];
	uint16_t qtypes[FLOW_DNS_QTYPES];
	uint16_t rrtypes[FLOW_DNS_RRTYPES];
	char query[DNS_NAME_TEXT];
	char cnames[FLOW_DNS_TEXT]; /* each ended by 0 */
	size_t cname_bytes;
};

/*
 * `size` bytes at hand of a message of `whole` bytes. 0; -EBADMSG: its header or its question
 * cannot be read, so it is not taken for DNS.
 */
int dns_message_parse(const uint8_t *data, size_t size, size_t whole, struct dns_message *message);

/* A record's image of it, in `room` (FLOW_DNS_SIZE bytes, aligned). */
const struct flow_dns *dns_message_record(const struct dns_message *message, void *room);

#endif
