/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The drain against the real programs: each packet that BPF_PROG_TEST_RUN puts in comes out of a
 * delta or of a loss counter, exactly once, while the tables churn on every CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flowd/kernel/datapath.h"

#define LOOPBACK    1 /* the device that a test run pretends */
#define FRAME_BYTES 66
#define WRITERS_MAX 8

/* ---- frames --------------------------------------------------------------------------------- */

struct frame {
	uint8_t bytes[FRAME_BYTES];
};

/* TCP over IPv4; `flow` decides the addresses and ports. */
static struct frame frame_make(uint32_t flow, uint8_t tcp_flags)
{
	struct frame frame = { { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0 } };
	uint8_t *ip = frame.bytes + 14, *tcp = ip + 20;

	ip[3] = FRAME_BYTES - 14;
	ip[8] = 64;
	ip[9] = 6;
	ip[12] = 10;
	ip[13] = (uint8_t)(flow >> 16);
	ip[16] = 10;
	ip[19] = 1;
	tcp[0] = (uint8_t)(flow >> 8);
	tcp[1] = (uint8_t)flow;
	tcp[3] = 80;
	tcp[12] = 8 << 4;
	tcp[13] = tcp_flags;
	return frame;
}

static uint32_t frame_flow(const struct flow_key *key)
{
	return (uint32_t)key->src[13] << 16 | key->src_port;
}

static void frame_send(int program_fd, const struct frame *frame, uint32_t times)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->bytes, .data_size_in = FRAME_BYTES,
		    .repeat = (int)times);

	if (bpf_prog_test_run_opts(program_fd, &run)) {
		perror("BPF_PROG_TEST_RUN");
		abort();
	}
}

/* ---- what comes out ------------------------------------------------------------------------- */

struct seen {
	uint64_t deltas, packets, bytes, l3_bytes, starts;
	struct flow_delta last;
	uint32_t *per_flow; /* packets; NULL: not wanted */
};

static void seen_delta(void *context, const struct flow_delta *delta)
{
	struct seen *seen = context;

	seen->deltas++;
	seen->packets += delta->packets;
	seen->bytes += delta->bytes;
	seen->l3_bytes += delta->l3_bytes;
	seen->starts += delta->starts;
	seen->last = *delta;
	if (seen->per_flow)
		seen->per_flow[frame_flow(&delta->key)] += (uint32_t)delta->packets;
}

static struct datapath *datapath_make(uint32_t flows, uint32_t ring_bytes)
{
	const struct datapath_options options = { .table_flows = flows, .ring_bytes = ring_bytes };
	struct datapath *datapath = NULL;

	if (geteuid()) {
		print_message("# skipped: not root, so no BPF programs\n");
		skip();
	}
	assert_int_equal(datapath_open(&datapath, &options), 0);
	assert_int_equal(datapath_device_role(datapath, LOOPBACK,
					      FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS |
						      FLOW_DEVICE_COVERED,
					      1),
			 0);
	return datapath;
}

static struct seen drain_once(struct datapath *datapath, bool everything)
{
	struct seen seen = { 0 };

	assert_true(datapath_drain(datapath, everything, seen_delta, &seen) >= 0);
	return seen;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t tick_ns(void)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return (uint64_t)tick.tv_nsec;
}

