/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cost of the hooks: ns per packet above an empty program, beside the kernel's LRU hash with the
 * full clock. How it is measured: hook_cost.h. Needs root; touches no interface. `bench_hooks -?`
 * lists the options.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf-common/flow_abi.h"
#include "flowd/kernel/table_growth.h"
#include "tests/bench/hook_cost.h"

#define LIST_MAX	16
#define INSERT_SHARE	4 /* entries for each flow inserted */
#define EVICT_OVER	4 /* flows for each entry */
#define EVICT_ENTRIES	131072
#define ENTRIES_DEFAULT 131072 /* a CPU; more where flows need more */

struct list {
	const char *items[LIST_MAX];
	int count;
};

static struct {
	int rounds;
	uint32_t sets_per_cpu, lru_entries; /* 0: chosen by the number of flows */
	bool tabs, flows_given;
	struct list modes, hooks, kinds, flows;
} options = { .rounds = 25 };

/* ---- tables --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void cell(int width, const char *format, ...)
{
	char text[64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (options.tabs)
		printf("%s\t", text);
	else
		printf("%*s ", width, text);
}

static void row_end(void)
{
	printf("\n");
	fflush(stdout);
}

static const char *hook_name(const struct hook_case *of)
{
	return of->hook == MUTATOR_XDP ? "xdp" : "tc";
}

static void row_start(const char *mode, const struct hook_case *of)
{
	cell(-6, "%s", mode);
	cell(-4, "%s", hook_name(of));
	cell(-8, "%s", of->sample.name);
	cell(9, "%u", of->flows);
	cell(9, "%u", of->entries);
}

/* Names of columns, once for each layout. */
static void head(bool *done, const char *columns)
{
	static const char start[] = "mode:-6 hook:-4 kind:-8 flows:9 entries:9 ";
	char names[256], *save = NULL;

	if (*done)
		return;
	*done = true;
	snprintf(names, sizeof(names), "%s%s", start, columns);
	for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		char *width = strchr(name, ':');

		*width = 0;
		cell(atoi(width + 1), "%s", name);
	}
	row_end();
}

/* The goal for a ratio, where there is one. */
static const char *goal(const char *mode, uint32_t flows)
{
	static const struct {
		const char *mode;
		uint32_t flows;
		const char *goal;
	} goals[] = {
		{ "hit", 1000, "0.28" },
		{ "hit", 100000, "0.36" },
		{ "hit", 1000000, "0.42" },
		{ "insert", 0, "0.65" },
	};

	for (size_t i = 0; i < sizeof(goals) / sizeof(*goals); i++)
		if (!strcmp(goals[i].mode, mode) && (!goals[i].flows || goals[i].flows == flows))
			return goals[i].goal;
	return "-";
}

static void row_cost(const char *mode, const struct hook_case *of, struct hook_cost *cost)
{
	static bool headed;

	head(&headed, "ours:8 lru:8 ratio:6 q1:6 q3:6 goal:6 filled:8 made%:7 lost%:7");
	row_start(mode, of);
	cell(8, "%.1f", timing_median(cost->ours, of->rounds));
	cell(8, "%.1f", timing_median(cost->lru, of->rounds));
	cell(6, "%.3f", timing_median(cost->ratio, of->rounds));
	cell(6, "%.3f", timing_lower_quartile(cost->ratio, of->rounds));
	cell(6, "%.3f", timing_upper_quartile(cost->ratio, of->rounds));
	cell(6, "%s", goal(mode, of->flows));
	cell(8, "%llu", (unsigned long long)cost->made);
	cell(7, "%.2f", 100 * cost->missed);
	cell(7, "%.2f", 100 * cost->lost);
	row_end();
}

static void row_dns(const struct hook_case *of, struct hook_dns_cost *cost)
{
	static bool headed;

	head(&headed, "plain:8 dns:8 extra:8 q1:8 q3:8 goal:6 events:7");
	row_start("dns", of);
	cell(8, "%.1f", timing_median(cost->plain, of->rounds));
	cell(8, "%.1f", timing_median(cost->dns, of->rounds));
	cell(8, "%.1f", timing_median(cost->extra, of->rounds));
	cell(8, "%.1f", timing_lower_quartile(cost->extra, of->rounds));
	cell(8, "%.1f", timing_upper_quartile(cost->extra, of->rounds));
	cell(6, "150");
	cell(7, "%.2f", cost->events);
	row_end();
}

