/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS from packets: the input is a list of packets, each a byte of what it is, one of how far the
 * clock moves, one of its size and its bytes. Every record must be whole: it goes through JSON, and
 * over the wire unchanged.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/dns/dns.h"
#include "flowd/dns/dns_message.h"
#include "proto/codec.h"
#include "proto/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check(void *context, const struct flow_record *record)
{
	struct answer answer = { .records = record, .record_count = 1 };
	char line[JSON_LINE_MAX], why[256];
	struct buffer bytes = { 0 };
	struct reply reply;

	(void)context;
	demand(json_format_flow(record, line, sizeof(line)) < JSON_LINE_MAX,
	       "the line is too long");
	demand(!codec_pack_answer(&answer, &bytes), "it cannot be packed");
	demand(!codec_unpack_reply(bytes.data, bytes.size, &reply, why, sizeof(why)), why);
	demand(reply.answer.records[0].dns->size == record->dns->size &&
		       !memcmp(reply.answer.records[0].dns, record->dns, record->dns->size),
	       "it changed on the way");
	reply_fini(&reply);
	buffer_fini(&bytes);
}

/* The two ends, either way; UDP, a fragment, or TCP. */
static void set_kind(struct dns_packet *packet, uint8_t kind)
{
	packet->key.protocol = kind & 1 ? IPPROTO_TCP : IPPROTO_UDP;
	packet->key.src[15] = kind & 2 ? 1 : 2;
	packet->key.dst[15] = kind & 2 ? 2 : 1;
	packet->key.src_port = kind & 2 ? 53 : 4000;
	packet->key.dst_port = kind & 2 ? 4000 : 53;
	packet->flags = kind & 4 ? FLOW_TCP_SYN : 0;
	packet->tcp_seq = kind & 4 ? 0 : kind & 8 ? 1 : kind >> 4;
	if (kind & 8 && !(kind & 1))
		packet->fragment_at = (uint16_t)((kind >> 4) * 8 | (kind >> 2 & 1));
	packet->key.src[10] = packet->key.src[11] = packet->key.dst[10] = packet->key.dst[11] =
		0xff;
}

static const uint8_t *take(struct dns *dns, uint64_t *now_ns, const uint8_t *at, size_t left)
{
	struct dns_packet packet = { 0 };
	size_t size = at[2];
	uint8_t *copy;

	*now_ns += at[1] * UINT64_C(100000000);
	set_kind(&packet, at[0]);
	if (size > left - 3)
		size = left - 3;
	copy = malloc(size + 1); /* exact, for the sanitizer */
	memcpy(copy, at + 3, size);
	packet.time_ns = *now_ns;
	packet.data = copy;
	packet.captured = (uint32_t)size;
	packet.length = (uint32_t)size + (at[0] >> 7) * 5;
	dns_take(dns, &packet);
	dns_age(dns, *now_ns);
	free(copy);
	return at + 3 + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_options options = DNS_OPTIONS_DEFAULT;
	const uint8_t *at = data, *end = data + size;
	uint64_t now_ns = 1;
	struct dns *dns;

	options.emit = check;
	options.max_pending = 4;
	options.name_bytes = 2048;
	if (dns_open(&dns, &options))
		return 0;
	while (end - at > 3)
		at = take(dns, &now_ns, at, (size_t)(end - at));
	dns_age(dns, now_ns + UINT64_C(200000000000));
	dns_close(dns);
	return 0;
}
