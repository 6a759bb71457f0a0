/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What it costs to know the owners of sockets: ns of our programs for a TCP connection and for a
 * UDP socket, by the kernel's own BPF statistics; and ns of a datagram of an unconnected UDP
 * socket, with the programs attached and without, in turn. In a network namespace of its own; on
 * loopback, no program reads packets.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <mntent.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flowd/kernel/owner.h"

#define ROUNDS	  21
#define SOCKETS	  1000 /* a round */
#define DATAGRAMS 50000
#define PORT	  4711

static struct datapath *datapath;
static char cgroup_root[256];
static int server = -1;

static struct sockaddr_in here(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int find_cgroups(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;

	while (mounts && (entry = getmntent(mounts)))
		if (!strcmp(entry->mnt_type, "cgroup2"))
			snprintf(cgroup_root, sizeof(cgroup_root), "%s", entry->mnt_dir);
	if (mounts)
		endmntent(mounts);
	return *cgroup_root ? 0 : -1;
}

static int own_network(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, failed = unshare(CLONE_NEWNET);

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	failed |= fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return failed;
}

static struct owner *attach(void)
{
	const struct owner_options options = { .cgroup_root = cgroup_root };
	struct owner *owner = NULL;

	owner_open(&owner, datapath, &options);
	return owner;
}

static void forget(void *context, const struct flow_event *event)
{
	(void)context;
	(void)event;
}

struct spent {
	uint64_t ns, runs;
};

/* In the newest program with this name; ours was loaded last. */
static struct spent spent_in(const char *name)
{
	struct spent spent = { 0 };
	__u32 id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    !strcmp(info.name, name))
			spent = (struct spent){ info.run_time_ns, info.run_cnt };
		if (fd >= 0)
			close(fd);
	}
	return spent;
}

static void connect_once(void)
{
	struct sockaddr_in port = here(PORT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct linger reset = { .l_onoff = 1 };

	connect(fd, (struct sockaddr *)&port, sizeof(port));
	close(accept(server, NULL, NULL));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

/* Nobody listens there. */
static void connect_in_vain(void)
{
	struct sockaddr_in port = here(PORT + 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	connect(fd, (struct sockaddr *)&port, sizeof(port));
	close(fd);
}

static void make_udp(void)
{
	close(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static void show(const char *title, double *ns)
{
	qsort(ns, ROUNDS, sizeof(*ns), by_size);
	printf("%-52s %6.0f ns (quarters %.0f to %.0f)\n", title, ns[ROUNDS / 2], ns[ROUNDS / 4],
	       ns[ROUNDS * 3 / 4]);
}

/* What the program does for one socket, from its making to its end, in how many runs. */
static struct spent measure_sockets(const char *title, const char *program, void (*make)(void))
{
	struct owner *owner = attach();
	struct spent before, after = { 0 }, start = spent_in(program);
	double ns[ROUNDS];
	char text[96];

	for (int round = 0; owner && round < ROUNDS; round++) {
		before = spent_in(program);
		for (int i = 0; i < SOCKETS; i++)
			make();
		after = spent_in(program);
		ns[round] = (double)(after.ns - before.ns) / SOCKETS;
		owner_drain(owner, forget, NULL);
	}
	owner_close(owner);
	if (!owner)
		return after;
	after.runs = (after.runs - start.runs) / (ROUNDS * SOCKETS);
	snprintf(text, sizeof(text), "%s, %s in %lu runs", title, program,
		 (unsigned long)after.runs);
	show(text, ns);
	after.ns = (uint64_t)ns[ROUNDS / 2];
	return after;
}

/* The program is called for much else than connects, and returns at once then: what that costs is
 * what a connection has more than a connect in vain. */
static void measure_connects(void)
{
	struct spent whole = measure_sockets("a TCP connection", "owner_tcp", connect_once);
	struct spent vain = measure_sockets("a connect in vain", "owner_tcp", connect_in_vain);
	double idle = whole.runs > vain.runs ? ((double)whole.ns - (double)vain.ns) /
						       (double)(whole.runs - vain.runs)
					     : 0;

	printf("so the connect alone %.0f ns, each other call %.0f ns\n",
	       (double)vain.ns - idle * (double)(vain.runs - 1), idle);
}

static double send_datagrams(int fd)
{
	struct sockaddr_in nobody = here(PORT);
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < DATAGRAMS; i++)
		sendto(fd, "0123456789abcdef", 16, 0, (struct sockaddr *)&nobody, sizeof(nobody));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
	       DATAGRAMS;
}

/* To a port that somebody has, and does not read: there is no error to send back. */
static void measure_datagrams(void)
{
	struct sockaddr_in port = here(PORT);
	int sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	double with[ROUNDS], without[ROUNDS], more[ROUNDS];

	bind(sink, (struct sockaddr *)&port, sizeof(port));
	for (int round = 0; round < ROUNDS; round++) {
		struct owner *owner = round % 2 ? attach() : NULL;
		double first = send_datagrams(fd), second;

		if (owner)
			owner_close(owner);
		owner = round % 2 ? NULL : attach();
		second = send_datagrams(fd);
		owner_close(owner);
		with[round] = round % 2 ? first : second;
		without[round] = round % 2 ? second : first;
		more[round] = with[round] - without[round];
	}
	show("a datagram, unconnected, without", without);
	show("the same, with our programs attached", with);
	show("difference within a round", more);
	close(sink);
	close(fd);
}

int main(void)
{
	const struct datapath_options options = { .table_flows = 1024,
						  .ring_bytes = 1u << 16,
						  .owner_ring_bytes = 1u << 20 };
	int stats = -1, error = find_cgroups() || own_network();
	struct sockaddr_in port = here(PORT);

	if (!error)
		error = datapath_open(&datapath, &options);
	if (error) {
		fprintf(stderr, "bench_owner: %s; it needs root and a cgroup v2 hierarchy\n",
			strerror(errno));
		return 1;
	}
	measure_datagrams();
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bind(server, (struct sockaddr *)&port, sizeof(port));
	listen(server, SOMAXCONN);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	measure_connects();
	measure_sockets("a UDP socket", "owner_create", make_udp);
	close(stats);
	close(server);
	datapath_close(datapath);
	return 0;
}