static void row_two(const struct hook_case *of, struct hook_two_cost *cost)
{
	static bool headed;

	head(&headed, "alone:8 both:8 ratio:6 q1:6 q3:6 goal:6 lru-ratio:9 empty-ratio:11 "
		      "overlap%:8");
	row_start("two", of);
	cell(8, "%.1f", timing_median(cost->alone[MUTATOR_OURS], of->rounds));
	cell(8, "%.1f", timing_median(cost->both[MUTATOR_OURS], of->rounds));
	cell(6, "%.3f", timing_median(cost->ratio[MUTATOR_OURS], of->rounds));
	cell(6, "%.3f", timing_lower_quartile(cost->ratio[MUTATOR_OURS], of->rounds));
	cell(6, "%.3f", timing_upper_quartile(cost->ratio[MUTATOR_OURS], of->rounds));
	cell(6, "1.00");
	cell(9, "%.3f", timing_median(cost->ratio[MUTATOR_LRU], of->rounds));
	cell(11, "%.3f", timing_median(cost->ratio[MUTATOR_EMPTY], of->rounds));
	cell(8, "%.1f", 100 * cost->overlap);
	row_end();
}

/* ---- modes ---------------------------------------------------------------------------------- */

/* Our entries a CPU, at most four fifths of them in use, and an LRU hash that holds as many over
 * all CPUs. */
static void set_sizes(struct hook_case *of, uint32_t least)
{
	of->entries = least;
	while (of->entries / 5 * 4 < of->flows)
		of->entries *= 2;
	if (options.sets_per_cpu)
		of->entries = options.sets_per_cpu * FLOW_WAYS;
	of->lru_entries = options.lru_entries
				  ? options.lru_entries
				  : of->entries * (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
}

/* The table as flowd's has grown when it has met so many flows. */
static void measure_hit(struct hook_case *of)
{
	struct hook_cost cost;

	set_sizes(of, TABLE_GROWTH_SETS * FLOW_WAYS);
	hook_cost_hit(of, &cost);
	row_cost("hit", of, &cost);
}

/* A quarter full at the end, so that hardly a set is: an insertion, not an eviction. */
static void measure_insert(struct hook_case *of)
{
	struct hook_cost cost;

	of->flows = 0;
	set_sizes(of, ENTRIES_DEFAULT);
	of->flows = of->entries / INSERT_SHARE;
	hook_cost_insert(of, &cost);
	row_cost("insert", of, &cost);
}

/* Both tables have room for the one writer's quarter of the flows. */
static void measure_evict(struct hook_case *of, bool reader)
{
	struct hook_cost cost;

	of->entries = of->lru_entries = EVICT_ENTRIES;
	of->flows = EVICT_OVER * EVICT_ENTRIES;
	hook_cost_evict(of, reader, &cost);
	row_cost(reader ? "evict" : "lost", of, &cost);
}

static void measure_dns(struct hook_case *of)
{
	struct hook_dns_cost cost;

	of->flows = 1000;
	packet_kinds_make("dns", &of->sample);
	set_sizes(of, ENTRIES_DEFAULT);
	hook_cost_dns(of, &cost);
	row_dns(of, &cost);
}

static void measure_two(struct hook_case *of)
{
	struct hook_two_cost cost;

	if (timing_cpus() < 2) {
		printf("two: not measured, there is only one CPU\n");
		return;
	}
	set_sizes(of, ENTRIES_DEFAULT);
	hook_cost_two(of, &cost);
	row_two(of, &cost);
}

/* The other modes than hit and two choose the number of flows: measured once. */
static void measure(const char *mode, struct hook_case of, bool first_flows)
{
	bool two = !strcmp(mode, "two");

	if (two && !options.flows_given && of.flows != 1000 && of.flows != 100000)
		return;
	if (two)
		measure_two(&of);
	else if (!strcmp(mode, "hit"))
		measure_hit(&of);
	else if (!first_flows)
		return;
	else if (!strcmp(mode, "insert"))
		measure_insert(&of);
	else if (!strcmp(mode, "dns"))
		measure_dns(&of);
	else
		measure_evict(&of, !strcmp(mode, "evict"));
}

static void measure_kind(const char *mode, const char *hook, const char *kind)
{
	struct hook_case of = { .rounds = options.rounds };

	of.hook = strcmp(hook, "xdp") ? MUTATOR_TC : MUTATOR_XDP;
	packet_kinds_make(kind, &of.sample);
	for (int i = 0; i < options.flows.count; i++) {
		of.flows = (uint32_t)strtoul(options.flows.items[i], NULL, 0);
		measure(mode, of, i == 0);
	}
}

static void measure_all(void)
{
	for (int mode = 0; mode < options.modes.count; mode++)
		for (int hook = 0; hook < options.hooks.count; hook++)
			for (int kind = 0; kind < options.kinds.count; kind++)
				measure_kind(options.modes.items[mode], options.hooks.items[hook],
					     options.kinds.items[kind]);
}

/* ---- command line --------------------------------------------------------------------------- */

static void usage(void)
{
	printf("usage: bench_hooks [OPTION]...\n"
	       "  -m LIST  of hit,insert,evict,lost,dns,two: packets of known flows; new flows into an\n"
	       "           empty table; every packet evicts and the events are read on CPU 0; the same\n"
	       "           with nobody reading (counted as lost); a DNS question beside the same bytes\n"
	       "           to another port; two CPUs at once, each its table, beside one alone\n"
	       "  -h LIST  of tc,xdp\n"
	       "  -p LIST  of packet kinds: %s (default: tcp)\n"
	       "  -n LIST  of numbers of flows, up to 1048576, for hit and two (default:\n"
	       "           1,1000,100000,1000000; two: 1000,100000)\n"
	       "  -r N     rounds (default 25, at most %d)\n"
	       "  -s N     our sets a CPU, of %d entries (default: as many as flowd has for the flows)\n"
	       "  -l N     entries of the LRU hash (default: as ours over all CPUs)\n"
	       "  -t       cells end with a tab\n"
	       "q1, q3: the quarters around the median; filled: entries made before the first round;\n"
	       "made%%: packets that made an entry in the rounds (0 is a pure hit); lost%%: packets whose\n"
	       "counts were lost and counted so; goal: of the ratio, or of `extra` in ns.\n",
	       packet_kinds_names(), TIMING_ROUNDS_MAX, FLOW_WAYS);
}

static bool list_has(const char *names, const char *item)
{
	size_t length = strlen(item);

	for (const char *at = names; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, item, length) && (at[length] == '|' || !at[length]))
			return true;
	}
	return false;
}

