/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the packet filter costs a packet, by number of rules and by what they ask for. Random
 * packets (filter_reference.h), the loop around them taken off; the least of five rounds. */
#include <stdio.h>

#include "tests/bpf/filter_stage.h"

#define ROUNDS 5
#define REPEAT 2000

static struct filter_stage stage;
static struct filter_rules rules;
static char texts[FLOW_FILTER_RULES][32];

static int64_t least(enum filter_run run)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t ns = filter_stage_run(&stage, run, REPEAT);

		if (ns < 0)
			return ns;
		if (ns < best)
			best = ns;
	}
	return best;
}

/* `count` rules, each with another value of the key; few packets match any. */
static int make(enum filter_key key, uint32_t count)
{
	const char *before = key == FILTER_KEY_CIDR ? "10.1." : "";
	const char *behind = key == FILTER_KEY_CIDR ? ".0/24" : "";
	char why[256];

	memset(&rules, 0, sizeof(rules));
	for (uint32_t i = 0; i < count; i++) {
		int error;

		filter_rules_add(&rules, false);
		snprintf(texts[i], sizeof(texts[i]), "%s%s%u%s", before,
			 key == FILTER_KEY_INTERFACE ? "wg" : "", 100 + i, behind);
		error = filter_rules_condition(&rules, i, key, texts[i], why, sizeof(why));
		if (error)
			return error;
	}
	return filter_load_rules(stage.load, &rules);
}

static int measure(enum filter_key key)
{
	static const uint32_t counts[] = { 1, 10, 64 };

	printf("%-12s", filter_key_name(key));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int64_t empty, full;

		if (make(key, counts[i]))
			return -1;
		empty = least(FILTER_RUN_NOTHING);
		full = least(FILTER_RUN_CASES);
		if (empty < 0 || full < 0)
			return -1;
		printf(" %8.1f", (double)(full - empty) / FILTER_CASES);
	}
	putchar('\n');
	return 0;
}

int main(void)
{
	static const enum filter_key keys[] = { FILTER_KEY_PROTOCOL, FILTER_KEY_PORT,
						FILTER_KEY_INTERFACE, FILTER_KEY_CIDR };
	int error = filter_stage_open(&stage);

	if (!error)
		filter_stage_deal(&stage);
	printf("ns a packet         1       10       64 rules\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !error; i++)
		error = measure(keys[i]);
	if (error)
		fprintf(stderr, "bench_filter: cannot load or run the filter; it needs root\n");
	filter_stage_close(&stage);
	return !!error;
}