static void pin(uint32_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* ---- one flow, step by step ----------------------------------------------------------------- */

static void test_differences(void **state)
{
	struct datapath *datapath = datapath_make(1024, 1 << 16);
	int program_fd = datapath_tc_ingress_fd(datapath);
	struct frame frame = frame_make(1, FLOW_TCP_SYN);
	struct seen seen;

	(void)state;
	pin(0);
	frame_send(program_fd, &frame, 3);
	seen = drain_once(datapath, false);
	assert_int_equal(seen.deltas, 1);
	assert_int_equal(seen.packets, 3);
	assert_int_equal(seen.bytes, 3 * FRAME_BYTES);
	assert_int_equal(seen.l3_bytes, 3 * (FRAME_BYTES - 14));
	assert_int_equal(seen.last.flags & FLOW_TCP_MASK, FLOW_TCP_SYN);
	assert_int_equal(FLOW_POINT_IFINDEX(seen.last.points[0]), LOOPBACK);
	assert_int_equal(drain_once(datapath, false).deltas, 0);
	frame_send(program_fd, &frame, 2);
	seen = drain_once(datapath, false);
	assert_int_equal(seen.deltas, 1);
	assert_int_equal(seen.packets, 2);
	assert_int_equal(seen.l3_bytes, 2 * (FRAME_BYTES - 14));
	assert_int_equal(drain_once(datapath, true).deltas, 0);
	datapath_close(datapath);
}

static void test_times(void **state)
{
	struct datapath *datapath = datapath_make(1024, 1 << 16);
	struct frame frame = frame_make(1, FLOW_TCP_ACK);
	uint64_t before, between, after;
	struct seen seen;

	(void)state;
	before = now_ns();
	frame_send(datapath_tc_ingress_fd(datapath), &frame, 1);
	between = now_ns();
	seen = drain_once(datapath, false);
	after = now_ns();
	assert_in_range(seen.last.first_ns, before, between);
	assert_in_range(seen.last.last_ns, seen.last.first_ns, after);
	assert_true(seen.last.last_ns <= between + tick_ns());
	frame_send(datapath_tc_ingress_fd(datapath), &frame, 1);
	seen = drain_once(datapath, false);
	assert_in_range(seen.last.first_ns, between, after);
	assert_true(seen.last.last_ns >= seen.last.first_ns);
	datapath_close(datapath);
}

/* A SYN on a closed connection's key begins another one, and the first one's counts are kept. */
static void test_restart(void **state)
{
	struct datapath *datapath = datapath_make(1024, 1 << 16);
	int program_fd = datapath_tc_ingress_fd(datapath);
	struct frame syn = frame_make(1, FLOW_TCP_SYN), fin = frame_make(1, FLOW_TCP_FIN);
	struct seen seen;

	(void)state;
	pin(0);
	frame_send(program_fd, &syn, 1);
	frame_send(program_fd, &fin, 2);
	frame_send(program_fd, &syn, 1);
	seen = drain_once(datapath, false);
	assert_int_equal(seen.deltas, 2);
	assert_int_equal(seen.packets, 4);
	assert_int_equal(seen.starts, 1);
	assert_int_equal(seen.last.packets, 1);
	assert_int_equal(seen.last.starts, 1);
	frame_send(program_fd, &fin, 1);
	assert_int_equal(drain_once(datapath, false).starts, 0);
	frame_send(program_fd, &syn, 1);
	assert_int_equal(drain_once(datapath, false).starts, 1);
	datapath_close(datapath);
}

/* An observing point adds itself to the flow, and no counts. */
static void test_observed(void **state)
{
	struct datapath *datapath = datapath_make(1024, 1 << 16);
	struct frame frame = frame_make(1, FLOW_TCP_ACK);
	struct seen seen;

	(void)state;
	pin(0);
	frame_send(datapath_tc_ingress_fd(datapath), &frame, 1);
	assert_int_equal(drain_once(datapath, false).packets, 1);
	frame_send(datapath_tc_egress_fd(datapath), &frame, 1);
	seen = drain_once(datapath, false);
	assert_int_equal(seen.deltas, 1);
	assert_int_equal(seen.packets, 0);
	assert_int_equal(seen.bytes, 0);
	assert_int_equal(FLOW_POINT_HOOK(seen.last.points[0]), FLOW_HOOK_TC_INGRESS);
	assert_int_equal(FLOW_POINT_HOOK(seen.last.points[1]), FLOW_HOOK_TC_EGRESS);
	frame_send(datapath_tc_egress_fd(datapath), &frame, 1);
	assert_int_equal(drain_once(datapath, true).deltas, 0);
	datapath_close(datapath);
}

/* More devices than slots: the second of a slot is in the hash, and survives the first. */
static void test_device_roles(void **state)
{
	struct datapath *datapath = datapath_make(1024, 1 << 16);
	struct frame frame = frame_make(1, FLOW_TCP_ACK);
	struct datapath_ledger ledger;

	(void)state;
	assert_int_equal(datapath_device_role(datapath, LOOPBACK, 0, 1), 0);
	assert_int_equal(
		datapath_device_role(datapath, LOOPBACK + FLOW_DEVICE_SLOTS, FLOW_DEVICE_KNOWN, 1),
		0);
	assert_int_equal(datapath_device_role(datapath, LOOPBACK,
					      FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS, 1),
			 0);
	frame_send(datapath_tc_ingress_fd(datapath), &frame, 1);
	datapath_ledger(datapath, &ledger);
	assert_int_equal(ledger.kernel.seen_packets, 1);
	assert_int_equal(datapath_device_role(datapath, LOOPBACK, 0, 1), 0);
	frame_send(datapath_tc_ingress_fd(datapath), &frame, 1);
	datapath_ledger(datapath, &ledger);
	assert_int_equal(ledger.kernel.seen_packets, 1);
	datapath_close(datapath);
}

/* ---- churn ---------------------------------------------------------------------------------- */

struct writer {
	pthread_t thread;
	int program_fd;
	uint32_t cpu, flows, rounds;
	uint32_t *per_flow;	   /* sent; NULL: not wanted */
	const atomic_uint *passes; /* that the drain has ended */
	uint32_t ahead;		   /* rounds between two passes, at most; 0: any */
	uint32_t pass, since;	   /* the last that the writer saw end, and its round then */
	atomic_bool done;
};

static uint32_t writer_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Waits for a drain that was kept off its CPU. */
static void writer_wait(struct writer *writer, uint32_t round)
{
	uint32_t pass = atomic_load(writer->passes);

	while (writer->ahead && pass == writer->pass && round - writer->since >= writer->ahead) {
		sched_yield();
		pass = atomic_load(writer->passes);
	}
	if (pass != writer->pass)
		writer->since = round;
	writer->pass = pass;
}

static void *writer_run(void *context)
{
	struct writer *writer = context;
	uint32_t random = 2463534242u + writer->cpu;

	pin(writer->cpu);
	for (uint32_t i = 0; i < writer->rounds; i++) {
		uint32_t flow = writer_random(&random) % writer->flows, packets = 1 + flow % 7;
		struct frame frame = frame_make(flow, flow % 5 ? FLOW_TCP_ACK : FLOW_TCP_FIN);

		writer_wait(writer, i);
		frame_send(writer->program_fd, &frame, packets);
		if (writer->per_flow)
			writer->per_flow[flow] += packets;
	}
	atomic_store(&writer->done, true);
	return NULL;
}

/* `per_flow`: nothing may be lost, and every packet is looked for in its flow. */
struct churn {
	uint32_t table_flows, ring_bytes, flows, rounds;
	bool per_flow;
};

/* Fewer where everything takes longer: in an emulated guest. */
static uint32_t churn_rounds(uint32_t rounds)
{
	const char *scale = getenv("FLOWD_TEST_TIME_SCALE");

	return scale ? rounds / (uint32_t)strtoul(scale, NULL, 10) : rounds;
}

/* A pass empties the ring of what was there when it looked, so there are never more in it than a
 * writer's rounds between three passes. */
static uint32_t churn_ahead(const struct churn *churn, uint32_t writers)
{
	const uint32_t record = sizeof(struct flow_evicted) + BPF_RINGBUF_HDR_SZ;

	return churn->per_flow ? churn->ring_bytes / (2 * writers * record) : 0;
}

static uint32_t churn_start(struct writer *writers, struct datapath *datapath,
			    const struct churn *churn, const atomic_uint *passes)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t count = online < WRITERS_MAX ? (uint32_t)online : WRITERS_MAX;

	for (uint32_t i = 0; i < count; i++) {
		writers[i] = (struct writer){ .program_fd = datapath_tc_ingress_fd(datapath),
					      .cpu = i,
					      .flows = churn->flows,
					      .rounds = churn_rounds(churn->rounds),
					      .passes = passes,
					      .ahead = churn_ahead(churn, count) };
		if (churn->per_flow)
			writers[i].per_flow = calloc(churn->flows, sizeof(uint32_t));
		assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]),
				 0);
	}
	return count;
}

