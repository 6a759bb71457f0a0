/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names, messages, TCP streams and fragmented datagrams of DNS. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowd/dns/dns_datagram.h"
#include "flowd/dns/dns_message.h"
#include "flowd/dns/dns_stream.h"
#include "tests/unit/dns_wire.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static struct wire wire;
static struct dns_message message;

/* ---- names ------------------------------------------------------------------------------------
 */

static void test_names(void **state)
{
	static const struct {
		const char *bytes;
		size_t size, offset;
		const char *text; /* NULL: refused */
		size_t end;
	} rows[] = {
		{ "\3www\7example\3com", 17, 0, "www.example.com.", 17 },
		{ "", 1, 0, ".", 1 },
		{ "\3WwW\1\xc3\3a.b\2c\\", 13, 0, NULL, 0 },
		{ "\3WwW\1\xc3\3a.b\2c\\\0", 14, 0, "www.\\195.a\\.b.c\\\\.", 14 },
		{ "\4a \"\x7f", 6, 0, "a\\032\"\\127.", 6 },
		{ "\1b\0\1a\xc0\0", 7, 3, "a.b.", 7 },
		{ "\1b\0\xc0\0\1a\xc0\3", 9, 5, "a.b.", 9 }, /* a pointer to a pointer */
		{ "\xc0\0", 2, 0, NULL, 0 },		     /* to itself */
		{ "\1a\xc0\0", 4, 0, NULL, 0 },		     /* to its own beginning */
		{ "\1a\xc0\4\1b\xc0\0", 8, 4, NULL, 0 },     /* round and round */
		{ "\1a\xc0\5\0\0", 6, 0, NULL, 0 },	     /* forward */
		{ "\1a\xc0", 3, 0, NULL, 0 },		     /* cut */
		{ "\1a", 2, 0, NULL, 0 },
		{ "\5abc", 4, 0, NULL, 0 },
		{ "\x40"
		  "a\0",
		  3, 0, NULL, 0 }, /* labels of this type were never used */
		{ "", 0, 0, NULL, 0 },
	};
	char text[DNS_NAME_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t offset = rows[i].offset;
		int error =
			dns_name_read((const uint8_t *)rows[i].bytes, rows[i].size, &offset, text);

		if (error != (rows[i].text ? 0 : -EBADMSG))
			print_error("row %zu\n", i);
		assert_int_equal(error, rows[i].text ? 0 : -EBADMSG);
		if (!rows[i].text)
			continue;
		assert_string_equal(text, rows[i].text);
		assert_int_equal(offset, rows[i].end);
		offset = rows[i].offset;
		assert_int_equal(
			dns_name_skip((const uint8_t *)rows[i].bytes, rows[i].size, &offset), 0);
		assert_int_equal(offset, rows[i].end);
	}
}

