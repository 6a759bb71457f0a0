/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The scope in the hooks: outside it a packet is counted where it would have been counted, and is
 * in no flow; inside, by device or by the socket's cgroup, everything is as without a scope.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bpf-common/filter_abi.h"
#include "flowd/kernel/cgroup_path.h"
#include "tests/bpf/hook.h"
#include "tests/packets/frame.h"

#define COUNTS (FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS)
#define BYTES  64

static struct frame frame;
static struct hook_result result;

static void run(enum hook hook)
{
	struct hook_input input = { .bytes = frame.bytes, .size = frame.size };

	assert_int_equal(hook_run(hook, &input, &result), 0);
}

static int start(void **state)
{
	(void)state;
	frame_ethernet(&frame, 0x0800);
	frame_ipv4(&frame, 17, 0, 0x4000);
	frame_udp(&frame, 1000, 2000);
	frame_room(&frame, BYTES - frame.size);
	frame_finish(&frame, 0);
	return hook_load();
}

static int stop(void **state)
{
	(void)state;
	hook_unload();
	return 0;
}

static int again(void **state)
{
	(void)state;
	hook_set_scope(0, 0);
	hook_set_role(COUNTS);
	hook_reset();
	return 0;
}

static void test_outside(void **state)
{
	(void)state;
	hook_set_scope(FLOW_FILTER_SCOPE, 0);
	for (int hook = 0; hook < HOOK_COUNT; hook++)
		run((enum hook)hook);
	assert_int_equal(result.entries, 0);
	assert_int_equal(result.ledger.seen_packets, 0);
	assert_int_equal(result.ledger.out_of_scope_packets, HOOK_COUNT);
	assert_int_equal(result.ledger.out_of_scope_bytes, HOOK_COUNT * BYTES);
}

/* What would only be observed is not counted outside the scope either. */
static void test_observer(void **state)
{
	(void)state;
	hook_set_role(FLOW_DEVICE_KNOWN);
	hook_set_scope(FLOW_FILTER_SCOPE, 0);
	for (int hook = 0; hook < HOOK_COUNT; hook++)
		run((enum hook)hook);
	assert_int_equal(result.entries, 0);
	assert_int_equal(result.ledger.out_of_scope_packets, 0);
	assert_int_equal(result.ledger.observed_packets, 0);
}

static void test_device(void **state)
{
	(void)state;
	hook_set_role(COUNTS | FLOW_DEVICE_IN_SCOPE);
	hook_set_scope(FLOW_FILTER_SCOPE, 0);
	for (int hook = 0; hook < HOOK_COUNT; hook++)
		run((enum hook)hook);
	assert_int_equal(result.entries, 1);
	assert_int_equal(result.hot.packets, HOOK_COUNT);
	assert_int_equal(result.ledger.seen_packets, HOOK_COUNT);
	assert_int_equal(result.ledger.out_of_scope_packets, 0);
}

/* A test run's socket is in the runner's cgroup; "0::/path" in /proc/self/cgroup. */
static int own_cgroup(char path[256], uint64_t *id)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[300];
	int found = 0;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "0::%255s", path) == 1;
	if (file)
		fclose(file);
	return found ? cgroup_path_id(path, id) : -1;
}

static void test_cgroup(void **state)
{
	char path[256];
	uint64_t id;
	uint32_t level;

	(void)state;
	if (own_cgroup(path, &id)) {
		print_message("no cgroup v2 hierarchy is mounted\n");
		skip();
	}
	level = path[1] ? cgroup_path_level(path) : 0;
	if (level >= FLOW_FILTER_LEVELS) {
		print_message("this test runs deeper in the hierarchy than can be told\n");
		skip();
	}
	hook_set_scope(FLOW_FILTER_SCOPE | FLOW_FILTER_SCOPE_LEVEL(level), id + 1);
	run(HOOK_TC_EGRESS);
	assert_int_equal(result.ledger.out_of_scope_packets, 1);
	hook_set_scope(FLOW_FILTER_SCOPE | FLOW_FILTER_SCOPE_LEVEL(level), id);
	run(HOOK_TC_EGRESS);
	assert_int_equal(result.entries, 1);
	assert_int_equal(result.ledger.seen_packets, 1);
	run(HOOK_XDP); /* has no socket */
	assert_int_equal(result.ledger.seen_packets, 1);
	assert_int_equal(result.ledger.out_of_scope_packets, 2);
	hook_set_scope(0, 0);
	run(HOOK_XDP);
	assert_int_equal(result.hot.packets, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_outside, again),
		cmocka_unit_test_setup(test_observer, again),
		cmocka_unit_test_setup(test_device, again),
		cmocka_unit_test_setup(test_cgroup, again),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
