/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/arena.h"
#include "proto/codec.h"
#include "tests/unit/sample_record.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static char why[300];

static void assert_text(const char *a, const char *b)
{
	assert_string_equal(a ? a : "(null)", b ? b : "(null)");
}

static void assert_record(const struct flow_record *got, const struct flow_record *put)
{
	struct flow_record a = *got, b = *put;

	assert_text(a.node_name, b.node_name);
	a.node_name = b.node_name = NULL;
	for (int i = 0; i < FLOW_POINTS; i++) {
		assert_text(a.points[i].interface, b.points[i].interface);
		a.points[i].interface = b.points[i].interface = NULL;
	}
	assert_memory_equal(&a, &b, sizeof(a));
}

static size_t make_records(struct flow_record *records)
{
	size_t n = 0;

	records[n++] = sample_record();
	records[n++] = sample_of(17, 53, 65535);
	records[n++] = sample_of(132, 2905, 2906);
	records[n++] = sample_of(1, 3, 13);
	records[n++] = sample_of(58, 128, 0);
	records[n - 1].key.icmp_id = 4242;
	records[n++] = sample_of(47, 0, 0);
	records[n++] = sample_of(33, 5001, 5002); /* ports, but no member of l4 */
	records[n++] = sample_record();
	records[n - 1].vlan[0] = FLOW_VLAN_PRESENT | 100;
	records[n - 1].vlan[1] = FLOW_VLAN_PRESENT;
	records[n++] = sample_record();
	records[n - 1].key.scope |= 0x40;
	records[n - 1].flags = FLOW_TCP_MASK | FLOW_FLAG_FRAGMENT | FLOW_FLAG_L4_SHORT;
	records[n - 1].points[2].interface = "\xff\x01\"";
	records[n - 1].point_count = 4;
	records[n - 1].points[3].ifindex = UINT32_MAX;
	records[n++] = sample_record();
	sample_tunnel(&records[n - 1], FLOW_TUNNEL_VXLAN, 100);
	sample_error(&records[n - 1]);
	records[n++] = sample_record();
	sample_tunnel(&records[n - 1], FLOW_TUNNEL_COUNT - 1, 0);
	records[n - 1].sampling = UINT32_MAX;
	records[n - 1].certain_packets = 1;
	records[n - 1].certain_bytes = 2;
	records[n - 1].total_certain_packets = 3;
	records[n - 1].total_certain_bytes = UINT64_MAX;
	records[n++] = sample_quote();
	records[n - 1].quoted.scope |= FLOW_SCOPE_CARRIER;
	records[n++] = (struct flow_record){ .key.protocol = 6 };
	sample_addresses(&records[n - 1], "0.0.0.0", "255.255.255.255");
	return n;
}

static void test_answer(void **state)
{
	struct flow_record records[16];
	struct flow_loss losses[] = { { "ring_buffer", 7, 70, 700, 1, UINT64_MAX, "n" },
				      { .source = "history" } };
	struct answer put = { .epoch = 5,
			      .position = UINT64_MAX,
			      .records = records,
			      .record_count = make_records(records),
			      .losses = losses,
			      .loss_count = 2,
			      .at_end = true,
			      .oldest_ns = 99,
			      .node_name = "node1" };
	struct buffer buffer = { 0 };
	struct reply got;

	(void)state;
	assert_int_equal(codec_pack_answer(&put, &buffer), 0);
	int err = codec_unpack_reply(buffer.data, buffer.size, &got, why, sizeof(why));
	if (err)
		print_error("%s\n", why);
	assert_int_equal(err, 0);
	assert_int_equal(got.type, REPLY_ANSWER);
	assert_int_equal(got.answer.epoch, 5);
	assert_int_equal(got.answer.position, UINT64_MAX);
	assert_true(got.answer.at_end);
	assert_int_equal(got.answer.oldest_ns, 99);
	assert_text(got.answer.node_name, "node1");
	assert_int_equal(got.answer.record_count, put.record_count);
	for (size_t i = 0; i < put.record_count; i++)
		assert_record(&got.answer.records[i], &records[i]);
	assert_int_equal(got.answer.loss_count, 2);
	assert_text(got.answer.losses[0].source, "ring_buffer");
	assert_int_equal(got.answer.losses[0].records, 7);
	assert_int_equal(got.answer.losses[0].packets, 70);
	assert_int_equal(got.answer.losses[0].bytes, 700);
	assert_int_equal(got.answer.losses[0].last_ns, UINT64_MAX);
	assert_text(got.answer.losses[0].node_name, "n");
	assert_null(got.answer.losses[1].node_name);
	reply_fini(&got);
	reply_fini(&got);
	buffer_fini(&buffer);
}

