/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of the kernel, with the daemon's own code: how many entries a drain takes in a
 * second, and what is lost when there are more flows than entries while it drains (it must be
 * nothing).
 *
 *   bench_drain        needs root; touches no interface
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench_bpf.skel.h"
#include "flowd/kernel/datapath.h"
#include "tests/packets/frame.h"

#define SEQUENCE (1u << 22)

static struct bench_bpf *bench;
static struct frame frame;
static uint64_t taken;
static atomic_bool writing;
static uint32_t packets_to_write;

static void die(const char *what)
{
	fprintf(stderr, "bench_drain: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void take(void *context, const struct flow_delta *delta)
{
	(void)context;
	taken += delta->packets;
}

/* `flows` flows in random order, or one after the other when `flows` is 0. */
static void make_sequence(uint32_t flows)
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
		order[i] = flows ? (uint32_t)((state >> 32) * flows >> 32) : i;
	}
	munmap(order, SEQUENCE * sizeof(*order));
	bench->bss->sequence_mask = SEQUENCE - 1;
	memset(bench->bss->positions, 0, sizeof(bench->bss->positions));
}

static void write_packets(uint32_t count)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes, .data_size_in = frame.size,
		    .repeat = (int)count);

	if (bpf_prog_test_run_opts(bpf_program__fd(bench->progs.mutate_tc), &options))
		die("test run");
}

static void *writer(void *unused)
{
	cpu_set_t set;

	setpriority(PRIO_PROCESS, 0, 0);
	CPU_ZERO(&set);
	CPU_SET(1 % sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (uint32_t left = packets_to_write; left;) {
		uint32_t batch = left < 100000 ? left : 100000;

		write_packets(batch);
		left -= batch;
	}
	atomic_store(&writing, false);
	return unused;
}

static struct datapath *open_datapath(uint32_t table_flows, uint32_t ring_bytes)
{
	struct datapath_options options = { .table_flows = table_flows, .ring_bytes = ring_bytes };
	struct datapath *datapath;
	uint32_t zero = 0;
	int fd;

	if (datapath_open(&datapath, &options))
		die("cannot open the datapath (root needed)");
	datapath_device_role(datapath, 1,
			     FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS |
				     FLOW_DEVICE_COUNT_EGRESS);
	fd = datapath_tc_ingress_fd(datapath);
	if (bpf_map_update_elem(bpf_map__fd(bench->maps.jump_tc), &zero, &fd, BPF_ANY))
		die("cannot set the program under test");
	taken = 0;
	return datapath;
}

/* The writer goes at full speed on one CPU, the drain runs every 5 ms on the other. */
static void churn(uint32_t times)
{
	const uint32_t table_flows = 131072;
	struct datapath *datapath = open_datapath(table_flows, 1 << 24);
	struct datapath_ledger ledger;
	struct timespec pause = { .tv_nsec = 5000000 };
	pthread_t thread;
	double started = now(), cpu = cpu_seconds();

	make_sequence(table_flows / (uint32_t)sysconf(_SC_NPROCESSORS_CONF) * times);
	packets_to_write = 8000000;
	atomic_store(&writing, true);
	pthread_create(&thread, NULL, writer, NULL);
	while (atomic_load(&writing)) {
		datapath_drain(datapath, false, take, NULL);
		nanosleep(&pause, NULL);
	}
	pthread_join(thread, NULL);
	datapath_drain(datapath, true, take, NULL);
	datapath_ledger(datapath, &ledger);
	printf("churn  flows = %u x capacity: %llu packets, %llu evicted, lost %llu, unaccounted %lld; "
	       "%.1f M packets/s, drain %.0f %% of a core\n",
	       times, (unsigned long long)ledger.kernel.seen_packets,
	       (unsigned long long)ledger.kernel.evictions,
	       (unsigned long long)ledger.kernel.evict_lost_packets,
	       (long long)(ledger.kernel.seen_packets - taken - ledger.kernel.evict_lost_packets),
	       (double)ledger.kernel.seen_packets / (now() - started) / 1e6,
	       100 * (cpu_seconds() - cpu) / (now() - started));
	datapath_close(datapath);
}

/* Time of one pass over `flows` entries, all new, all touched again, and none touched. */
static void drain(uint32_t flows)
{
	struct datapath *datapath = open_datapath(flows * 8, 1 << 22);
	double times[3];

	make_sequence(0);
	for (int pass = 0; pass < 3; pass++) {
		double started;

		memset(bench->bss->positions, 0, sizeof(bench->bss->positions));
		if (pass < 2)
			write_packets(flows);
		started = now();
		datapath_drain(datapath, false, take, NULL);
		times[pass] = now() - started;
	}
	printf("drain  %u entries: new %.1f M/s, seen before %.1f M/s, pass over an idle table %.0f us; "
	       "taken %llu of %u\n",
	       flows, flows / times[0] / 1e6, flows / times[1] / 1e6, times[2] * 1e6,
	       (unsigned long long)taken, 2 * flows);
	datapath_close(datapath);
}

int main(void)
{
	setpriority(PRIO_PROCESS, 0, -10); /* as the daemon's main thread */
	bench = bench_bpf__open_and_load();
	if (!bench)
		die("cannot load the mutator (root needed)");
	frame_ethernet(&frame, 0x0800);
	frame_ipv4(&frame, 6, 0, 0);
	frame_tcp(&frame, 40000, 443, 0x10);
	frame_finish(&frame, 10);
	drain(10000);
	drain(100000);
	drain(1000000);
	churn(2);
	churn(8);
	bench_bpf__destroy(bench);
	return 0;
}
