/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table under random and under many deltas: nothing lost, nothing told twice, bounded.
 * Single cases: test_flow_scenarios.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flowd/flow/flow_table.h"

#define MS 1000000ull

#define TCP    6
#define UDP    17
#define ICMP   1
#define ICMPV6 58

static struct flow_table *table_open(uint32_t max_flows, bool start, flow_record_fn emit,
				     void *context)
{
	const struct flow_table_options options = {
		.max_flows = max_flows,
		.timeouts = FLOW_TIMEOUTS_DEFAULT,
		.hash_seed = { 1, 2, 3, 4, 5, 6 },
		.publish_start = start,
		.emit = emit,
		.context = context,
	};
	struct flow_table *table;

	assert_int_equal(flow_table_open(&table, &options), 0);
	return table;
}

static struct flow_key key_of(uint32_t source, uint16_t port)
{
	struct flow_key key = { .protocol = UDP, .src_port = 1, .dst_port = port };

	memcpy(key.src, &source, sizeof(source));
	key.dst[15] = 'b';
	return key;
}

#define RANDOM_INSTANCES 400000u

struct ledger {
	uint64_t packets, bytes, l3_bytes, records, last_time_ns;
	uint64_t totals[RANDOM_INSTANCES];
	uint8_t kinds[RANDOM_INSTANCES]; /* 0: none yet, else 1 + the last kind */
};

static uint32_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)(*random >> 32);
}

/* Of one instance: START first and once, END last and once, totals add up and never fall. */
static void ledger_check(void *context, const struct flow_record *record)
{
	struct ledger *ledger = context;
	uint64_t id = record->flow_id;

	assert_in_range(id, 1, RANDOM_INSTANCES - 1);
	assert_int_not_equal(ledger->kinds[id], 1 + FLOW_KIND_END);
	assert_true(record->kind != FLOW_KIND_START || ledger->kinds[id] == 0);
	assert_true(record->kind != FLOW_KIND_UPDATE || record->packets > 0);
	assert_int_equal(record->total_packets, ledger->totals[id] + record->packets);
	assert_true(record->first_ns <= record->last_ns && record->last_ns <= record->time_ns);
	assert_true(record->time_ns >= ledger->last_time_ns);
	ledger->kinds[id] = (uint8_t)(1 + record->kind);
	ledger->totals[id] = record->total_packets;
	ledger->last_time_ns = record->time_ns;
	ledger->packets += record->packets;
	ledger->bytes += record->bytes;
	ledger->l3_bytes += record->l3_bytes;
	ledger->records++;
}

/* Few hosts and ports: collisions of keys, directions and instances are the rule. */
static void delta_random(struct flow_delta *delta, uint64_t *random, uint64_t now_ns)
{
	static const uint8_t protocols[] = { TCP, TCP, TCP, UDP, ICMP, ICMPV6, 132, 47 };
	static const uint16_t icmp_types[] = { 0, 8, 3, 128, 129, 13, 14 };
	uint32_t bits = next_random(random);

	memset(delta, 0, sizeof(*delta));
	delta->key.protocol = protocols[bits % 8];
	delta->key.src[15] = (bits >> 3) % 16;
	delta->key.dst[15] = (bits >> 7) % 16;
	delta->key.src_port = (bits >> 11) % 7;
	delta->key.dst_port = (bits >> 14) % 7;
	if (delta->key.protocol == ICMP || delta->key.protocol == ICMPV6)
		delta->key.src_port = icmp_types[delta->key.src_port];
	bits = next_random(random);
	delta->packets = 1 + bits % 5;
	delta->bytes = delta->packets * (60 + (bits >> 4) % 1400);
	delta->l3_bytes = delta->bytes - delta->packets * 14;
	delta->flags = (bits >> 16) & 0x1f;
	delta->starts = (bits >> 22) % 8 == 0 ? FLOW_STARTS_YES
			: delta->packets == 1 ? FLOW_STARTS_ASK
					      : FLOW_STARTS_NO;
	delta->last_ns = now_ns - (bits >> 25) % 100 * MS;
	delta->first_ns = delta->last_ns - (bits >> 27) * MS;
	delta->points[0] = FLOW_POINT(bits % 3, 1 + bits % 2);
	delta->points[1] = bits % 5 ? 0 : FLOW_POINT(9, FLOW_HOOK_TC_EGRESS);
	delta->eth_src[5] = (bits >> 8) % 200;
	delta->sampling = 1;
}

