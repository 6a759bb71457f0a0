/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sampling in the kernel: what is left out is counted, what is certain is never left out and is
 * counted apart, and the two together lead back to what there was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/bpf/hook.h"
#include "tests/packets/frame.h"

#define COUNTS	(FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS)
#define BY_FLOW (COUNTS | FLOW_DEVICE_SAMPLE_FLOWS)
#define BYTES	64

static void tcp_frame(struct frame *frame, uint16_t source, uint16_t destination, uint16_t flags)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 6, 0, 0x4000);
	frame_tcp(frame, source, destination, flags);
	frame_room(frame, BYTES - frame->size);
	frame_finish(frame, 0);
}

/* The addresses of frame_ipv4(), the other way round. */
static void turn_round(struct frame *frame)
{
	memcpy(frame->bytes + frame->ip + 12, "\x0a\0\0\2\x0a\0\0\1", 8);
}

static void run(enum hook hook, const struct frame *frame, int times, struct hook_result *result)
{
	struct hook_input input = { .bytes = frame->bytes, .size = frame->size };

	for (int i = 0; i < times; i++)
		assert_int_equal(hook_run(hook, &input, result), 0);
}

/* Every packet is in the entry or in sampled_packets, and its bytes with it. */
static void check_sum(const struct hook_result *result, uint64_t packets)
{
	assert_int_equal(result->ledger.seen_packets, packets);
	assert_int_equal(result->hot.packets + result->ledger.sampled_packets, packets);
	assert_int_equal(result->hot.bytes + result->ledger.sampled_bytes, packets * BYTES);
}

static uint64_t estimate(const struct hook_result *result)
{
	uint64_t certain = result->extra.certain_packets;

	return certain + (result->hot.packets - certain) * result->cold.sampling;
}

static int start(void **state)
{
	(void)state;
	hook_reset();
	return 0;
}

static void test_by_packet(void **state)
{
	struct hook_result result;
	struct frame frame;

	(void)state;
	tcp_frame(&frame, 4000, 443, FLOW_TCP_ACK);
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		hook_reset();
		hook_set_sampling(COUNTS, 16);
		run((enum hook)hook, &frame, 8000, &result);
		assert_int_equal(result.entries, 1);
		check_sum(&result, 8000);
		assert_true(result.hot.flags & FLOW_FLAG_SAMPLED);
		assert_int_equal(result.cold.sampling, 16);
		assert_int_equal(result.extra.certain_packets, 1); /* the one that made the entry */
		assert_int_equal(result.extra.certain_bytes, BYTES);
		/* 500 are chosen, with a standard deviation of 22: this is five of them */
		assert_in_range(estimate(&result), 8000 - 1760, 8000 + 1760);
	}
}

static void test_certain(void **state)
{
	static const uint16_t rows[] = { FLOW_TCP_SYN | FLOW_TCP_ACK, FLOW_TCP_FIN | FLOW_TCP_ACK,
					 FLOW_TCP_RST };
	struct hook_result result;
	struct frame frame;
	uint64_t sent = 0;

	(void)state;
	hook_set_sampling(COUNTS, 65535);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tcp_frame(&frame, 4000, 443, rows[i]);
		run(HOOK_TC_INGRESS, &frame, 3, &result);
		tcp_frame(&frame, 4000, 443, FLOW_TCP_ACK);
		run(HOOK_TC_INGRESS, &frame, 20, &result);
		sent += 23;
		check_sum(&result, sent);
		assert_int_equal(result.extra.certain_packets, 3 * (i + 1));
		assert_int_equal(result.extra.certain_bytes, 3 * (i + 1) * BYTES);
		assert_true(result.hot.packets >= 3 * (i + 1));
		assert_true(result.hot.packets < 3 * (i + 1) + 5);
	}
	assert_int_equal(result.entries, 1);
}

/* How many of five packets of a flow are counted. */
static uint32_t counted_of_five(uint16_t port, int round)
{
	struct hook_result result;
	struct frame frame;

	hook_reset();
	tcp_frame(&frame, round ? 443 : port, round ? port : 443, FLOW_TCP_ACK);
	if (round)
		turn_round(&frame);
	run(round ? HOOK_TC_EGRESS : HOOK_XDP, &frame, 5, &result);
	check_sum(&result, 5);
	assert_int_equal(result.extra.certain_packets, 1);
	return result.hot.packets;
}

