/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the hooks count: roles, GSO, repeats, reopened connections, full sets; and that they never
 * interfere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/bpf/hook.h"
#include "tests/packets/frame.h"

#define COUNTS (FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS)

static void tcp_frame(struct frame *frame, uint16_t port, uint16_t flags, uint32_t payload)
{
	frame_ethernet(frame, 0x0800);
	frame_ipv4(frame, 6, 0, 0x4000);
	frame_tcp(frame, port, 443, flags);
	frame_room(frame, payload);
	frame_finish(frame, 0);
}

static struct hook_result run_frame(enum hook hook, const struct frame *frame)
{
	struct hook_input input = { .bytes = frame->bytes, .size = frame->size };
	struct hook_result result;

	assert_int_equal(hook_run(hook, &input, &result), 0);
	assert_int_equal(result.verdict, hook == HOOK_XDP ? 2 : -1); /* XDP_PASS, TC_ACT_UNSPEC */
	return result;
}

static int start(void **state)
{
	(void)state;
	hook_reset();
	hook_set_role(COUNTS);
	return 0;
}

static void test_repeats_add_up(void **state)
{
	struct hook_result result;
	struct frame frame;

	(void)state;
	for (int i = 0; i < 5; i++) {
		tcp_frame(&frame, 4000, i ? FLOW_TCP_ACK : FLOW_TCP_SYN, 10);
		result = run_frame(HOOK_TC_INGRESS, &frame);
	}
	assert_int_equal(result.entries, 1);
	assert_int_equal(result.hot.packets, 5);
	assert_int_equal(result.hot.bytes, 5 * 64);
	assert_int_equal(result.hot.l2_bytes, 5 * 14);
	assert_int_equal(result.hot.flags, FLOW_TCP_SYN | FLOW_TCP_ACK);
	assert_int_equal(result.cold.points[0], FLOW_POINT(1, FLOW_HOOK_TC_INGRESS));
	assert_int_equal(result.ledger.inserts, 1);
	assert_int_equal(result.ledger.seen_packets, 5);
}

/* 3 segments of at most 1000 bytes: what is on the wire has three copies of 54 bytes of headers. */
static void test_gso_counts_wire_packets(void **state)
{
	struct frame frame;
	struct hook_result result;
	struct hook_input input = { .bytes = frame.bytes, .gso_size = 600, .gso_segments = 3 };

	(void)state;
	tcp_frame(&frame, 4000, FLOW_TCP_ACK, 1500);
	input.size = frame.size;
	assert_int_equal(hook_run(HOOK_TC_EGRESS, &input, &result), 0);
	assert_int_equal(result.hot.packets, 3);
	assert_int_equal(result.hot.bytes, 1500 + 3 * 54);
	assert_int_equal(result.hot.l2_bytes, 3 * 14);
	assert_int_equal(result.ledger.seen_packets, 3);
	assert_int_equal(result.ledger.seen_bytes, 1500 + 3 * 54);
	input.gso_segments = 0; /* a driver that does not say: 1554 bytes in segments of 600 */
	assert_int_equal(hook_run(HOOK_TC_EGRESS, &input, &result), 0);
	assert_int_equal(result.hot.packets, 6);
	assert_int_equal(result.hot.bytes, 2 * (1500 + 3 * 54));
	assert_int_equal(result.hot.l2_bytes, 6 * 14);
	assert_int_equal(result.ledger.seen_packets, 6);
	assert_int_equal(result.ledger.seen_bytes, 2 * (1500 + 3 * 54));
}

static void test_padding_is_layer_2(void **state)
{
	struct hook_result result;
	struct frame frame;

	(void)state;
	frame_ethernet(&frame, 0x0800);
	frame_ipv4(&frame, 17, 0, 0);
	frame_udp(&frame, 1, 2);
	frame_finish(&frame, 18);
	result = run_frame(HOOK_TC_INGRESS, &frame);
	assert_int_equal(result.hot.bytes, 60);
	assert_int_equal(result.hot.l2_bytes, 14 + 18);
}

struct role_case {
	uint32_t role;
	enum hook hook;
	int counts;
};

static void test_roles(void **state)
{
	static const struct role_case rows[] = {
		{ COUNTS, HOOK_TC_INGRESS, 1 },
		{ COUNTS, HOOK_TC_EGRESS, 1 },
		{ COUNTS, HOOK_XDP, 1 },
		{ FLOW_DEVICE_KNOWN | FLOW_DEVICE_COVERED, HOOK_TC_INGRESS, 0 },
		{ FLOW_DEVICE_KNOWN | FLOW_DEVICE_COVERED, HOOK_TC_EGRESS, 0 },
		{ FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS, HOOK_TC_EGRESS, 0 },
		{ FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_EGRESS, HOOK_XDP, 0 },
		{ 0, HOOK_TC_INGRESS, 0 },
	};
	struct frame frame;

	(void)state;
	tcp_frame(&frame, 4000, FLOW_TCP_ACK, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hook_result result;

		hook_reset();
		hook_set_role(rows[i].role);
		result = run_frame(rows[i].hook, &frame);
		assert_int_equal(result.ledger.seen_packets, rows[i].counts);
		assert_int_equal(result.ledger.observed_packets, !rows[i].counts);
		assert_int_equal(result.ledger.unknown_device_packets, !rows[i].role);
		assert_int_equal(result.hot.packets, rows[i].counts);
		assert_int_equal(!!(result.hot.flags & FLOW_FLAG_OBSERVED), !rows[i].counts);
	}
}