static bool churn_ended(struct writer *writers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!atomic_load(&writers[i].done))
			return false;
	return true;
}

static void churn_compare(const struct writer *writers, uint32_t count, const struct churn *churn,
			  const struct seen *seen)
{
	for (uint32_t flow = 0; flow < churn->flows; flow++) {
		uint32_t sent = 0;

		for (uint32_t i = 0; i < count; i++)
			sent += writers[i].per_flow[flow];
		assert_int_equal(seen->per_flow[flow], sent);
	}
}

/* Packets in records and packets lost are the packets seen. */
static void churn_check_ledger(struct datapath *datapath, const struct seen *seen,
			       struct datapath_ledger *ledger)
{
	datapath_ledger(datapath, ledger);
	print_message("# seen %llu, evicted %llu, clean %llu, lost %llu, torn %llu, deltas %llu\n",
		      (unsigned long long)ledger->kernel.seen_packets,
		      (unsigned long long)ledger->kernel.evictions,
		      (unsigned long long)ledger->kernel.evictions_clean,
		      (unsigned long long)ledger->kernel.evict_lost_packets,
		      (unsigned long long)ledger->torn_reads, (unsigned long long)seen->deltas);
	assert_int_equal(seen->packets, ledger->drained_packets);
	assert_int_equal(seen->bytes, ledger->drained_bytes);
	assert_int_equal(ledger->kernel.seen_packets,
			 ledger->drained_packets + ledger->kernel.evict_lost_packets);
	assert_int_equal(ledger->kernel.seen_bytes,
			 ledger->drained_bytes + ledger->kernel.evict_lost_bytes);
	assert_int_equal(ledger->event_gaps, 0);
	assert_int_equal(ledger->events_unknown, 0);
}

