/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What only some flows have: tunnels, ICMP errors and the flows they quote, carriers, sampling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/flow/flow_table.h"

#define MS     1000000ull
#define UDP    17
#define ICMP   1
#define ICMPV6 58

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

#define KEPT 64
struct kept {
	struct flow_record records[KEPT]; /* the last ones */
	size_t count;
};

static void keep(void *context, const struct flow_record *record)
{
	struct kept *kept = context;

	kept->records[kept->count++ % KEPT] = *record;
}

static struct flow_table *table_open(uint32_t max_flows, struct kept *kept)
{
	const struct flow_table_options options = {
		.max_flows = max_flows,
		.timeouts = FLOW_TIMEOUTS_DEFAULT,
		.hash_seed = { 1, 2, 3, 4, 5, 6 },
		.emit = keep,
		.context = kept,
	};
	struct flow_table *table;

	kept->count = 0;
	assert_int_equal(flow_table_open(&table, &options), 0);
	return table;
}

static struct flow_delta udp(uint16_t port, uint64_t at_ms)
{
	struct flow_delta delta = { .key = { .protocol = UDP, .src_port = 5000 },
				    .packets = 1,
				    .bytes = 100,
				    .sampling = 1,
				    .first_ns = at_ms * MS,
				    .last_ns = at_ms * MS };

	delta.key.dst_port = port;
	delta.key.src[15] = 'a';
	delta.key.dst[15] = 'b';
	return delta;
}

/* What 'r' says of a packet of udp(port). */
static struct flow_delta error_about(uint16_t port, uint8_t type, uint8_t code, uint64_t at_ms)
{
	struct flow_delta delta = udp(port, at_ms);

	delta.quoted = delta.key;
	delta.flags = FLOW_FLAG_QUOTE;
	delta.key.protocol = ICMP;
	delta.key.src_port = type;
	delta.key.dst_port = code;
	delta.key.icmp_id = (uint16_t)(port + 1);
	delta.key.src[15] = 'r';
	delta.key.dst[15] = 'a';
	return delta;
}

static void update(struct flow_table *table, struct flow_delta delta)
{
	flow_table_update(table, &delta);
}

static const struct flow_record *find(const struct kept *kept, uint8_t protocol, uint16_t port)
{
	for (size_t i = kept->count; i-- > 0 && kept->count - i <= KEPT;) {
		const struct flow_record *record = &kept->records[i % KEPT];
		if (record->key.protocol == protocol &&
		    (protocol != UDP || record->key.dst_port == port))
			return record;
	}
	fail_msg("no record of protocol %u, port %u", protocol, port);
	return NULL;
}

static void test_error_joins(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(10, &kept);
	struct flow_table_stats stats;

	(void)state;
	update(table, udp(53, 0));
	update(table, udp(54, 0));
	update(table, error_about(53, 11, 0, 1));
	update(table, error_about(53, 3, 3, 2));
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_stats(table, &stats);
	flow_table_close(table);
	const struct flow_record *quoted = find(&kept, UDP, 53);
	assert_int_equal(quoted->verdict, FLOW_VERDICT_ERROR);
	assert_int_equal(quoted->icmp_error.packets, 2);
	assert_int_equal(quoted->icmp_error.type, 3);
	assert_int_equal(quoted->icmp_error.code, 3);
	assert_int_equal(quoted->icmp_error.reporter[15], 'r');
	assert_int_equal(find(&kept, UDP, 54)->verdict, FLOW_VERDICT_FORWARDED);
	assert_int_equal(find(&kept, UDP, 54)->icmp_error.packets, 0);
	const struct flow_record *error = find(&kept, ICMP, 0);
	assert_int_equal(error->flags, FLOW_FLAG_QUOTE);
	assert_int_equal(error->quoted.dst_port, 53);
	assert_int_equal(error->verdict, FLOW_VERDICT_FORWARDED);
	assert_int_equal(stats.errors_joined, 2);
	assert_int_equal(stats.errors_unjoined, 0);
}

/* Sources are not read in the order of packets. */
static void test_error_comes_first(void **state)
{
	static const struct {
		int rounds; /* of ageing, until the flow comes */
		uint8_t verdict;
		uint64_t joined;
	} rows[] = { { 0, FLOW_VERDICT_ERROR, 1 },
		     { 1, FLOW_VERDICT_ERROR, 1 },
		     { 2, FLOW_VERDICT_FORWARDED, 0 } };
	static struct kept kept;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct flow_table *table = table_open(10, &kept);
		struct flow_table_stats stats;

		update(table, error_about(53, 3, 3, 1));
		for (int round = 0; round < rows[i].rounds; round++)
			flow_table_age(table, 2 * MS);
		update(table, udp(53, 0));
		flow_table_age(table, 3 * MS);
		flow_table_age(table, 3 * MS);
		flow_table_flush(table, FLOW_END_SHUTDOWN);
		flow_table_stats(table, &stats);
		flow_table_close(table);
		assert_int_equal(find(&kept, UDP, 53)->verdict, rows[i].verdict);
		assert_int_equal(stats.errors_joined, rows[i].joined);
		assert_int_equal(stats.errors_joined + stats.errors_unjoined, 1);
	}
}