static void stats_check(const struct flow_table *table, const struct ledger *ledger,
			uint64_t packets, uint64_t bytes)
{
	struct flow_table_stats stats;

	flow_table_stats(table, &stats);
	assert_int_equal(stats.live, 0);
	assert_int_equal(stats.conversations, 0);
	assert_int_equal(stats.created, stats.ended);
	assert_int_equal(stats.records, ledger->records);
	assert_int_equal(stats.packets, packets);
	assert_int_equal(stats.packets_emitted, packets);
	assert_int_equal(stats.bytes, bytes);
	assert_int_equal(stats.bytes_emitted, bytes);
	assert_int_equal(ledger->packets, packets);
	assert_int_equal(ledger->bytes, bytes);
}

static void run_random(uint64_t seed, uint32_t max_flows, bool start)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	struct flow_table *table = table_open(max_flows, start, ledger_check, ledger);
	uint64_t random = seed, now_ns = 1000000000000ull, packets = 0, bytes = 0, l3_bytes = 0;
	struct flow_delta batch[50];

	for (int drain = 0; drain < 1000; drain++) {
		now_ns += next_random(&random) % 64 ? 500 * MS : 100000 * MS;
		for (size_t i = 0; i < 50; i++) {
			delta_random(&batch[i], &random, now_ns);
			packets += batch[i].packets;
			bytes += batch[i].bytes;
			l3_bytes += batch[i].l3_bytes;
		}
		flow_table_update_batch(table, batch, 50);
		flow_table_age(table, now_ns);
	}
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	stats_check(table, ledger, packets, bytes);
	assert_int_equal(ledger->l3_bytes, l3_bytes);
	flow_table_close(table);
	free(ledger);
}

static void test_nothing_lost(void **state)
{
	(void)state;
	run_random(88172645463325252ull, 100000, true);
	run_random(1234567ull, 100000, false);
	run_random(424242ull, 300, true);
	run_random(99ull, 1, true);
}

struct tally {
	uint64_t packets, evicted, records, hash;
};

static void tally_add(void *context, const struct flow_record *record)
{
	struct tally *tally = context;

	tally->packets += record->packets;
	tally->evicted += record->end_reason == FLOW_END_EVICTED;
	tally->records++;
	tally->hash = (tally->hash ^ record->flow_id ^ record->packets << 32) * 0x100000001b3ull;
}

static void flood(struct flow_table *table, uint32_t flows)
{
	for (uint32_t i = 0; i < flows; i++) {
		struct flow_delta delta = { .key = key_of(i, 2), .packets = 1, .sampling = 1 };

		delta.first_ns = delta.last_ns = i * 1000ull;
		flow_table_update(table, &delta);
		if (i % 1000 == 0)
			flow_table_age(table, delta.last_ns);
	}
}

/* Evictions stay cheap: a million flows through a table of 50,000, and a million held at once. */
static void test_million_flows(void **state)
{
	static const uint32_t limits[] = { 50000, 1000000 };
	clock_t began = clock();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct tally tally = { .packets = 0 };
		struct flow_table *table = table_open(limits[i], true, tally_add, &tally);

		flood(table, 1000000);
		flow_table_flush(table, FLOW_END_SHUTDOWN);
		flow_table_close(table);
		assert_int_equal(tally.packets, 1000000);
		assert_int_equal(tally.evicted, 1000000 - limits[i]);
	}
	/* Seconds of CPU; some 0.6 without sanitizers. A table that degrades takes minutes. */
	assert_true(clock() - began < 30 * CLOCKS_PER_SEC);
}

static void test_open_refuses(void **state)
{
	struct flow_table_options options = { .max_flows = 0, .emit = ledger_check };
	struct flow_table *table = NULL;

	(void)state;
	assert_int_not_equal(flow_table_open(&table, &options), 0);
	options.max_flows = 1;
	options.emit = NULL;
	assert_int_not_equal(flow_table_open(&table, &options), 0);
	assert_null(table);
	flow_table_close(NULL);
}

