/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* History and losses: positions, overwriting, filters, times, bounded work, packing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flowd/store/block.h"
#include "flowd/store/history.h"
#include "flowd/store/losses.h"

#define ROOM 4096

static const struct history_match everything = { 0 };
static struct flow_record room[ROOM];

static struct history *opened(uint64_t capacity)
{
	struct history *history = NULL;

	assert_int_equal(history_open(&history, capacity, 0), 0);
	return history;
}

/* Record n: time n seconds, destination port n % 10. */
static struct flow_record record_of(uint64_t number)
{
	struct flow_record record = { .flow_id = number,
				      .time_ns = number * 1000000000,
				      .key = { .dst_port = (uint16_t)(number % 10), .protocol = 6 },
				      .packets = number * 3,
				      .node_name = "node" };

	return record;
}

static void fill(struct history *history, uint64_t count)
{
	for (uint64_t i = 1; i <= count; i++) {
		struct flow_record record = record_of(i);

		assert_int_equal(history_append(history, &record), i);
	}
}

static struct history_page page_of(size_t size)
{
	return (struct history_page){ .records = room, .room = size };
}

static struct filter *port_filter(const char *ports)
{
	struct filter *filter = NULL;
	char why[128];

	assert_int_equal(
		filter_test(field_find("destination.port"), ports, &filter, why, sizeof(why)), 0);
	return filter;
}

static void test_empty(void **state)
{
	struct history *history = opened(100);
	struct history_page page = page_of(10);
	struct history_stats stats;

	(void)state;
	history_read(history, 0, &everything, &page);
	assert_int_equal(page.count, 0);
	assert_true(page.at_end);
	assert_int_equal(page.position, 0);
	history_read(history, 77, &everything, &page); /* a position that was never given */
	assert_int_equal(page.position, 0);
	history_stats(history, &stats);
	assert_int_equal(stats.count, 0);
	assert_int_equal(stats.oldest_ns, 0);
	history_close(history);
}

static void test_positions_have_no_gaps(void **state)
{
	struct history *history = opened(10000);
	struct history_page page = page_of(300);
	uint64_t expected = 0, position = 0;

	(void)state;
	fill(history, 1000);
	do {
		history_read(history, position, &everything, &page);
		for (size_t i = 0; i < page.count; i++) {
			assert_int_equal(page.records[i].position, ++expected);
			assert_int_equal(page.records[i].packets, expected * 3);
			assert_string_equal(page.records[i].node_name, "node");
		}
		assert_int_equal(page.missed, 0);
		position = page.position;
	} while (!page.at_end);
	assert_int_equal(expected, 1000);
	history_close(history);
}

static void test_overwritten_records_are_missed(void **state)
{
	struct history *history = opened(500);
	struct history_page page = page_of(ROOM);
	struct history_stats stats;

	(void)state;
	fill(history, 2000);
	history_stats(history, &stats);
	assert_int_equal(stats.count, 500);
	assert_int_equal(stats.oldest, 1501);
	assert_int_equal(stats.oldest_ns, UINT64_C(1501000000000));
	history_read(history, 100, &everything, &page);
	assert_int_equal(page.missed, 1400);
	assert_int_equal(page.count, 500);
	assert_int_equal(page.records[0].position, 1501);
	assert_true(page.at_end);
	history_read(history, 1500, &everything, &page);
	assert_int_equal(page.missed, 0);
	assert_int_equal(page.count, 500);
	history_close(history);
}

static void test_filter_and_time(void **state)
{
	struct history *history = opened(10000);
	struct history_page page = page_of(ROOM);
	struct filter *filter = port_filter("3");
	struct history_match match = { filter, 500 * UINT64_C(1000000000),
				       1500 * UINT64_C(1000000000) };

	(void)state;
	fill(history, 3000);
	history_read(history, 0, &match, &page);
	assert_int_equal(page.count, 100); /* 503, 513 ... 1493 */
	assert_int_equal(page.records[0].position, 503);
	assert_int_equal(page.records[99].position, 1493);
	assert_true(page.at_end);
	assert_int_equal(page.position, 3000);
	filter_free(filter);
	history_close(history);
}

static void test_work_is_bounded(void **state)
{
	struct history *history = opened(100000);
	struct history_page page = page_of(10);
	struct filter *filter = port_filter("99");
	struct history_match match = { .filter = filter };
	uint64_t position = 0;
	int calls = 0;

	(void)state;
	fill(history, 50000);
	do {
		history_read(history, position, &match, &page);
		assert_true(page.position > position);
		assert_true(page.position - position <= HISTORY_SCAN_MAX + BLOCK_RECORDS);
		assert_int_equal(page.count, 0);
		position = page.position;
		calls++;
	} while (!page.at_end);
	assert_in_range(calls, 3, 4);
	filter_free(filter);
	history_close(history);
}

static uint64_t walked(struct history *history, uint64_t wanted, const struct history_match *match)
{
	struct history_walk walk;

	history_walk_start(history, &walk, wanted);
	while (!history_walk_step(history, &walk, match))
		;
	return walk.position;
}

