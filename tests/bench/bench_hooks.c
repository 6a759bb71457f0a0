/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cost of the hooks, ns per packet above an empty program, beside the kernel's LRU hash with the
 * full clock: the three are run in turn within each round, so that a busy machine slows all of
 * them; medians over the rounds. Modes: hit (packets of known flows in random order), insert (every
 * packet a new flow).
 *
 *   bench_hooks [-r ROUNDS] [-p tcp|udp|tcp6] [-s SETS_PER_CPU]      needs root; touches no
 * interface
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "bench_bpf.skel.h"
#include "flow_bpf.skel.h"
#include "bpf-common/flow_abi.h"

#define ROUNDS_MAX 101
#define SEQUENCE   (1u << 22) /* packets before the order repeats */

enum subject { EMPTY, OURS, LRU, SUBJECTS };

static struct bench_bpf *bench;
static struct flow_bpf *flow;
static uint8_t packet[96];
static uint32_t packet_bytes;
static int rounds = 15;
static uint32_t sets_per_cpu = 1 << 17; /* x 4 ways x 64 bytes */

static void die(const char *what)
{
	fprintf(stderr, "bench_hooks: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void make_packet(const char *kind)
{
	int six = !strcmp(kind, "tcp6"), tcp = strncmp(kind, "udp", 3) != 0;
	uint8_t *ip = packet + 14, *l4 = ip + (six ? 40 : 20);

	packet_bytes = six ? 78 : 64;
	memset(packet, 0, sizeof(packet));
	packet[0] = packet[6] = packet[11] = 2;
	put16(packet + 12, six ? 0x86dd : 0x0800);
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, (uint16_t)(packet_bytes - 54));
		ip[6] = 6;
		ip[8] = ip[24] = 0x20;
		ip[39] = 1;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, (uint16_t)(packet_bytes - 14));
		ip[8] = 64;
		ip[9] = tcp ? 6 : 17;
		ip[16] = 192;
	}
	put16(l4 + 2, 443);
	if (tcp) {
		l4[12] = 0x50;
		l4[13] = 0x10;
	}
}

/* Test runs come in on loopback, ifindex 1. */
static void set_role(void)
{
	struct flow_device device = {
		.ifindex = 1,
		.role = FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS,
	};
	uint32_t slot = 1;

	if (bpf_map_update_elem(bpf_map__fd(flow->maps.device_slots), &slot, &device, BPF_ANY))
		die("cannot set the device's role");
}

static void load(void)
{
	uint32_t cpus = (uint32_t)libbpf_num_possible_cpus();

	bench = bench_bpf__open_and_load();
	flow = flow_bpf__open();
	if (!bench || !flow)
		die("cannot open the programs (root needed)");
	flow->rodata->cfg_sets_per_cpu = sets_per_cpu;
	flow->rodata->cfg_ring_wake = 1 << 20;
	if (getrandom((void *)flow->rodata->cfg_hash_seed, sizeof(flow->rodata->cfg_hash_seed), 0) <
	    0)
		die("no random seed");
	bpf_map__set_max_entries(flow->maps.flow_hots, cpus * sets_per_cpu);
	bpf_map__set_max_entries(flow->maps.flow_colds, cpus * sets_per_cpu);
	bpf_map__set_max_entries(flow->maps.flow_touched, cpus * sets_per_cpu / FLOW_TOUCHED_SETS);
	bpf_map__set_max_entries(flow->maps.flow_ledgers, cpus);
	bpf_map__set_max_entries(flow->maps.events, 1 << 21);
	if (flow_bpf__load(flow))
		die("cannot load the flow programs");
	set_role();
}

static void unload(void)
{
	flow_bpf__destroy(flow);
	bench_bpf__destroy(bench);
}