static void test_name_length(void **state)
{
	uint8_t bytes[300];
	char text[DNS_NAME_TEXT];
	size_t offset = 0;

	(void)state;
	for (int i = 0; i < 254; i += 2) { /* 127 labels: 255 bytes with the root */
		bytes[i] = 1;
		bytes[i + 1] = 0xff;
	}
	bytes[254] = 0;
	assert_int_equal(dns_name_read(bytes, 255, &offset, text), 0);
	assert_int_equal(strlen(text), 127 * 5);
	memmove(bytes + 2, bytes, 255);
	bytes[0] = 1;
	bytes[1] = 'a';
	offset = 0;
	assert_int_equal(dns_name_read(bytes, 257, &offset, text), -EBADMSG);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

static int parse(size_t size)
{
	return dns_message_parse(wire.bytes, size, wire.size, &message);
}

static void add_edns(unsigned size, unsigned upper_rcode)
{
	wire_more(&wire, 10);
	wire_u8(&wire, 0);
	wire_u16(&wire, 41);
	wire_u16(&wire, size);
	wire_u32(&wire, upper_rcode << 24);
	wire_u16(&wire, 0);
}

static void test_message(void **state)
{
	_Alignas(8) uint8_t room[FLOW_DNS_SIZE];
	const struct flow_dns *record;

	(void)state;
	wire_response(&wire, 4711, 0, "www.example", 28);
	wire_answer(&wire, 5, 60, "\1x\xc0\x10", 4);
	wire_a(&wire, 20, "2001:db8::1");
	wire_answer(&wire, 65, 40, "\0\1\0", 3);
	add_edns(1232, 1);
	assert_int_equal(parse(wire.size), 0);
	assert_true(message.response);
	record = dns_message_record(&message, room);
	assert_string_equal(flow_dns_query(record), "www.example.");
	assert_string_equal(flow_dns_next_text(flow_dns_query(record)), "x.example.");
	assert_int_equal(record->rcode, 16); /* the upper bits are EDNS's */
	assert_int_equal(record->edns_size, 1232);
	assert_int_equal(record->ttl, 20);
	assert_int_equal(record->rrtype_count, 3);
	assert_int_equal(flow_dns_rrtypes(record)[2], 65);
	assert_int_equal(record->ip_count, 1);
	assert_true(flow_dns_ip_is_v6(record, 0));
	assert_int_equal(record->flags & FLOW_DNS_DAMAGED, 0);
}

/* Whatever is missing behind the question, what is there is told. */
static void test_cut_message(void **state)
{
	size_t question = 12 + 13 + 4;

	(void)state;
	wire_response(&wire, 1, 0, "www.example", 1);
	wire_a(&wire, 20, "192.0.2.1");
	wire_a(&wire, 20, "192.0.2.2");
	for (size_t size = 0; size <= wire.size; size++) {
		int error = parse(size);

		assert_int_equal(error, size < question ? -EBADMSG : 0);
		if (error)
			continue;
		assert_int_equal(!(message.head.flags & FLOW_DNS_DAMAGED), size == wire.size);
		assert_int_equal(message.head.ip_count, (size - question) / 16);
	}
}

static void test_many_answers(void **state)
{
	_Alignas(8) uint8_t room[FLOW_DNS_SIZE];
	const struct flow_dns *record;

	(void)state;
	wire_response(&wire, 1, 0, "a", 1);
	for (int i = 0; i < 100; i++)
		wire_a(&wire, 300, "192.0.2.1");
	assert_int_equal(parse(wire.size), 0);
	record = dns_message_record(&message, room);
	assert_int_equal(record->ip_count, FLOW_DNS_IPS);
	assert_int_equal(record->rrtype_count, FLOW_DNS_RRTYPES);
	assert_int_equal(record->answers, 100);
	assert_true(record->flags & FLOW_DNS_CUT);
}

static void test_odd_messages(void **state)
{
	(void)state;
	wire_begin(&wire, 1, 0x8001, NULL, 0); /* format error: nothing but a header */
	assert_int_equal(parse(wire.size), 0);
	assert_int_equal(message.head.rcode, 1);
	assert_string_equal(message.query, "");
	wire_query(&wire, 1, "a", 65280);
	assert_int_equal(parse(wire.size), 0);
	assert_int_equal(message.qtypes[0], 65280);
	wire.bytes[5] = 2; /* a second question that is not there */
	assert_int_equal(parse(wire.size), -EBADMSG);
	wire_query(&wire, 1, "a", 1);
	wire.bytes[4] = 0xff; /* sixty thousand questions */
	assert_int_equal(parse(wire.size), -EBADMSG);
	wire_response(&wire, 1, 0, "a", 1);
	wire_answer(&wire, 1, 1, "\1\2\3", 3); /* an address of three bytes */
	assert_int_equal(parse(wire.size), 0);
	assert_int_equal(message.head.ip_count, 0);
	assert_true(message.head.flags & FLOW_DNS_DAMAGED);
}

/* ---- streams ----------------------------------------------------------------------------------
 */

static struct dns_streams *streams;
static unsigned ids[64], id_count;
static size_t last_size, last_whole;

static void take(void *context, const uint8_t *bytes, size_t size, size_t whole)
{
	(void)context;
	assert_true(id_count < COUNT(ids));
	ids[id_count++] = (unsigned)bytes[0] << 8 | bytes[1];
	last_size = size;
	last_whole = whole;
}

static int open_streams(size_t max_streams, size_t max_bytes)
{
	struct dns_streams_options options = DNS_STREAMS_DEFAULT;

	options.max_streams = max_streams;
	options.max_bytes = max_bytes;
	id_count = 0;
	return dns_streams_open(&streams, &options);
}

static void send_to(unsigned port, uint32_t seq, unsigned flags, const uint8_t *bytes,
		    size_t captured, size_t length)
{
	struct wire none = { .size = 0 };
	struct dns_packet packet = wire_packet(&none, "10.0.0.1", port, "10.0.0.53", 53, 1);

	packet.key.protocol = IPPROTO_TCP;
	packet.tcp_seq = seq;
	packet.flags = (uint16_t)flags;
	packet.data = bytes;
	packet.captured = (uint32_t)captured;
	packet.length = (uint32_t)length;
	dns_streams_take(streams, &packet, take, NULL);
}

static void send_bytes(uint32_t seq, const uint8_t *bytes, size_t size)
{
	send_to(4000, seq, 0, bytes, size, size);
}

/* Three queries with ids 1, 2, 3, as a stream; its size. */
static size_t three(uint8_t *out)
{
	size_t size = 0;

	for (unsigned id = 1; id <= 3; id++) {
		wire_query(&wire, id, "www.example", 1);
		out[size++] = (uint8_t)(wire.size >> 8);
		out[size++] = (uint8_t)wire.size;
		memcpy(out + size, wire.bytes, wire.size);
		size += wire.size;
	}
	return size;
}

static void expect_ids(unsigned number)
{
	assert_int_equal(id_count, number);
	for (unsigned i = 0; i < number; i++)
		assert_int_equal(ids[i], i + 1);
}

/* At once; in pieces of every size; each piece twice; in reverse. */
static void test_stream_orders(void **state)
{
	uint8_t bytes[256];
	size_t size = three(bytes);

	(void)state;
	for (size_t piece = 1; piece <= size; piece++) {
		for (int order = 0; order < 3; order++) {
			assert_int_equal(open_streams(16, 65536), 0);
			send_to(4000, 0xfffffff0u, FLOW_TCP_SYN, bytes, 0, 0);
			for (size_t step = 0; step * piece < size; step++) {
				size_t last_step = (size - 1) / piece;
				size_t at = (order == 2 ? last_step - step : step) * piece;
				size_t part = size - at < piece ? size - at : piece;

				send_bytes((uint32_t)(0xfffffff1u + at), bytes + at, part);
				if (order == 1)
					send_bytes((uint32_t)(0xfffffff1u + at), bytes + at, part);
			}
			expect_ids(3);
			dns_streams_close(streams);
		}
	}
}

/* The watch began in the middle: it goes on at a segment that begins with a message. */
static void test_stream_middle(void **state)
{
	struct dns_streams_stats stats;
	uint8_t bytes[256];
	size_t size = three(bytes), one = size / 3;

	(void)state;
	assert_int_equal(open_streams(16, 65536), 0);
	send_bytes(1000, bytes + 5, one - 5);
	assert_int_equal(id_count, 0);
	send_bytes((uint32_t)(1000 + one - 5), bytes, size);
	expect_ids(3);
	dns_streams_stats(streams, &stats);
	assert_int_equal(stats.skipped_bytes, one - 5);
	dns_streams_close(streams);
}

/* A segment that never comes is given up when a lot has come behind it. */
static void test_stream_gap(void **state)
{
	struct dns_streams_stats stats;
	uint8_t bytes[256], zeros[1400] = { 0 };
	size_t size = three(bytes), one = size / 3;
	uint32_t seq = 1;

	(void)state;
	assert_int_equal(open_streams(16, 1 << 20), 0);
	send_to(4000, 0, FLOW_TCP_SYN, bytes, 0, 0);
	send_bytes(seq, bytes, one);
	expect_ids(1);
	seq += (uint32_t)one + 100; /* lost */
	send_bytes(seq, bytes + one, size - one);
	seq += (uint32_t)(size - one);
	for (int i = 0; i < 100; i++, seq += sizeof(zeros))
		send_bytes(seq, zeros, sizeof(zeros));
	expect_ids(3);
	dns_streams_stats(streams, &stats);
	assert_true(stats.gaps >= 1);
	dns_streams_close(streams);
}

/* Of a message that was cut by the capture, what is there; the next one is found. */
static void test_stream_hole(void **state)
{
	uint8_t bytes[256];
	size_t size = three(bytes), one = size / 3;

	(void)state;
	assert_int_equal(open_streams(16, 65536), 0);
	send_to(4000, 0, FLOW_TCP_SYN, bytes, 0, 0);
	send_to(4000, 1, 0, bytes, 20, one);
	expect_ids(1);
	assert_int_equal(last_size, 18);
	assert_int_equal(last_whole, one - 2);
	send_bytes((uint32_t)(1 + one), bytes + one, size - one);
	expect_ids(3);
	assert_int_equal(last_size, last_whole);
	dns_streams_close(streams);
}

static void test_stream_bounds(void **state)
{
	static const uint8_t huge[14] = { 0xff, 0xff };
	struct dns_streams_stats stats;

	(void)state;
	assert_int_equal(open_streams(100, 20000), 0);
	for (unsigned port = 1; port <= 5000; port++)
		send_to(port, 1, FLOW_TCP_SYN, huge, sizeof(huge), sizeof(huge));
	dns_streams_stats(streams, &stats);
	assert_true(stats.streams <= 100);
	assert_true(stats.bytes <= 20000);
	assert_true(stats.evicted >= 4900);
	dns_streams_age(streams, 120000000000ull);
	dns_streams_stats(streams, &stats);
	assert_int_equal(stats.streams, 0);
	assert_int_equal(stats.bytes, 0);
	dns_streams_close(streams);
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

#define MTU 1480 /* a multiple of 8 */

/* The fragment that begins at `at` of a datagram whose UDP payload is `size` bytes. */
static struct dns_packet fragment(uint32_t id, uint32_t at, uint32_t size)
{
	struct wire none = { .size = 0 };
	struct dns_packet packet = wire_packet(&none, "10.0.0.53", 53, "10.0.0.1", 4000, 1);
	uint32_t total = size + 8, end = at + MTU < total ? at + MTU : total;

	packet.fragment_id = id;
	packet.fragment_at = (uint16_t)(at | (end < total));
	packet.data = wire.bytes + (at ? at - 8 : 0);
	packet.captured = packet.length = end - at - (at ? 0 : 8);
	return packet;
}

static void test_datagram(void **state)
{
	static const uint32_t orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 0, 2, 1 } };
	struct dns_datagrams_options options = DNS_DATAGRAMS_DEFAULT;
	struct dns_datagrams *datagrams;
	const uint8_t *whole;
	size_t size;

	(void)state;
	wire.size = 4000;
	for (size_t i = 0; i < wire.size; i++)
		wire.bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(dns_datagrams_open(&datagrams, &options), 0);
	for (uint32_t order = 0; order < COUNT(orders); order++) {
		for (int step = 0; step < 3; step++) {
			struct dns_packet packet = fragment(order, orders[order][step] * MTU, 4000);

			assert_int_equal(dns_datagrams_take(datagrams, &packet, &whole, &size),
					 step == 2);
			if (step == 0) /* twice: nothing changes */
				assert_false(dns_datagrams_take(datagrams, &packet, &whole, &size));
		}
		assert_int_equal(size, 4000);
		assert_memory_equal(whole, wire.bytes, 4000);
	}
	dns_datagrams_close(datagrams);
}

