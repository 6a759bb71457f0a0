/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* PREEMPT_RT, where a task in the hooks can be preempted by another one there: the programs as they
 * are loaded on it, and the ledger as the preempted one leaves it. */
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

static struct frame tcp;

static int start(void **state)
{
	(void)state;
	frame_ethernet(&tcp, 0x0800);
	frame_ipv4(&tcp, 6, 0, 0x4000);
	frame_tcp(&tcp, 4000, 443, FLOW_TCP_ACK);
	frame_finish(&tcp, 0);
	hook_reset();
	hook_set_role(COUNTS);
	return 0;
}

static struct hook_result run(enum hook hook, uint32_t came_in)
{
	struct hook_input input = { .bytes = tcp.bytes, .size = tcp.size, .came_in = came_in };
	struct hook_result result;

	assert_int_equal(hook_run(hook, &input, &result), 0);
	assert_int_equal(result.verdict, hook == HOOK_XDP ? 2 : -1); /* XDP_PASS, TC_ACT_UNSPEC */
	return result;
}

/* The table is given back after each packet. */
static void test_alone(void **state)
{
	struct hook_result result;

	(void)state;
	run(HOOK_TC_INGRESS, 0);
	run(HOOK_TC_EGRESS, 0);
	result = run(HOOK_XDP, 0);
	assert_int_equal(result.entries, 1);
	assert_int_equal(result.hot.packets, 3);
	assert_int_equal(result.ledger.seen_packets, 3);
	assert_int_equal(result.ledger.reentered_packets, 0);
	assert_int_equal(result.ledger.busy, 0);
}

/* Refused and counted, once for each packet: a forwarded one is ingress's. */
static void test_second(void **state)
{
	struct hook_result result;

	(void)state;
	hook_set_role(COUNTS | FLOW_DEVICE_COVERED);
	hook_set_busy();
	result = run(HOOK_TC_INGRESS, 0);
	assert_int_equal(result.ledger.reentered_packets, 1);
	result = run(HOOK_TC_EGRESS, 1);
	assert_int_equal(result.ledger.reentered_packets, 1);
	result = run(HOOK_TC_EGRESS, 0);
	assert_int_equal(result.ledger.reentered_packets, 2);
	result = run(HOOK_XDP, 0);
	assert_int_equal(result.ledger.reentered_packets, 3);
	hook_set_role(FLOW_DEVICE_KNOWN);
	result = run(HOOK_TC_INGRESS, 0);
	assert_int_equal(result.ledger.reentered_packets, 3);
	assert_int_equal(result.entries, 0);
	assert_int_equal(result.ledger.seen_packets + result.ledger.observed_packets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_alone, start),
		cmocka_unit_test_setup(test_second, start),
	};

	return cmocka_run_group_tests(tests, hook_setup_realtime, hook_teardown);
}