static void test_last_matching(void **state)
{
	struct history *history = opened(600);
	struct history_page page = page_of(ROOM);
	struct filter *filter = port_filter("7");
	struct history_match match = { .filter = filter };

	(void)state;
	fill(history, 2000);
	history_read(history, walked(history, 5, &match), &match, &page);
	assert_int_equal(page.count, 5);
	assert_int_equal(page.records[0].position, 1957);
	history_read(history, walked(history, 1000, &match), &match, &page);
	assert_int_equal(page.count, 60); /* all there are */
	assert_int_equal(page.missed, 0);
	assert_int_equal(walked(history, 0, &match), 2000);
	match.since_ns = UINT64_C(5000000000000);
	assert_int_equal(walked(history, 1, &match), 1400);
	filter_free(filter);
	history_close(history);
}

static void test_every_capacity(void **state)
{
	(void)state;
	for (uint64_t capacity = 1; capacity < 1100; capacity += 13) {
		struct history *history = opened(capacity);
		struct history_page page = page_of(ROOM);

		fill(history, 1500);
		history_read(history, 0, &everything, &page);
		assert_int_equal(page.count, capacity);
		assert_int_equal(page.missed, 1500 - capacity);
		for (size_t i = 0; i < page.count; i++)
			assert_int_equal(page.records[i].packets, page.records[i].position * 3);
		history_close(history);
	}
}

static void random_bytes(void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)data)[i] = (uint8_t)rand();
}

static void test_packing_keeps_every_bit(void **state)
{
	static struct flow_record in[BLOCK_RECORDS], out[BLOCK_RECORDS];
	struct block_codec *codec;
	uint8_t *data;
	size_t size;

	(void)state;
	srand(1);
	random_bytes(in, sizeof(in));
	assert_int_equal(block_codec_open(&codec), 0);
	assert_int_equal(block_pack(codec, in, &data, &size), 0);
	assert_int_equal(block_unpack(codec, data, size, out), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_true(block_unpack(codec, data, size - 1, out) < 0);
	free(data);
	block_codec_close(codec);
}

/* Flows as they come: random addresses and ports, counts and times of a busy second. */
static void test_packing_is_worth_it(void **state)
{
	struct history *history = opened(65536);
	struct history_stats stats;

	(void)state;
	srand(1);
	for (uint64_t i = 0; i < 65536; i++) {
		struct flow_record record = record_of(i / 1000);

		random_bytes(record.key.src + 12, 4);
		random_bytes(record.key.dst + 12, 4);
		record.key.src_port = (uint16_t)rand();
		record.first_ns = record.time_ns - (uint64_t)rand();
		record.last_ns = record.time_ns - (uint64_t)rand() / 16;
		record.bytes = record.total_bytes = (uint64_t)rand() % 100000;
		record.l3_bytes = record.bytes - record.packets * 14;
		history_append(history, &record);
	}
	history_stats(history, &stats);
	assert_true(stats.bytes < 4 * 1024 * 1024);
	history_close(history);
}

static void note(struct losses *losses, const char *source, uint64_t position)
{
	struct flow_loss loss = { .source = source, .records = 1, .packets = 10 };

	losses_note(losses, position, &loss);
}

static void test_losses_are_told_once(void **state)
{
	struct flow_loss out[LOSSES_TOLD];
	struct losses *losses;

	(void)state;
	assert_int_equal(losses_open(&losses), 0);
	note(losses, "ring_buffer", 5);
	note(losses, "ring_buffer", 9);
	assert_int_equal(losses_after(losses, 0, 0, out), 2);
	assert_int_equal(losses_after(losses, 0, 6, out), 1);
	assert_int_equal(losses_after(losses, 1, 0, out), 1);
	assert_int_equal(losses_after(losses, losses_newest(losses), 0, out), 0);
	losses_close(losses);
}

static void test_old_losses_add_up(void **state)
{
	struct flow_loss out[LOSSES_TOLD];
	struct losses *losses;
	uint64_t packets = 0;
	size_t count;

	(void)state;
	assert_int_equal(losses_open(&losses), 0);
	for (int i = 0; i < 1000; i++)
		note(losses, i % 2 ? "ring_buffer" : "event_gap", (uint64_t)i);
	count = losses_after(losses, 0, 0, out);
	assert_int_equal(count, LOSSES_KEPT + 2);
	for (size_t i = 0; i < count; i++)
		packets += out[i].packets;
	assert_int_equal(packets, 10000);
	losses_close(losses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_positions_have_no_gaps),
		cmocka_unit_test(test_overwritten_records_are_missed),
		cmocka_unit_test(test_filter_and_time),
		cmocka_unit_test(test_work_is_bounded),
		cmocka_unit_test(test_last_matching),
		cmocka_unit_test(test_every_capacity),
		cmocka_unit_test(test_packing_keeps_every_bit),
		cmocka_unit_test(test_packing_is_worth_it),
		cmocka_unit_test(test_losses_are_told_once),
		cmocka_unit_test(test_old_losses_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
