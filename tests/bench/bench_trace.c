/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a dropped packet costs at the tracepoint: ns of our program above an empty one, by the
 * kernel's own BPF statistics, when it reports and when the limit suppresses it. The drops are
 * datagrams to a closed port of loopback, in a network namespace of its own.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flowd/kernel/trace.h"
#include "trace_empty.skel.h"

#define BENCH_ROUNDS 9
#define BENCH_DROPS  2000 /* a round; fits the ring */
#define BENCH_PORT   9

struct bench_sum {
	uint64_t ns, runs;
};

static void take_nothing(void *context, const struct flow_event *event)
{
	(void)context;
	(void)event;
}

/* Of the newest program with this name; ours was loaded last. */
static struct bench_sum program_sum(const char *name)
{
	struct bench_sum sum = { 0 };
	__u32 id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(info.name, name))
			sum = (struct bench_sum){ info.run_time_ns, info.run_cnt };
		close(fd);
	}
	return sum;
}

static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int failed = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request);

	if (fd >= 0)
		close(fd);
	return failed;
}

static void drop_packets(int fd, unsigned count)
{
	const struct sockaddr_in closed = { .sin_family = AF_INET,
					    .sin_port = htons(BENCH_PORT),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (unsigned i = 0; i < count; i++)
		sendto(fd, "0123456789abcdef", 16, 0, (const struct sockaddr *)&closed,
		       sizeof(closed));
}

static double per_run(const char *name, struct bench_sum before)
{
	struct bench_sum now = program_sum(name);

	return now.runs > before.runs
		       ? (double)(now.ns - before.ns) / (double)(now.runs - before.runs)
		       : 0;
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

/* The median of the rounds; the share that was reported. */
static int measure(const struct btf_names *names, const char *title, enum trace_manner manner,
		   uint32_t rate)
{
	const struct trace_options options = { .manner = manner,
					       .drops = true,
					       .rate = rate,
					       .ring_bytes = 1u << 20,
					       .names = names };
	struct trace *trace = NULL;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    error = trace_open(&trace, &options);
	double above[BENCH_ROUNDS];
	struct trace_counts counts;

	for (int round = 0; !error && round < BENCH_ROUNDS; round++) {
		struct bench_sum ours = program_sum("trace_kfree_skb"),
				 empty = program_sum("empty_drop");

		drop_packets(fd, BENCH_DROPS);
		above[round] = per_run("trace_kfree_skb", ours) - per_run("empty_drop", empty);
		trace_read(trace, take_nothing, NULL);
	}
	if (!error) {
		qsort(above, BENCH_ROUNDS, sizeof(above[0]), by_size);
		trace_count(trace, &counts);
		printf("%-15s %5.0f ns a drop above an empty program (%.0f to %.0f), %" PRIu64
		       " of %" PRIu64 " reported\n",
		       title, above[BENCH_ROUNDS / 2], above[0], above[BENCH_ROUNDS - 1],
		       counts.seen - counts.suppressed - counts.lost, counts.seen);
	}
	close(fd);
	trace_close(trace);
	return error;
}

int main(void)
{
	struct trace_empty *empty = trace_empty__open_and_load();
	struct btf_names *names = NULL;
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), error;

	if (!empty || stats < 0 || unshare(CLONE_NEWNET) || loopback_up()) {
		fprintf(stderr, "bench_trace: %s; run as root\n", strerror(errno));
		return 1;
	}
	error = trace_empty__attach(empty);
	if (!error)
		error = btf_names_open(&names, NULL);
	if (!error)
		error = measure(names, "reported", TRACE_BTF, 100000);
	if (!error)
		error = measure(names, "suppressed", TRACE_BTF, 1);
	if (!error)
		error = measure(names, "reported, raw", TRACE_RAW, 100000);
	if (!error)
		error = measure(names, "suppressed, raw", TRACE_RAW, 1);
	btf_names_close(names);
	trace_empty__destroy(empty);
	close(stats);
	return error != 0;
}