/* All of a conversation, both ways and at every hook, or of each direction only what is certain. */
static void test_by_flow(void **state)
{
	int chosen = 0;

	(void)state;
	hook_set_sampling(BY_FLOW, 4);
	for (uint16_t port = 1000; port < 1400; port++) {
		uint32_t counted = counted_of_five(port, 0);

		assert_true(counted == 5 || counted == 1);
		assert_int_equal(counted_of_five(port, 1), counted);
		chosen += counted == 5;
	}
	/* 100, with a standard deviation of 9 */
	assert_in_range(chosen, 60, 140);
}

/* An entry has one rate: another one begins another entry, and the old counts are sent off. */
static void test_another_rate(void **state)
{
	struct hook_result before, after;
	struct frame frame;

	(void)state;
	tcp_frame(&frame, 4000, 443, FLOW_TCP_ACK);
	hook_set_sampling(COUNTS, 1);
	run(HOOK_TC_INGRESS, &frame, 5, &before);
	assert_int_equal(before.hot.packets, 5);
	assert_int_equal(before.hot.flags & FLOW_FLAG_SAMPLED, 0);
	assert_int_equal(before.cold.sampling, 1);
	hook_set_sampling(COUNTS, 1000);
	run(HOOK_TC_INGRESS, &frame, 1, &after);
	assert_int_equal(after.entries, 1);
	assert_int_equal(after.hot.packets, 1);
	assert_int_equal(after.cold.sampling, 1000);
	assert_int_equal(after.hot.generation, before.hot.generation + 2);
	assert_int_equal(after.ledger.evictions, 1);
	assert_int_equal(after.ledger.sampled_packets, 0);
	hook_set_sampling(COUNTS, 1);
	run(HOOK_TC_INGRESS, &frame, 3, &after);
	assert_int_equal(after.hot.packets, 3);
	assert_int_equal(after.cold.sampling, 1);
	assert_int_equal(after.ledger.evictions, 2);
}

/* A GSO packet is left out, or taken, with all its segments. */
static void test_segments(void **state)
{
	struct hook_result result;
	struct frame frame;
	struct hook_input input = { .bytes = frame.bytes, .gso_size = 500, .gso_segments = 4 };

	(void)state;
	hook_set_sampling(COUNTS, 8);
	frame_ethernet(&frame, 0x0800);
	frame_ipv4(&frame, 6, 0, 0x4000);
	frame_tcp(&frame, 4000, 443, FLOW_TCP_ACK);
	frame_room(&frame, 1900);
	frame_finish(&frame, 0);
	input.size = frame.size;
	for (int i = 0; i < 100; i++)
		assert_int_equal(hook_run(HOOK_TC_EGRESS, &input, &result), 0);
	assert_int_equal(result.ledger.seen_packets, 400);
	assert_int_equal(result.hot.packets + result.ledger.sampled_packets, 400);
	assert_int_equal(result.hot.bytes + result.ledger.sampled_bytes, 100 * (1900 + 4 * 54));
	assert_int_equal(result.hot.packets % 4, 0);
	assert_true(result.ledger.sampled_packets > 200);
	assert_int_equal(result.extra.certain_packets, 4);
}

/* A point that only observes counts nothing, so there is nothing to leave out. */
static void test_observer(void **state)
{
	struct hook_result result;
	struct frame frame;

	(void)state;
	hook_set_sampling(FLOW_DEVICE_KNOWN, 10);
	tcp_frame(&frame, 4000, 443, FLOW_TCP_ACK);
	run(HOOK_TC_INGRESS, &frame, 50, &result);
	assert_int_equal(result.ledger.observed_packets, 50);
	assert_int_equal(result.ledger.sampled_packets, 0);
	assert_int_equal(result.hot.packets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_by_packet, start),
		cmocka_unit_test_setup(test_certain, start),
		cmocka_unit_test_setup(test_by_flow, start),
		cmocka_unit_test_setup(test_another_rate, start),
		cmocka_unit_test_setup(test_segments, start),
		cmocka_unit_test_setup(test_observer, start),
	};

	return cmocka_run_group_tests(tests, hook_setup, hook_teardown);
}