/* A point that observes is listed, once, behind the one that counts, whichever came first. */
static void test_points(void **state)
{
	struct hook_result result;
	struct frame frame;

	(void)state;
	tcp_frame(&frame, 4000, FLOW_TCP_ACK, 0);
	for (int observer_first = 0; observer_first < 2; observer_first++) {
		hook_reset();
		for (int i = 0; i < 4; i++) {
			int observes = (i + observer_first) % 2 == 0;

			hook_set_role(observes ? FLOW_DEVICE_KNOWN : COUNTS);
			result = run_frame(observes ? HOOK_TC_EGRESS : HOOK_TC_INGRESS, &frame);
		}
		assert_int_equal(result.entries, 1);
		assert_int_equal(result.hot.packets, 2);
		assert_int_equal(result.hot.flags & FLOW_FLAG_OBSERVED, 0);
		assert_int_equal(result.cold.points[0], FLOW_POINT(1, FLOW_HOOK_TC_INGRESS));
		assert_int_equal(result.cold.points[1], FLOW_POINT(1, FLOW_HOOK_TC_EGRESS));
		assert_int_equal(result.cold.points[2], 0);
	}
}

/* SYN after FIN or RST is another connection with the same key: the old entry is sent off, not
 * mixed. */
static void test_reopened(void **state)
{
	struct hook_result before, after;
	struct frame frame;

	(void)state;
	tcp_frame(&frame, 4000, FLOW_TCP_ACK, 0);
	run_frame(HOOK_TC_INGRESS, &frame);
	tcp_frame(&frame, 4000, FLOW_TCP_FIN | FLOW_TCP_ACK, 0);
	before = run_frame(HOOK_TC_INGRESS, &frame);
	tcp_frame(&frame, 4000, FLOW_TCP_SYN, 0);
	after = run_frame(HOOK_TC_INGRESS, &frame);
	assert_int_equal(before.hot.packets, 2);
	assert_int_equal(after.entries, 1);
	assert_int_equal(after.hot.packets, 1);
	assert_int_equal(after.hot.flags, FLOW_TCP_SYN);
	assert_int_equal(after.hot.generation, before.hot.generation + 2);
	assert_int_equal(after.ledger.restarts, 1);
	assert_int_equal(after.ledger.evictions, 1);
	tcp_frame(&frame, 4000, FLOW_TCP_SYN, 0); /* a repeated SYN is no new connection */
	after = run_frame(HOOK_TC_INGRESS, &frame);
	assert_int_equal(after.hot.packets, 2);
}

/* A table two thirds full has more flows for some sets than they have ways: the sets beside them
 * take those in, and find them again. */
static void test_full_sets(void **state)
{
	uint32_t flows = HOOK_ENTRIES * 2 / 3;
	struct hook_result result = { 0 };
	struct frame frame;

	(void)state;
	for (int packet = 0; packet < 2; packet++)
		for (uint32_t i = 0; i < flows; i++) {
			tcp_frame(&frame, (uint16_t)(1000 + i), FLOW_TCP_ACK, 0);
			result = run_frame(HOOK_TC_INGRESS, &frame);
		}
	assert_int_equal(result.entries, flows);
	assert_int_equal(result.ledger.inserts, flows);
	assert_int_equal(result.ledger.seen_packets, 2 * flows);
	assert_int_equal(result.ledger.evictions, 0);
}

/* More flows than entries: what is replaced is an event, or an exact loss when the ring is full. */
static void test_nothing_vanishes(void **state)
{
	uint64_t held = 0, flows = 4000, sent;
	struct hook_result result;
	struct frame frame;

	(void)state;
	for (uint64_t i = 0; i < flows; i++) {
		tcp_frame(&frame, (uint16_t)(1000 + i), FLOW_TCP_ACK, 0);
		result = run_frame(HOOK_TC_INGRESS, &frame);
	}
	held = (uint64_t)result.entries; /* each entry has one packet */
	sent = result.ledger.evictions - result.ledger.evict_lost_flows;
	assert_true(result.ledger.evictions > 0);
	assert_true(result.ledger.evict_lost_packets > 0); /* the test's ring is one page */
	assert_int_equal(result.ledger.inserts, flows);
	assert_int_equal(result.ledger.seen_packets,
			 held + sent + result.ledger.evict_lost_packets);
	assert_int_equal(result.ledger.evict_lost_bytes, result.ledger.evict_lost_packets * 54);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_repeats_add_up, start),
		cmocka_unit_test_setup(test_gso_counts_wire_packets, start),
		cmocka_unit_test_setup(test_padding_is_layer_2, start),
		cmocka_unit_test_setup(test_roles, start),
		cmocka_unit_test_setup(test_points, start),
		cmocka_unit_test_setup(test_reopened, start),
		cmocka_unit_test_setup(test_full_sets, start),
		cmocka_unit_test_setup(test_nothing_vanishes, start),
	};

	return cmocka_run_group_tests(tests, hook_setup, hook_teardown);
}
