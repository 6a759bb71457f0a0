/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends small UDP packets through the whole stack as fast as one CPU makes them, to FLOWS addresses
 * from ADDRESS on, port 9, one after the other:
 *
 *   send_udp ADDRESS FLOWS PACKETS
 *
 * Prints how many, the ns that passed, and the ns of CPU that this thread has used, the work done
 * in its context included. For namespaces of the benchmarks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/bench/timing.h"

#define BATCH	     64
#define PAYLOAD_SIZE 18 /* with its headers 60 bytes, the least an Ethernet frame has */
#define PORT_DISCARD 9

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

int main(int argc, char **argv)
{
	uint64_t packets = argc == 4 ? strtoull(argv[3], NULL, 0) : 0;
	uint32_t flows = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
	struct in_addr address;
	double started, used;
	int fd;

	if (!packets || !flows || inet_pton(AF_INET, argv[1], &address) != 1) {
		fprintf(stderr, "usage: send_udp ADDRESS FLOWS PACKETS\n");
		return 2;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		timing_die("cannot open a socket");
	prepare();
	send_all(fd, ntohl(address.s_addr), flows, packets / 10); /* caches, routes, flow entries */
	used = timing_thread_ns();
	started = timing_now_ns();
	send_all(fd, ntohl(address.s_addr), flows, packets);
	printf("%llu %.0f %.0f\n", (unsigned long long)packets, timing_now_ns() - started,
	       timing_thread_ns() - used);
	return 0;
}
