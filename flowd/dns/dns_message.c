/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_message.h"

#include <errno.h>
#include <string.h>

#include "proto/dns_words.h"

#define HEADER_RESPONSE 0x8000
#define QUESTION_BYTES	4   /* behind the name */
#define RR_BYTES	10  /* between a record's name and its data */
#define QUESTIONS_MAX	256 /* looked at; more are no message anybody sends */

struct reader {
	const uint8_t *data;
	size_t size, at;
};

/* A resource record without its name. */
struct rr {
	uint16_t type, class;
	uint32_t ttl;
	size_t data, length;
};

static uint16_t get_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get_u32(const uint8_t *bytes)
{
	return (uint32_t)get_u16(bytes) << 16 | get_u16(bytes + 2);
}

/* ---- header and question --------------------------------------------------------------------- */

static void read_flags(uint16_t bits, struct dns_message *message)
{
	static const struct {
		uint16_t bit, flag;
	} rows[] = { { 0x0400, FLOW_DNS_AUTHORITATIVE },
		     { 0x0200, FLOW_DNS_TRUNCATED },
		     { 0x0100, FLOW_DNS_RECURSION_DESIRED },
		     { 0x0080, FLOW_DNS_RECURSION_AVAILABLE },
		     { 0x0020, FLOW_DNS_AUTHENTIC } };
	struct flow_dns *head = &message->head;

	message->response = bits & HEADER_RESPONSE;
	head->event = message->response ? FLOW_DNS_EVENT_RESPONSE : FLOW_DNS_EVENT_REQUEST;
	head->opcode = bits >> 11 & 15;
	head->rcode = bits & 15;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		head->flags |= bits & rows[i].bit ? rows[i].flag : 0;
}

static int read_questions(struct reader *reader, uint16_t count, struct dns_message *message)
{
	if (count > QUESTIONS_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < count; i++) {
		int error =
			i ? dns_name_skip(reader->data, reader->size, &reader->at)
			  : dns_name_read(reader->data, reader->size, &reader->at, message->query);

		if (error || reader->at + QUESTION_BYTES > reader->size)
			return -EBADMSG;
		if (i < FLOW_DNS_QTYPES)
			message->qtypes[message->head.qtype_count++] =
				get_u16(reader->data + reader->at);
		else
			message->head.flags |= FLOW_DNS_CUT;
		reader->at += QUESTION_BYTES;
	}
	return 0;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static int read_rr(struct reader *reader, struct rr *rr)
{
	const uint8_t *bytes;

	if (dns_name_skip(reader->data, reader->size, &reader->at) ||
	    reader->at + RR_BYTES > reader->size)
		return -EBADMSG;
	bytes = reader->data + reader->at;
	rr->type = get_u16(bytes);
	rr->class = get_u16(bytes + 2);
	rr->ttl = get_u32(bytes + 4);
	rr->length = get_u16(bytes + 8);
	rr->data = reader->at + RR_BYTES;
	if (rr->data + rr->length > reader->size)
		return -EBADMSG;
	reader->at = rr->data + rr->length;
	return 0;
}

static void add_ip(const struct reader *reader, const struct rr *rr, struct dns_message *message)
{
	struct flow_dns *head = &message->head;
	uint8_t *ip = message->ips[head->ip_count];

	message->total_ips++;
	if (head->ip_count == FLOW_DNS_IPS) {
		head->flags |= FLOW_DNS_CUT;
		return;
	}
	if (rr->length == 16) {
		head->ipv6 |= 1ull << head->ip_count;
	} else {
		memset(ip, 0, 10);
		memset(ip + 10, 0xff, 2);
	}
	memcpy(ip + 16 - rr->length, reader->data + rr->data, rr->length);
	head->ip_count++;
}

static int add_cname(const struct reader *reader, const struct rr *rr, struct dns_message *message)
{
	size_t at = rr->data, size;
	char name[DNS_NAME_TEXT];

	if (dns_name_read(reader->data, reader->size, &at, name))
		return -EBADMSG;
	size = strlen(name) + 1;
	if (message->head.cname_count == FLOW_DNS_CNAMES ||
	    message->cname_bytes + size > sizeof(message->cnames)) {
		message->head.flags |= FLOW_DNS_CUT;
		return 0;
	}
	memcpy(message->cnames + message->cname_bytes, name, size);
	message->cname_bytes += size;
	message->head.cname_count++;
	return 0;
}

static int add_answer(const struct reader *reader, const struct rr *rr, struct dns_message *message)
{
	struct flow_dns *head = &message->head;

	if (!head->rrtype_count || rr->ttl < head->ttl)
		head->ttl = rr->ttl;
	if (head->rrtype_count < FLOW_DNS_RRTYPES)
		message->rrtypes[head->rrtype_count++] = rr->type;
	else
		head->flags |= FLOW_DNS_CUT;
	if ((rr->type == DNS_TYPE_A && rr->length == 4) ||
	    (rr->type == DNS_TYPE_AAAA && rr->length == 16))
		add_ip(reader, rr, message);
	else if (rr->type == DNS_TYPE_A || rr->type == DNS_TYPE_AAAA)
		head->flags |= FLOW_DNS_DAMAGED;
	return rr->type == DNS_TYPE_CNAME ? add_cname(reader, rr, message) : 0;
}

static int read_answers(struct reader *reader, unsigned count, struct dns_message *message)
{
	struct rr rr;

	for (unsigned i = 0; i < count; i++)
		if (read_rr(reader, &rr) || add_answer(reader, &rr, message))
			return -EBADMSG;
	return 0;
}

/* The requester's UDP size, and the upper bits of the rcode (RFC 6891, 6.1.3). */
static int read_additional(struct reader *reader, unsigned skipped, unsigned count,
			   struct dns_message *message)
{
	struct flow_dns *head = &message->head;
	struct rr rr;

	for (unsigned i = 0; i < skipped + count; i++) {
		if (read_rr(reader, &rr))
			return -EBADMSG;
		if (i < skipped || rr.type != DNS_TYPE_OPT || head->flags & FLOW_DNS_EDNS)
			continue;
		head->flags |= FLOW_DNS_EDNS;
		head->edns_size = rr.class;
		head->rcode |= (uint16_t)(rr.ttl >> 24 << 4);
	}
	return 0;
}

int dns_message_parse(const uint8_t *data, size_t size, size_t whole, struct dns_message *message)
{
	struct reader reader = { data, size, DNS_HEADER_BYTES };
	struct flow_dns *head = &message->head;

	if (size < DNS_HEADER_BYTES)
		return -EBADMSG;
	*head = (struct flow_dns){ .id = get_u16(data),
				   .answers = get_u16(data + 6),
				   .message_bytes =
					   (uint16_t)(whole < UINT16_MAX ? whole : UINT16_MAX) };
	message->total_ips = 0;
	message->query[0] = message->cnames[0] = '\0';
	message->cname_bytes = 0;
	read_flags(get_u16(data + 2), message);
	if (read_questions(&reader, get_u16(data + 4), message))
		return -EBADMSG;
	if (read_answers(&reader, head->answers, message) ||
	    read_additional(&reader, get_u16(data + 8), get_u16(data + 10), message) ||
	    size < whole)
		head->flags |= FLOW_DNS_DAMAGED;
	return 0;
}

const struct flow_dns *dns_message_record(const struct dns_message *message, void *room)
{
	const struct flow_dns_parts parts = { .head = message->head,
					      .ips = message->ips,
					      .qtypes = message->qtypes,
					      .rrtypes = message->rrtypes,
					      .query = message->query,
					      .cnames = message->cnames };

	return flow_dns_make(&parts, room);
}
