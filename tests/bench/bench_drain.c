/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way out of the kernel, with the daemon's own code: how many entries a drain takes in a
 * second; what a drain of a million live entries costs while a writer is at work on another CPU,
 * and whether each update arrives; what is lost when there are more flows than entries (it must be
 * nothing).
 *
 *   bench_drain        needs root; touches no interface
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/mutator.h"
#include "tests/bench/timing.h"

#define WRITE_BATCH 100000

static struct mutator *mutator;

/* What the drain hands out: all of it, and for each flow number (NULL: not asked for). */
struct taken {
	uint64_t deltas, packets, bytes;
	uint32_t *flows;
	uint32_t flow_count;
};

static void take(void *context, const struct flow_delta *delta)
{
	struct taken *taken = context;
	uint32_t flow;

	taken->deltas++;
	taken->packets += delta->packets;
	taken->bytes += delta->bytes;
	if (!taken->flows)
		return;
	memcpy(&flow, delta->key.src + 12, sizeof(flow));
	flow = ntohl(flow) & 0xffffff; /* packet_kinds.c: 10.0.0.0/8 */
	if (flow < taken->flow_count)
		taken->flows[flow] += delta->packets;
}

/* ---- the writer ----------------------------------------------------------------------------- */

struct writer {
	pthread_t thread;
	uint32_t limit; /* packets; 0: until it is stopped */
	atomic_uint written;
	atomic_bool stop, done;
};

static void *writer_run(void *context)
{
	struct writer *writer = context;
	uint32_t written = 0;

	setpriority(PRIO_PROCESS, 0, 0);
	timing_pin(timing_cpus() - 1);
	while (!atomic_load(&writer->stop) && (!writer->limit || written < writer->limit)) {
		mutator_run(mutator, MUTATOR_TC, written, WRITE_BATCH);
		written += WRITE_BATCH;
		atomic_store(&writer->written, written);
	}
	atomic_store(&writer->done, true);
	return NULL;
}

static void writer_start(struct writer *writer, uint32_t limit)
{
	memset(writer, 0, sizeof(*writer));
	writer->limit = limit;
	if (pthread_create(&writer->thread, NULL, writer_run, writer))
		timing_die("cannot start the writer");
}

static void pause_ms(long ms)
{
	struct timespec pause = { .tv_nsec = ms * 1000000 };

	nanosleep(&pause, NULL);
}

static struct datapath *open_target(uint32_t table_flows, uint32_t ring_bytes)
{
	struct datapath *datapath = mutator_open_datapath(table_flows, ring_bytes);

	mutator_target(mutator, MUTATOR_TC, MUTATOR_OURS, datapath);
	return datapath;
}

/* ---- a million live entries ----------------------------------------------------------------- */

#define LIVE_FLOWS  1000000
#define LIVE_PASSES 5

/* Flows whose packets are not exactly those that the sequence says. */
static uint32_t live_wrong(const struct taken *taken, uint32_t written)
{
	uint32_t *expected = calloc(LIVE_FLOWS, sizeof(*expected)), wrong = 0;

	if (!expected)
		timing_die("no memory");
	for (uint32_t i = 0; i < written; i++)
		expected[mutator_flow_at(mutator, i)]++;
	for (uint32_t flow = 0; flow < LIVE_FLOWS; flow++)
		wrong += expected[flow] != taken->flows[flow];
	free(expected);
	return wrong;
}

/* Until the writer has written `packets` more. What it evicts is taken, as the daemon would. */
static void live_wait(struct datapath *datapath, struct writer *writer, struct taken *taken,
		      uint32_t packets)
{
	uint32_t from = atomic_load(&writer->written);

	while (atomic_load(&writer->written) - from < packets) {
		pause_ms(1);
		datapath_drain_events(datapath, take, taken);
	}
}

static long page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

/*
 * One drain while the writer is at work: its CPU time, and the writer's packets meanwhile. The
 * first touches the drain's memory for the first time; its page faults are told.
 */
static void live_pass(struct datapath *datapath, struct writer *writer, struct taken *taken,
		      const char *which)
{
	uint64_t deltas = taken->deltas;
	uint32_t written = atomic_load(&writer->written);
	long faults = page_faults();
	double cpu = timing_thread_ns(), started = timing_now_ns();

	if (datapath_drain(datapath, false, take, taken) < 0)
		timing_die("cannot drain");
	cpu = timing_thread_ns() - cpu;
	printf("live   %-9s %8llu deltas, %.3f s CPU (goal 0.5) in %.3f s, %ld page faults; %.1f M "
	       "packets written meanwhile\n",
	       which, (unsigned long long)(taken->deltas - deltas), cpu / 1e9,
	       (timing_now_ns() - started) / 1e9, page_faults() - faults,
	       (atomic_load(&writer->written) - written) / 1e6);
}