/* What only slows down or leads elsewhere is told, and is no verdict. */
static void test_error_verdicts(void **state)
{
	static const struct {
		uint8_t type, code, scope, verdict;
	} rows[] = {
		{ 3, 1, 0, FLOW_VERDICT_ERROR },     { 3, 4, 0, FLOW_VERDICT_FORWARDED },
		{ 4, 0, 0, FLOW_VERDICT_FORWARDED }, { 5, 1, 0, FLOW_VERDICT_FORWARDED },
		{ 11, 0, 0, FLOW_VERDICT_ERROR },    { 12, 0, 0, FLOW_VERDICT_ERROR },
		{ 1, 4, 1, FLOW_VERDICT_ERROR },     { 2, 0, 1, FLOW_VERDICT_FORWARDED },
		{ 3, 0, 1, FLOW_VERDICT_ERROR },     { 4, 1, 1, FLOW_VERDICT_ERROR },
	};
	static struct kept kept;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct flow_table *table = table_open(10, &kept);
		struct flow_delta flow = udp(53, 0);
		struct flow_delta error = error_about(53, rows[i].type, rows[i].code, 1);

		flow.key.scope = error.key.scope = error.quoted.scope = rows[i].scope;
		if (rows[i].scope)
			error.key.protocol = ICMPV6;
		update(table, flow);
		update(table, error);
		flow_table_flush(table, FLOW_END_SHUTDOWN);
		flow_table_close(table);
		assert_int_equal(find(&kept, UDP, 53)->icmp_error.packets, 1);
		assert_int_equal(find(&kept, UDP, 53)->verdict, rows[i].verdict);
	}
}

/* The record after the error is one of ERROR, so is the last; those between are not. */
static void test_error_is_told_once(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(10, &kept);

	(void)state;
	update(table, udp(53, 0));
	update(table, error_about(53, 3, 3, 1));
	flow_table_age(table, 16000 * MS);
	assert_int_equal(find(&kept, UDP, 53)->kind, FLOW_KIND_UPDATE);
	assert_int_equal(find(&kept, UDP, 53)->verdict, FLOW_VERDICT_ERROR);
	update(table, udp(53, 17000));
	flow_table_age(table, 33000 * MS);
	assert_int_equal(find(&kept, UDP, 53)->total_packets, 2);
	assert_int_equal(find(&kept, UDP, 53)->verdict, FLOW_VERDICT_FORWARDED);
	assert_int_equal(find(&kept, UDP, 53)->icmp_error.packets, 1);
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	assert_int_equal(find(&kept, UDP, 53)->verdict, FLOW_VERDICT_ERROR);
	flow_table_close(table);
}

/* Bounded, and what was not kept is counted; room comes back when flows end. */
static void test_error_flood(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(20000, &kept);
	struct flow_table_stats stats;

	(void)state;
	for (uint16_t port = 1; port <= 6000; port++) {
		update(table, udp(port, 0));
		update(table, error_about(port, 3, 3, 1));
	}
	for (uint16_t port = 20001; port <= 21000; port++)
		update(table, error_about(port, 3, 3, 1));
	flow_table_age(table, 2 * MS);
	flow_table_age(table, 2 * MS);
	flow_table_stats(table, &stats);
	assert_int_equal(stats.errors_joined, 4096);
	assert_int_equal(stats.errors_joined + stats.errors_unjoined, 7000);
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	update(table, udp(53, 3));
	update(table, error_about(53, 3, 3, 3));
	flow_table_stats(table, &stats);
	assert_int_equal(stats.errors_joined, 4097);
	flow_table_close(table);
}

static void test_tunnel(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(10, &kept);
	struct flow_delta delta = udp(53, 0);

	(void)state;
	update(table, delta); /* the first packets came without it */
	delta.flags = FLOW_FLAG_TUNNEL;
	delta.outer = (struct flow_outer){ .id = 100, .type = FLOW_TUNNEL_VXLAN };
	update(table, delta);
	delta.outer.id = 200; /* the first one stays */
	update(table, delta);
	delta.key.dst_port = 54;
	update(table, delta);
	update(table, udp(55, 0));
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_close(table);
	assert_int_equal(find(&kept, UDP, 53)->flags, FLOW_FLAG_TUNNEL);
	assert_int_equal(find(&kept, UDP, 53)->outer.id, 100);
	assert_int_equal(find(&kept, UDP, 53)->outer.type, FLOW_TUNNEL_VXLAN);
	assert_int_equal(find(&kept, UDP, 54)->outer.id, 200);
	assert_int_equal(find(&kept, UDP, 55)->flags, 0);
	assert_int_equal(find(&kept, UDP, 55)->outer.id, 0);
}

