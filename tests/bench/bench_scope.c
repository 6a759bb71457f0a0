/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a scope costs a packet at the tc and XDP hooks, inside and outside it: BPF_PROG_TEST_RUN of
 * one known flow, ns a packet with the run's own cost in it; medians of rounds taken in turn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bpf-common/filter_abi.h"
#include "tests/bpf/hook.h"
#include "tests/packets/frame.h"

#define ROUNDS 31
#define REPEAT 20000
#define COUNTS (FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS)
#define LEVELS (FLOW_FILTER_SCOPE_LEVEL(1) | FLOW_FILTER_SCOPE_LEVEL(4))

/* The last: any cgroup that is not ours is looked for at two levels. */
static const struct {
	const char *name;
	uint32_t role, state;
	uint64_t cgroup;
} cases[] = {
	{ "no scope", COUNTS, 0, 0 },
	{ "inside, by device", COUNTS | FLOW_DEVICE_IN_SCOPE, FLOW_FILTER_SCOPE, 0 },
	{ "outside, devices alone", COUNTS, FLOW_FILTER_SCOPE, 0 },
	{ "outside, cgroups at two levels", COUNTS, FLOW_FILTER_SCOPE | LEVELS, 1 },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static int by_size(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

static int measure(enum hook hook, const struct hook_input *input, int64_t ns[CASES][ROUNDS])
{
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < CASES; i++) {
			size_t turn = (i + (size_t)round) % CASES;

			hook_set_role(cases[turn].role);
			hook_set_scope(cases[turn].state, cases[turn].cgroup);
			hook_time(hook, input, REPEAT / 10);
			ns[turn][round] = hook_time(hook, input, REPEAT);
			if (ns[turn][round] < 0)
				return (int)ns[turn][round];
		}
	}
	return 0;
}

static void show(const char *title, int64_t ns[CASES][ROUNDS])
{
	printf("%s\n", title);
	for (size_t i = 0; i < CASES; i++) {
		qsort(ns[i], ROUNDS, sizeof(ns[i][0]), by_size);
		printf("  %-32s %4ld ns a packet (quarters %ld to %ld)\n", cases[i].name,
		       (long)ns[i][ROUNDS / 2], (long)ns[i][ROUNDS / 4],
		       (long)ns[i][ROUNDS * 3 / 4]);
	}
}

int main(void)
{
	static const char *const names[HOOK_COUNT] = { "tc ingress", "tc egress", "XDP" };
	static int64_t ns[CASES][ROUNDS];
	struct hook_input input;
	struct frame frame;
	int error = hook_load();

	frame_ethernet(&frame, 0x0800);
	frame_ipv4(&frame, 17, 0, 0x4000);
	frame_udp(&frame, 1000, 2000);
	frame_room(&frame, 64 - frame.size);
	frame_finish(&frame, 0);
	input = (struct hook_input){ .bytes = frame.bytes, .size = frame.size };
	for (int hook = 0; hook < HOOK_COUNT && !error; hook++) {
		error = measure((enum hook)hook, &input, ns);
		if (!error)
			show(names[hook], ns);
	}
	if (error)
		fprintf(stderr, "bench_scope: cannot load or run the programs; it needs root\n");
	hook_unload();
	return !!error;
}