static void churn_run(const struct churn *churn, struct datapath_ledger *ledger)
{
	struct datapath *datapath = datapath_make(churn->table_flows, churn->ring_bytes);
	struct writer writers[WRITERS_MAX];
	struct seen seen = { 0 };
	atomic_uint passes = 0;
	uint32_t count;

	if (churn->per_flow)
		seen.per_flow = calloc(churn->flows, sizeof(uint32_t));
	count = churn_start(writers, datapath, churn, &passes);
	for (; !churn_ended(writers, count); passes++)
		assert_true(datapath_drain(datapath, passes % 16 == 15, seen_delta, &seen) >= 0);
	for (uint32_t i = 0; i < count; i++)
		pthread_join(writers[i].thread, NULL);
	assert_true(datapath_drain(datapath, true, seen_delta, &seen) >= 0);
	churn_check_ledger(datapath, &seen, ledger);
	assert_int_equal(drain_once(datapath, true).deltas, 0);
	assert_true(!churn->per_flow || !ledger->kernel.evict_lost_packets);
	if (churn->per_flow)
		churn_compare(writers, count, churn, &seen);
	for (uint32_t i = 0; churn->per_flow && i < count; i++)
		free(writers[i].per_flow);
	free(seen.per_flow);
	datapath_close(datapath);
}

/* Eight times as many flows as entries, and a ring that holds them: nothing is lost, flow by flow.
 */
static void test_churn_keeps_every_packet(void **state)
{
	const struct churn churn = { .table_flows = 4096,
				     .ring_bytes = 1 << 24,
				     .flows = 32768,
				     .rounds = 300000,
				     .per_flow = true };
	struct datapath_ledger ledger;

	(void)state;
	churn_run(&churn, &ledger);
	assert_true(ledger.kernel.evictions > 0);
}

/* A small table: each slot is replaced while it is read, again and again. */
static void test_churn_in_few_slots(void **state)
{
	const struct churn churn = { .table_flows = 512,
				     .ring_bytes = 1 << 24,
				     .flows = 1024,
				     .rounds = 400000,
				     .per_flow = true };
	struct datapath_ledger ledger;

	(void)state;
	churn_run(&churn, &ledger);
}

/* A ring of one page: most evictions are lost, and to the packet and byte it is known how many. */
static void test_churn_counts_every_loss(void **state)
{
	const struct churn churn = {
		.table_flows = 512, .ring_bytes = 4096, .flows = 4096, .rounds = 400000
	};
	struct datapath_ledger ledger;

	(void)state;
	churn_run(&churn, &ledger);
	assert_true(ledger.kernel.evict_lost_packets > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_device_roles),
		cmocka_unit_test(test_churn_keeps_every_packet),
		cmocka_unit_test(test_churn_in_few_slots),
		cmocka_unit_test(test_churn_counts_every_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