/* The outer flow's packets are those of the inner one: told, not counted again. */
static void test_carrier(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(10, &kept);
	struct flow_delta carrier = udp(4789, 0);
	struct flow_table_stats stats;

	(void)state;
	carrier.key.scope = FLOW_SCOPE_CARRIER;
	carrier.packets = 5;
	carrier.bytes = 500;
	update(table, carrier);
	update(table, udp(53, 0));
	update(table, error_about(4789, 3, 3, 1)); /* it does not know of carriers */
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_stats(table, &stats);
	flow_table_close(table);
	assert_int_equal(find(&kept, UDP, 4789)->packets, 5);
	assert_int_equal(find(&kept, UDP, 4789)->verdict, FLOW_VERDICT_ERROR);
	assert_int_equal(stats.carrier_packets, 5);
	assert_int_equal(stats.carrier_bytes, 500);
	assert_int_equal(stats.packets, 2);
	assert_int_equal(stats.packets_emitted, 2);
	assert_int_equal(stats.bytes_emitted, stats.bytes);
}

static struct flow_delta sampled(uint64_t packets, uint32_t certain, uint64_t at_ms)
{
	struct flow_delta delta = udp(53, at_ms);

	delta.packets = packets;
	delta.bytes = packets * 100;
	delta.flags = FLOW_FLAG_SAMPLED;
	delta.sampling = 10;
	delta.certain_packets = certain;
	delta.certain_bytes = certain * 100;
	return delta;
}

static void test_certain(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(10, &kept);

	(void)state;
	update(table, sampled(5, 1, 0));
	update(table, sampled(3, 0, 10));
	flow_table_age(table, 16000 * MS);
	const struct flow_record *record = find(&kept, UDP, 53);
	assert_int_equal(record->packets, 8);
	assert_int_equal(record->certain_packets, 1);
	assert_int_equal(record->certain_bytes, 100);
	update(table, sampled(4, 2, 17000));
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_close(table);
	record = find(&kept, UDP, 53);
	assert_int_equal(record->sampling, 10);
	assert_int_equal(record->packets, 4);
	assert_int_equal(record->certain_packets, 2);
	assert_int_equal(record->total_packets, 12);
	assert_int_equal(record->total_certain_packets, 3);
	assert_int_equal(record->total_certain_bytes, 300);
}

/* A flow that is sampled from some time on: what was before is certain. */
static void test_sampling_begins(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(10, &kept);
	struct flow_delta whole = udp(53, 0);

	(void)state;
	whole.packets = 7;
	whole.bytes = 700;
	update(table, whole);
	flow_table_age(table, 16000 * MS);
	update(table, udp(53, 17000));
	update(table, sampled(3, 1, 18000));
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_close(table);
	const struct flow_record *record = find(&kept, UDP, 53);
	assert_int_equal(record->sampling, 10);
	assert_int_equal(record->certain_packets, 2);
	assert_int_equal(record->total_certain_packets, 9);
	assert_int_equal(flow_record_estimate(record->total_packets, record->total_certain_packets,
					      record->sampling),
			 29);
}

/* Notes come and go with flows: none is lost, none taken for another's. */
static void test_many_sampled(void **state)
{
	static struct kept kept;
	struct flow_table *table = table_open(500, &kept);

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		struct flow_delta delta = sampled(i % 7 + 1, i % 7 + 1, i);

		delta.key.dst_port = (uint16_t)i;
		delta.flags = i % 3 ? FLOW_FLAG_SAMPLED : 0;
		update(table, delta);
		for (size_t k = 0; k < kept.count; k++) {
			const struct flow_record *record = &kept.records[k];
			bool noted = record->key.dst_port % 3;
			assert_int_equal(record->certain_packets, noted ? record->packets : 0);
		}
		kept.count = 0;
	}
	flow_table_close(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_joins),	cmocka_unit_test(test_error_comes_first),
		cmocka_unit_test(test_error_verdicts),	cmocka_unit_test(test_error_is_told_once),
		cmocka_unit_test(test_error_flood),	cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_carrier),		cmocka_unit_test(test_certain),
		cmocka_unit_test(test_sampling_begins), cmocka_unit_test(test_many_sampled),
	};

	return cmocka_run_group_tests_name("flow_extra", tests, NULL, NULL);
}
