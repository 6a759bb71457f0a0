/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends small UDP packets through the whole stack as fast as one CPU makes them, to FLOWS addresses
 * from each ADDRESS on, port 9, one after the other. The ADDRESSes take turns in SLICES of PACKETS,
 * each slice beginning with another:
 *
 *   send_udp FLOWS PACKETS SLICES ADDRESS...
 *
 * Prints a line a slice: for each ADDRESS the ns of CPU that this thread has used for a packet, the
 * work done in its context included. One slice goes before. For namespaces of the benchmarks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/bench/timing.h"

#define BATCH	      64
#define PAYLOAD_SIZE  18 /* with its headers 60 bytes, the least an Ethernet frame has */
#define PORT_DISCARD  9
#define ADDRESSES_MAX 8

static struct sockaddr_in targets[BATCH];
static struct mmsghdr messages[BATCH];
static char payload[PAYLOAD_SIZE];
static struct iovec part = { .iov_base = payload, .iov_len = sizeof(payload) };

static void prepare(void)
{
	for (int i = 0; i < BATCH; i++) {
		targets[i].sin_family = AF_INET;
		targets[i].sin_port = htons(PORT_DISCARD);
		messages[i].msg_hdr.msg_name = &targets[i];
		messages[i].msg_hdr.msg_namelen = sizeof(targets[i]);
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static void send_all(int fd, uint32_t address, uint32_t flows, uint64_t packets)
{
	for (uint64_t sent = 0; sent < packets;) {
		unsigned count = packets - sent < BATCH ? (unsigned)(packets - sent) : BATCH;
		int done;

		for (unsigned i = 0; i < count; i++)
			targets[i].sin_addr.s_addr =
				htonl(address + (uint32_t)((sent + i) % flows));
		done = sendmmsg(fd, messages, count, 0);
		if (done < 0 && errno != ENOBUFS && errno != EAGAIN)
			timing_die("cannot send");
		sent += done > 0 ? (uint64_t)done : 0;
	}
}

static double slice_ns(int fd, uint32_t address, uint32_t flows, uint64_t packets)
{
	double used = timing_thread_ns();

	send_all(fd, address, flows, packets);
	return (timing_thread_ns() - used) / (double)packets;
}

/* `slice` 0 is that which goes before: caches, routes, flow entries. */
static void send_slice(int fd, char **addresses, int count, uint32_t flows, uint64_t packets,
		       unsigned slice)
{
	double ns[ADDRESSES_MAX];

	for (int turn = 0; turn < count; turn++) {
		int at = (int)(slice + (unsigned)turn) % count;

		ns[at] = slice_ns(fd, ntohl(inet_addr(addresses[at])), flows, packets);
	}
	for (int at = 0; slice && at < count; at++)
		printf("%.1f%c", ns[at], at + 1 < count ? ' ' : '\n');
}

int main(int argc, char **argv)
{
	uint32_t flows = argc > 4 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0;
	uint64_t packets = argc > 4 ? strtoull(argv[2], NULL, 0) : 0;
	unsigned slices = argc > 4 ? (unsigned)strtoul(argv[3], NULL, 0) : 0;
	int fd;

	if (!packets || !flows || !slices || argc - 4 > ADDRESSES_MAX) {
		fprintf(stderr, "usage: send_udp FLOWS PACKETS SLICES ADDRESS...\n");
		return 2;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		timing_die("cannot open a socket");
	prepare();
	for (unsigned slice = 0; slice <= slices; slice++)
		send_slice(fd, argv + 4, argc - 4, flows, packets, slice);
	return 0;
}
