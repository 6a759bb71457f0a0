// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Messages of a fleet: merged by time; what a node's numbers say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "flowcli/fleet_merge.h"

static struct answer message_of(const struct flow_record *record, const char *node, uint64_t epoch)
{
	return (struct answer){
		.records = record, .record_count = 1, .node_name = node, .epoch = epoch
	};
}

static void test_order(void **state)
{
	struct fleet_window window;
	struct flow_record records[1000];
	uint64_t last = 0;

	(void)state;
	assert_int_equal(fleet_window_open(&window), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		struct answer answer = message_of(&records[i], "n", 1);

		records[i] = (struct flow_record){ .time_ns = i * 7919 % 500 + 1, .position = i };
		fleet_window_push(&window, &answer, i);
	}
	assert_int_equal(window.count, 1000);
	for (int i = 0; i < 1000; i++) {
		const struct fleet_message *top = fleet_window_top(&window);
		uint64_t rank = top->time_ns * 1000 + top->answer.records[0].position;

		assert_true(rank > last);
		last = rank;
		fleet_window_pop(&window);
	}
	assert_null(fleet_window_top(&window));
	fleet_window_close(&window);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *node;
		uint64_t epoch, sequence;
		enum fleet_verdict verdict;
		uint64_t missing;
	} rows[] = {
		{ "a", 1, 5, FLEET_FRESH, 0 }, /* the first is where it begins */
		{ "a", 1, 6, FLEET_FRESH, 0 }, { "b", 1, 6, FLEET_FRESH, 0 },
		{ "a", 1, 6, FLEET_TWICE, 0 }, { "a", 1, 10, FLEET_GAP, 3 },
		{ "a", 2, 1, FLEET_FRESH, 0 }, /* the daemon was started again */
		{ "a", 2, 2, FLEET_FRESH, 0 }, { "b", 1, 8, FLEET_GAP, 1 },
	};
	struct fleet_nodes nodes = { .node = calloc(FLEET_NODES, sizeof(struct fleet_node)) };
	struct fleet_node *node;
	uint64_t missing;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer answer = message_of(NULL, rows[i].node, rows[i].epoch);

		assert_int_equal(
			fleet_nodes_judge(&nodes, &answer, rows[i].sequence, &node, &missing),
			rows[i].verdict);
		assert_int_equal(missing, rows[i].missing);
		assert_string_equal(node->name, rows[i].node);
	}
	assert_int_equal(nodes.count, 2);
	assert_int_equal(nodes.node[0].lost, 3);
	assert_int_equal(nodes.node[0].restarts, 1);
	assert_int_equal(nodes.node[1].lost, 1);
	free(nodes.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order),
					    cmocka_unit_test(test_numbers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