static void live_verdict(struct datapath *datapath, const struct taken *taken, uint32_t written)
{
	struct datapath_ledger ledger;

	datapath_ledger(datapath, &ledger);
	printf("live   written %u, seen %llu, taken %llu packets; bytes seen - taken %lld; evicted "
	       "%llu, lost %llu; flows with another sum %u\n",
	       written, (unsigned long long)ledger.kernel.seen_packets,
	       (unsigned long long)taken->packets,
	       (long long)(ledger.kernel.seen_bytes - taken->bytes),
	       (unsigned long long)ledger.kernel.evictions,
	       (unsigned long long)ledger.kernel.evict_lost_packets, live_wrong(taken, written));
}

/* The writer draws from a million flows without an end; the drain runs on the other CPU. */
static void live(void)
{
	struct datapath *datapath = open_target(LIVE_FLOWS * 8, 1 << 24);
	struct taken taken = { .flow_count = LIVE_FLOWS };
	struct writer writer;

	taken.flows = calloc(LIVE_FLOWS, sizeof(*taken.flows));
	if (!taken.flows)
		timing_die("no memory");
	mutator_draw(mutator, MUTATOR_SEQUENCE_MAX, LIVE_FLOWS);
	writer_start(&writer, 0);
	for (int pass = 0; pass < LIVE_PASSES; pass++) {
		/* time for nearly every flow to get a packet */
		live_wait(datapath, &writer, &taken, MUTATOR_SEQUENCE_MAX);
		live_pass(datapath, &writer, &taken, pass ? "all again" : "all new");
	}
	atomic_store(&writer.stop, true);
	pthread_join(writer.thread, NULL);
	datapath_drain(datapath, true, take, &taken);
	live_verdict(datapath, &taken, atomic_load(&writer.written));
	free(taken.flows);
	datapath_close(datapath);
}

/* ---- more flows than entries ---------------------------------------------------------------- */

/* The writer goes at full speed on one CPU, the drain runs every 5 ms on the other. */
static void churn(uint32_t times)
{
	const uint32_t table_flows = 131072;
	struct datapath *datapath = open_target(table_flows, 1 << 24);
	struct datapath_ledger ledger;
	struct taken taken = { 0 };
	struct writer writer;
	double started = timing_now_ns(), cpu = timing_thread_ns();

	mutator_draw(mutator, MUTATOR_SEQUENCE_MAX,
		     table_flows / (uint32_t)sysconf(_SC_NPROCESSORS_CONF) * times);
	writer_start(&writer, 8000000);
	while (!atomic_load(&writer.done)) {
		datapath_drain(datapath, false, take, &taken);
		pause_ms(5);
	}
	pthread_join(writer.thread, NULL);
	datapath_drain(datapath, true, take, &taken);
	datapath_ledger(datapath, &ledger);
	printf("churn  flows = %u x capacity: %llu packets, %llu evicted, lost %llu, unaccounted %lld; "
	       "%.1f M packets/s, drain %.0f %% of a core\n",
	       times, (unsigned long long)ledger.kernel.seen_packets,
	       (unsigned long long)ledger.kernel.evictions,
	       (unsigned long long)ledger.kernel.evict_lost_packets,
	       (long long)(ledger.kernel.seen_packets - taken.packets -
			   ledger.kernel.evict_lost_packets),
	       (double)ledger.kernel.seen_packets * 1e3 / (timing_now_ns() - started),
	       100 * (timing_thread_ns() - cpu) / (timing_now_ns() - started));
	datapath_close(datapath);
}

/* ---- a table at rest ------------------------------------------------------------------------ */

/* Time of one pass over `flows` entries, all new, all touched again, and none touched. */
static void drain(uint32_t flows)
{
	struct datapath *datapath = open_target(flows * 8, 1 << 22);
	struct taken taken = { 0 };
	double times[3];

	mutator_shuffle(mutator, MUTATOR_SEQUENCE_MAX);
	for (int pass = 0; pass < 3; pass++) {
		double started;

		if (pass < 2)
			mutator_run(mutator, MUTATOR_TC, 0, flows);
		started = timing_now_ns();
		datapath_drain(datapath, false, take, &taken);
		times[pass] = (timing_now_ns() - started) / 1e3;
	}
	printf("drain  %u entries: new %.1f M/s, seen before %.1f M/s, pass over an idle table %.0f us; "
	       "taken %llu of %u\n",
	       flows, flows / times[0], flows / times[1], times[2],
	       (unsigned long long)taken.packets, 2 * flows);
	datapath_close(datapath);
}

int main(void)
{
	struct packet_sample sample;

	setpriority(PRIO_PROCESS, 0, -10); /* as the daemon's main thread */
	timing_pin(0);
	mutator = mutator_open(1);
	if (packet_kinds_make("tcp", &sample))
		return 1;
	mutator_packet(mutator, &sample);
	drain(10000);
	drain(100000);
	drain(1000000);
	live();
	churn(2);
	churn(8);
	mutator_close(mutator);
	return 0;
}