static void test_datagram_bounds(void **state)
{
	struct dns_datagrams_options options = DNS_DATAGRAMS_DEFAULT;
	struct dns_datagrams_stats stats;
	struct dns_datagrams *datagrams;
	const uint8_t *whole;
	size_t size;

	(void)state;
	assert_int_equal(dns_datagrams_open(&datagrams, &options), 0);
	for (uint32_t id = 0; id < 2000; id++) {
		struct dns_packet packet = fragment(id, 0, 60000);

		assert_false(dns_datagrams_take(datagrams, &packet, &whole, &size));
		packet = fragment(id, 40 * MTU, 60000);
		assert_false(dns_datagrams_take(datagrams, &packet, &whole, &size));
	}
	dns_datagrams_stats(datagrams, &stats);
	assert_true(stats.datagrams <= 256);
	assert_true(stats.bytes <= 1024 * 1024);
	dns_datagrams_age(datagrams, 40000000000ull);
	dns_datagrams_stats(datagrams, &stats);
	assert_int_equal(stats.datagrams, 0);
	assert_int_equal(stats.bytes, 0);
	assert_int_equal(stats.incomplete, 2000);
	dns_datagrams_close(datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),		cmocka_unit_test(test_name_length),
		cmocka_unit_test(test_message),		cmocka_unit_test(test_cut_message),
		cmocka_unit_test(test_many_answers),	cmocka_unit_test(test_odd_messages),
		cmocka_unit_test(test_stream_orders),	cmocka_unit_test(test_stream_middle),
		cmocka_unit_test(test_stream_gap),	cmocka_unit_test(test_stream_hole),
		cmocka_unit_test(test_stream_bounds),	cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_datagram_bounds),
	};
	return cmocka_run_group_tests_name("dns_wire", tests, NULL, NULL);
}