struct ends {
	struct flow_record last;
	uint64_t packets;
	int starts, ends;
};

static void ends_add(void *context, const struct flow_record *record)
{
	struct ends *ends = context;

	ends->last = *record;
	ends->packets += record->packets;
	ends->starts += record->kind == FLOW_KIND_START;
	ends->ends += record->kind == FLOW_KIND_END;
}

/* A live source's entry outlives the flow: its flags still hold the SYN of the beginning. */
static void test_straggler_of_live_source(void **state)
{
	struct ends ends = { .packets = 0 };
	struct flow_table *table = table_open(100, true, ends_add, &ends);
	struct flow_delta client = { .key = key_of(7, 80), .packets = 4, .first_ns = 1 * MS };
	struct flow_delta server;

	(void)state;
	client.key.protocol = TCP;
	client.flags = FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN;
	client.last_ns = 9 * MS;
	server = client;
	memcpy(server.key.src, client.key.dst, sizeof(server.key.src));
	memcpy(server.key.dst, client.key.src, sizeof(server.key.dst));
	server.key.src_port = client.key.dst_port;
	server.key.dst_port = client.key.src_port;
	server.first_ns = 2 * MS;
	flow_table_update(table, &server);
	flow_table_update(table, &client);
	flow_table_age(table, 500 * MS);
	flow_table_age(table, 1000 * MS);
	assert_int_equal(ends.ends, 2);
	server.continues = 1;
	server.packets = 1;
	server.first_ns = server.last_ns = 2000 * MS;
	flow_table_update(table, &server);
	flow_table_age(table, 2100 * MS);
	assert_int_equal(ends.last.kind, FLOW_KIND_START);
	assert_int_equal(ends.last.reply, FLOW_REPLY_YES);
	flow_table_age(table, 2700 * MS);
	assert_int_equal(ends.ends, 3);
	assert_int_equal(ends.last.end_reason, FLOW_END_FIN);
	/* One more point saw it: nothing to count, nothing to tell. */
	server.packets = 0;
	flow_table_update(table, &server);
	flow_table_age(table, 3000 * MS);
	assert_int_equal(ends.starts, 3);
	assert_int_equal(ends.packets, 9);
	flow_table_close(table);
}

static void count_busy_ends(void *context, const struct flow_record *record)
{
	if (record->key.dst_port == 9)
		++*(int *)context;
}

/* A flow with traffic stays, however many come and go beside it. */
static void test_evicts_idle_not_busy(void **state)
{
	int busy_ends = 0;
	struct flow_table *table = table_open(200, false, count_busy_ends, &busy_ends);
	struct flow_table_stats stats;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		struct flow_delta delta = { .key = key_of(i, 2), .packets = 1 };
		struct flow_delta busy = { .key = key_of(0, 9), .packets = 1 };

		delta.first_ns = delta.last_ns = busy.first_ns = busy.last_ns = i * MS;
		flow_table_update(table, &delta);
		flow_table_update(table, &busy);
		flow_table_age(table, i * MS);
	}
	flow_table_stats(table, &stats);
	assert_int_equal(stats.live, 200);
	assert_int_equal(stats.evicted, 10001 - 200);
	assert_int_equal(busy_ends, 0);
	flow_table_close(table);
}

static uint64_t order_of_run(void)
{
	struct tally tally = { .packets = 0 };
	struct flow_table *table = table_open(500, true, tally_add, &tally);
	uint64_t random = 7, now_ns = 1000000000000ull;

	for (int i = 0; i < 20000; i++) {
		struct flow_delta delta;

		now_ns += 20 * MS;
		delta_random(&delta, &random, now_ns);
		flow_table_update(table, &delta);
		flow_table_age(table, now_ns);
	}
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_close(table);
	return tally.hash;
}

static void test_same_order_each_time(void **state)
{
	(void)state;
	assert_int_equal(order_of_run(), order_of_run());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_refuses),
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_million_flows),
		cmocka_unit_test(test_evicts_idle_not_busy),
		cmocka_unit_test(test_straggler_of_live_source),
		cmocka_unit_test(test_same_order_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