static void make_sequence(uint32_t flows, int shuffled)
{
	uint64_t state = 88172645463325252ull;
	uint32_t *order = mmap(NULL, SEQUENCE * sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED,
			       bpf_map__fd(bench->maps.sequence), 0);

	if (order == MAP_FAILED)
		die("cannot map the sequence");
	for (uint32_t i = 0; i < SEQUENCE; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		order[i] = shuffled ? (uint32_t)((state >> 32) * flows >> 32) : i;
	}
	bench->bss->sequence_mask = SEQUENCE - 1;
	munmap(order, SEQUENCE * sizeof(*order));
}

static double run(int xdp, enum subject subject, uint32_t repeat)
{
	uint32_t zero = 0;
	int targets[2][SUBJECTS] = {
		{ bpf_program__fd(bench->progs.empty_tc), bpf_program__fd(flow->progs.tc_ingress),
		  bpf_program__fd(bench->progs.lru_tc) },
		{ bpf_program__fd(bench->progs.empty_xdp), bpf_program__fd(flow->progs.xdp_ingress),
		  bpf_program__fd(bench->progs.lru_xdp) },
	};
	int jump = bpf_map__fd(xdp ? bench->maps.jump_xdp : bench->maps.jump_tc);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = packet_bytes,
		    .repeat = (int)repeat);

	memset(bench->bss->positions, 0, sizeof(bench->bss->positions));
	if (bpf_map_update_elem(jump, &zero, &targets[xdp][subject], BPF_ANY))
		die("cannot set the program under test");
	if (bpf_prog_test_run_opts(
		    bpf_program__fd(xdp ? bench->progs.mutate_xdp : bench->progs.mutate_tc),
		    &options))
		die("test run");
	return options.duration;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

/* One line: both hooks' costs and their ratio to the LRU hash in the same rounds. */
static void measure(const char *mode, int xdp, uint32_t flows, uint32_t repeat, int fresh)
{
	double cost[SUBJECTS][ROUNDS_MAX], ratio[ROUNDS_MAX];

	load(); /* tables that no earlier case has filled */
	make_sequence(flows, !fresh);
	for (int round = -1; round < rounds; round++) { /* the first one warms up */
		double ns[SUBJECTS];

		for (int subject = 0; subject < SUBJECTS; subject++)
			ns[subject] = run(xdp, (enum subject)subject, repeat);
		if (fresh)
			bench->bss->index_base += repeat;
		if (round < 0)
			continue;
		for (int subject = 0; subject < SUBJECTS; subject++)
			cost[subject][round] = ns[subject] - ns[EMPTY];
		ratio[round] = cost[OURS][round] / cost[LRU][round];
	}
	printf("%-6s %-4s %9u %8.0f %8.0f %8.2f\n", mode, xdp ? "xdp" : "tc", flows,
	       median(cost[OURS], rounds), median(cost[LRU], rounds), median(ratio, rounds));
	fflush(stdout);
	unload();
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1 % sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	static const uint32_t flows[] = { 1, 1000, 100000, 1000000 };
	const char *kind = "tcp";
	int option;

	while ((option = getopt(argc, argv, "r:p:s:")) != -1) {
		if (option == 'r')
			rounds = atoi(optarg) < ROUNDS_MAX ? atoi(optarg) : ROUNDS_MAX;
		else if (option == 'p')
			kind = optarg;
		else if (option == 's')
			sets_per_cpu = (uint32_t)strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	make_packet(kind);
	pin();
	printf("ns per packet above an empty program, medians of %d rounds, %s, %u entries a CPU\n",
	       rounds, kind, sets_per_cpu * FLOW_WAYS);
	printf("%-6s %-4s %9s %8s %8s %8s\n", "mode", "hook", "flows", "ours", "lru", "ratio");
	for (int xdp = 0; xdp < 2; xdp++)
		for (size_t i = 0; i < sizeof(flows) / sizeof(*flows); i++)
			measure("hit", xdp, flows[i], flows[i] >= 100000 ? 2000000 : 500000, 0);
	measure("insert", 0, 100000, 100000, 1);
	measure("insert", 1, 100000, 100000, 1);
	return 0;
}