/* Appended behind what the buffer holds: a batch follows its topic. */
static void test_batch(void **state)
{
	struct flow_record record = sample_record();
	struct answer put = { .epoch = 3, .records = &record, .record_count = 1, .node_name = "n" };
	struct buffer buffer = { 0 };
	struct answer got;
	uint64_t sequence;

	(void)state;
	assert_int_equal(buffer_append(&buffer, "flow.\n", 6), 0);
	assert_int_equal(codec_pack_batch(12, &put, &buffer), 0);
	assert_memory_equal(buffer.data, "flow.\n", 6);
	assert_int_equal(codec_unpack_batch(buffer.data + 6, buffer.size - 6, &sequence, &got, why,
					    sizeof(why)),
			 0);
	assert_int_equal(sequence, 12);
	assert_int_equal(got.epoch, 3);
	assert_text(got.node_name, "n");
	assert_record(&got.records[0], &record);
	answer_fini(&got);
	answer_fini(&got);
	buffer_fini(&buffer);
}

/* Many records: the arena grows, protobuf-c's tables are recycled. */
static void test_many(void **state)
{
	enum { MANY = 5000 };
	struct flow_record *records = calloc(MANY, sizeof(*records));
	struct answer put = { .records = records, .record_count = MANY };
	struct buffer buffer = { 0 };
	struct reply got;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		records[i] = sample_record();
		records[i].position = (uint64_t)i + 1;
	}
	assert_int_equal(codec_pack_answer(&put, &buffer), 0);
	assert_int_equal(codec_unpack_reply(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	for (int i = 0; i < MANY; i++)
		assert_record(&got.answer.records[i], &records[i]);
	reply_fini(&got);
	buffer_fini(&buffer);
	free(records);
}

static void test_status(void **state)
{
	struct counter ledger[] = { { "seen_packets", UINT64_MAX, "packets" }, { "x", 0, NULL } };
	struct interface_status interfaces[] = { { 2, "eth0", "tcx", true, false, NULL },
						 { 3, "eth1", "none", false, false, "busy" } };
	struct flow_loss loss = { .source = "ring_buffer", .records = 1 };
	struct status put = { .version = "0.1",
			      .node_name = "n",
			      .epoch = 1,
			      .uptime_ns = 2,
			      .num_flows = 3,
			      .max_flows = 4,
			      .seen_flows = 5,
			      .live_flows = 6,
			      .max_live_flows = 7,
			      .flows_rate = 8.5,
			      .cpu_percent = 9.25,
			      .rss_bytes = 10,
			      .oldest_ns = 11,
			      .packets_accounted = 12,
			      .packets_lost = 13,
			      .attached_programs_ns = 14,
			      .ledger = ledger,
			      .ledger_count = 2,
			      .interfaces = interfaces,
			      .interface_count = 2,
			      .losses = &loss,
			      .loss_count = 1 };
	struct buffer buffer = { 0 };
	struct reply got;

	(void)state;
	assert_int_equal(codec_pack_status(&put, &buffer), 0);
	assert_int_equal(codec_unpack_reply(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	assert_int_equal(got.type, REPLY_STATUS);
	assert_text(got.status.version, "0.1");
	assert_memory_equal(&got.status.epoch, &put.epoch,
			    offsetof(struct status, ledger) - offsetof(struct status, epoch));
	assert_int_equal(got.status.ledger_count, 2);
	assert_text(got.status.ledger[0].name, "seen_packets");
	assert_int_equal(got.status.ledger[0].value, UINT64_MAX);
	assert_int_equal(got.status.interface_count, 2);
	assert_text(got.status.interfaces[1].note, "busy");
	assert_true(got.status.interfaces[0].counts_ingress);
	assert_int_equal(got.status.loss_count, 1);
	reply_fini(&got);
	buffer_fini(&buffer);
}

static void test_error(void **state)
{
	struct buffer buffer = { 0 };
	struct reply got;

	(void)state;
	assert_int_equal(codec_pack_error(ERROR_BAD_FILTER, "no such field", &buffer), 0);
	assert_int_equal(codec_unpack_reply(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	assert_int_equal(got.type, REPLY_ERROR);
	assert_int_equal(got.error, ERROR_BAD_FILTER);
	assert_text(got.error_message, "no such field");
	reply_fini(&got);
	buffer_fini(&buffer);
}

/* ---- requests ------------------------------------------------------------------------------- */

static struct filter *test_of(const char *field, const char *text)
{
	struct filter *filter = NULL;

	assert_int_equal(filter_test(field_find(field), text, &filter, why, sizeof(why)), 0);
	return filter;
}

static struct filter *rich_filter(void)
{
	struct filter *all = filter_and(test_of("source.ip", "10.0.0.0/8,fd00::/8,1.2.3.4"),
					test_of("destination.port", "80,443,1000-2000"));

	all = filter_and(all, filter_not(test_of("tcp.flags", "any:SYN,RST")));
	all = filter_and(all, filter_or(test_of("interface", "eth*,a\\,b"), filter_true()));
	all = filter_and(all, test_of("protocol", "icmp,tcp"));
	all = filter_and(all, test_of("tcp.flags", "=none"));
	return filter_and(all, test_of("source.mac", "02:00:00:00:00:01"));
}

static void test_request(void **state)
{
	struct request put = { .type = REQUEST_QUERY,
			       .query = { QUERY_LAST, 1, 2, 3, rich_filter(), 5, 6, 7, 8 } };
	struct buffer buffer = { 0 };
	char before[512], after[512];
	struct request got;

	(void)state;
	filter_format(put.query.filter, before, sizeof(before));
	assert_int_equal(codec_pack_request(&put, &buffer), 0);
	request_fini(&put);
	assert_int_equal(codec_unpack_request(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	assert_int_equal(got.type, REQUEST_QUERY);
	assert_int_equal(got.query.start, QUERY_LAST);
	assert_int_equal(got.query.epoch, 1);
	assert_int_equal(got.query.position, 2);
	assert_int_equal(got.query.number, 3);
	assert_int_equal(got.query.since_ns, 5);
	assert_int_equal(got.query.until_ns, 6);
	assert_int_equal(got.query.max_records, 7);
	assert_int_equal(got.query.wait_ms, 8);
	filter_format(got.query.filter, after, sizeof(after));
	assert_string_equal(after, before);
	request_fini(&got);
	request_fini(&got);
	buffer_fini(&buffer);
}

static void test_status_request(void **state)
{
	struct request put = { .type = REQUEST_STATUS }, got;
	struct buffer buffer = { 0 };

	(void)state;
	assert_int_equal(codec_pack_request(&put, &buffer), 0);
	assert_int_equal(codec_unpack_request(buffer.data, buffer.size, &got, why, sizeof(why)), 0);
	assert_int_equal(got.type, REQUEST_STATUS);
	assert_null(got.query.filter);
	buffer_fini(&buffer);
}

/* Wire bytes by hand: version 1 is 08 01, a query is 12, its filter 2a, a child 12. */
static void test_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int err;
		const char *says;
	} rows[] = {
		{ "", 0, -EPROTONOSUPPORT, "version 0" },
		{ "\x08\x02\x12\x00", 4, -EPROTONOSUPPORT, "version 2" },
		{ "\x08\x01", 2, -EPROTONOSUPPORT, "nothing that is known" },
		{ "\x08\x01\x12\x05\x00", 5, -EBADMSG, "no protobuf" },
		{ "\x08", 1, -EBADMSG, "no protobuf" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, -EBADMSG, "no protobuf" },
		{ "\x08\x01\x12\x02\x08\x07", 6, -EBADMSG, "start 7" },
		{ "\x08\x01\x12\x04\x2a\x02\x08\x09", 8, -EINVAL, "operation 9" },
		{ "\x08\x01\x12\x04\x2a\x02\x08\x01", 8, -EINVAL, "children" },
		{ "\x08\x01\x12\x04\x2a\x02\x08\x03", 8, -EINVAL, "NOT has one child" },
		{ "\x08\x01\x12\x07\x2a\x05\x08\x04\x1a\x01x", 11, -EINVAL, "no field \"x\"" },
		{ "\x08\x01\x12\x0a\x2a\x08\x08\x04\x1a\x04vlan", 14, -EINVAL, "vlan" },
		/* vlan with a text operand; vlan = 4096 */
		{ "\x08\x01\x12\x0f\x2a\x0d\x08\x04\x1a\x04vlan\x22\x03\x1a\x01x", 19, -EINVAL,
		  "type" },
		{ "\x08\x01\x12\x0f\x2a\x0d\x08\x04\x1a\x04vlan\x22\x03\x08\x80\x20", 19, -EINVAL,
		  "4096" },
	};
	struct request got;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		why[0] = '\0';
		int err = codec_unpack_request((const uint8_t *)rows[i].bytes, rows[i].size, &got,
					       why, sizeof(why));
		if (err != rows[i].err || !strstr(why, rows[i].says))
			print_error("row %zu: %d %s\n", i, err, why);
		assert_int_equal(err, rows[i].err);
		assert_non_null(strstr(why, rows[i].says));
	}
}

static void test_unknown_fields_tolerated(void **state)
{
	static const uint8_t bytes[] = "\x08\x01\x12\x06\x10\x05\xfa\x3e\x01z\xf8\x07\x2a";
	struct request got;

	(void)state;
	assert_int_equal(codec_unpack_request(bytes, sizeof(bytes) - 1, &got, why, sizeof(why)), 0);
	assert_int_equal(got.query.epoch, 5);
	request_fini(&got);
}

/* A filter inside `depth` children, outermost first, written backwards. Returns its start. */
static uint8_t *nest(uint8_t *end, unsigned depth, const uint8_t **stop)
{
	uint8_t *at = end;

	*stop = end;
	for (unsigned i = 0; i <= depth + 1; i++) {
		size_t length = (size_t)(end - at), used = 0;
		uint8_t varint[5];
		for (; length >= 0x80; length >>= 7)
			varint[used++] = (uint8_t)(length | 0x80);
		varint[used++] = (uint8_t)length;
		at -= used;
		memcpy(at, varint, used);
		*--at = i <= depth - 1 ? 0x12 : i == depth ? 0x2a : 0x12;
	}
	*--at = 1;
	*--at = 8;
	return at;
}

/* Far deeper than any stack: the refusal must come before the recursion. */
static void test_deep_nesting(void **state)
{
	static uint8_t room[PROTO_REQUEST_MAX];
	const uint8_t *stop;
	struct request got;

	(void)state;
	static const unsigned depths[] = { FILTER_DEPTH_MAX, 1000, 60000 };
	for (size_t i = 0; i < COUNT(depths); i++) {
		uint8_t *start = nest(room + sizeof(room), depths[i], &stop);
		assert_true(start > room);
		int err =
			codec_unpack_request(start, (size_t)(stop - start), &got, why, sizeof(why));
		assert_int_equal(err, -EBADMSG);
		assert_non_null(strstr(why, "nested deeper"));
	}
}

static void test_too_many_nodes(void **state)
{
	struct request put = { .type = REQUEST_QUERY }, got;
	struct buffer buffer = { 0 };

	(void)state;
	for (int i = 0; i < FILTER_NODES_MAX; i++)
		put.query.filter = filter_or(put.query.filter, test_of("vlan", "7"));
	assert_int_equal(codec_pack_request(&put, &buffer), 0);
	assert_int_equal(codec_unpack_request(buffer.data, buffer.size, &got, why, sizeof(why)),
			 -EBADMSG);
	assert_non_null(strstr(why, "parts"));
	request_fini(&put);
	buffer_fini(&buffer);
}

/* Every truncation and every changed byte is taken or refused, never more (ASan judges). */
static void test_damage(void **state)
{
	struct flow_record record = sample_record();
	struct answer put = { .records = &record, .record_count = 1, .node_name = "n" };
	struct buffer buffer = { 0 };
	size_t refused = 0;
	struct reply got;

	(void)state;
	assert_int_equal(codec_pack_answer(&put, &buffer), 0);
	for (size_t size = 0; size < buffer.size; size++)
		assert_int_not_equal(codec_unpack_reply(buffer.data, size, &got, why, sizeof(why)),
				     0);
	for (size_t i = 0; i < buffer.size; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			buffer.data[i] ^= (uint8_t)(1u << bit);
			if (codec_unpack_reply(buffer.data, buffer.size, &got, why, sizeof(why)))
				refused++;
			else
				reply_fini(&got);
			buffer.data[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(refused > 0);
	buffer_fini(&buffer);
}

/* Two bytes a flow on the wire, hundreds in memory: refused by the arena's bound, or as a flow. */
static void test_unfolding(void **state)
{
	size_t flows = 2 * 1024 * 1024, size = 8 + flows * 2;
	uint8_t *bytes = calloc(1, size);
	struct reply got;

	(void)state;
	memcpy(bytes, "\x08\x01\x12", 3);
	for (size_t i = 0, length = flows * 2; i < 5; i++, length >>= 7)
		bytes[3 + i] = (uint8_t)((length & 0x7f) | (i < 4 ? 0x80 : 0));
	for (size_t i = 0; i < flows; i++)
		bytes[8 + 2 * i] = 0x1a;
	assert_int_equal(codec_unpack_reply(bytes, size, &got, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, "unfolds"));
	free(bytes);
}

static void test_arena(void **state)
{
	struct arena *arena = arena_open(1024, 100000);
	char *first = arena_alloc(arena, 1000), *large = arena_alloc(arena, 600);

	(void)state;
	memset(first, 1, 1000);
	memset(large, 2, 600);
	arena_recycle(arena, large);
	char *again = arena_alloc(arena, 590);
	assert_ptr_equal(again, large);
	for (int i = 0; i < 590; i++)
		assert_int_equal(again[i], 0);
	assert_int_equal(first[999], 1);
	assert_int_equal(arena_failure(arena), 0);
	assert_null(arena_alloc(arena, 100000));
	assert_int_equal(arena_failure(arena), -EMSGSIZE);
	assert_null(arena_alloc(arena, SIZE_MAX));
	arena_close(arena);
	arena_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_status_request),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_unknown_fields_tolerated),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_too_many_nodes),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_unfolding),
		cmocka_unit_test(test_arena),
	};
	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