/* `names`: what may be in the list; NULL for numbers. Ends the program at anything else. */
static void list_parse(struct list *list, char *text, const char *names)
{
	char *save = NULL;

	list->count = 0;
	for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		bool known = names ? list_has(names, item)
				   : strtoul(item, NULL, 0) > 0 &&
					     strtoul(item, NULL, 0) <= MUTATOR_SEQUENCE_MAX / 4;

		if (!known || list->count == LIST_MAX) {
			fprintf(stderr, "bench_hooks: \"%s\": not one of %s\n", item,
				names ? names : "1 to 1048576");
			exit(2);
		}
		list->items[list->count++] = item;
	}
}

static bool parse_number(int letter, const char *text)
{
	uint32_t value = (uint32_t)strtoul(text, NULL, 0);

	if (letter == 's')
		options.sets_per_cpu = value;
	else if (letter == 'l')
		options.lru_entries = value;
	else if (value > 0 && value <= TIMING_ROUNDS_MAX)
		options.rounds = (int)value;
	else
		return false;
	return true;
}

static bool parse(int letter, char *text)
{
	switch (letter) {
	case 'm':
		list_parse(&options.modes, text, "hit|insert|evict|lost|dns|two");
		return true;
	case 'h':
		list_parse(&options.hooks, text, "tc|xdp");
		return true;
	case 'p':
		list_parse(&options.kinds, text, packet_kinds_names());
		return true;
	case 'n':
		list_parse(&options.flows, text, NULL);
		options.flows_given = true;
		return true;
	case 't':
		options.tabs = true;
		return true;
	case 'r':
	case 's':
	case 'l':
		return parse_number(letter, text);
	}
	return false;
}

/* What was not asked for. */
static void set_defaults(void)
{
	static char modes[] = "hit,insert,evict,lost,dns,two", hooks[] = "tc,xdp", kinds[] = "tcp",
		    flows[] = "1,1000,100000,1000000";

	if (!options.modes.count)
		parse('m', modes);
	if (!options.hooks.count)
		parse('h', hooks);
	if (!options.kinds.count)
		parse('p', kinds);
	if (!options.flows.count)
		list_parse(&options.flows, flows, NULL);
}

int main(int argc, char **argv)
{
	for (int letter; (letter = getopt(argc, argv, "m:h:p:n:r:s:l:t")) != -1;)
		if (!parse(letter, optarg)) {
			usage();
			return 2;
		}
	set_defaults();
	timing_pin(timing_cpus() - 1);
	if (!options.tabs)
		printf("ns per packet above an empty program, medians of %d rounds\n",
		       options.rounds);
	measure_all();
	return 0;
}
