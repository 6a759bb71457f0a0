/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends small UDP packets of many flows out of a device, as fast as it takes them or at a pace:
 *
 *   send_flows DEVICE FLOWS PACKETS [PACKETS_PER_SECOND]
 *
 * For namespaces of the benchmarks only: it asks for a device that exists and writes raw frames.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/packets/frame.h"

#define BATCH 64

static struct frame frames[BATCH];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];

static void prepare(void)
{
	for (int i = 0; i < BATCH; i++) {
		frame_ethernet(&frames[i], 0x0800);
		frame_ipv4(&frames[i], 17, 0, 0);
		frame_udp(&frames[i], 1, 9);
		frame_finish(&frames[i], 18);
		parts[i].iov_base = frames[i].bytes;
		parts[i].iov_len = frames[i].size;
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Flow n: another source address and port. */
static void set_flow(struct frame *frame, uint32_t flow)
{
	uint32_t address = htonl(0x0a010000 + flow / 1000);
	uint16_t port = htons((uint16_t)(1024 + flow % 1000));

	memcpy(frame->bytes + 26, &address, 4);
	memcpy(frame->bytes + 34, &port, 2);
}

/* Sleeps until packet number `sent` is due. */
static void pace(const struct timespec *start, uint64_t sent, uint64_t rate)
{
	uint64_t due = (uint64_t)start->tv_nsec + sent * 1000000000ull / rate;
	struct timespec until = { start->tv_sec + (time_t)(due / 1000000000ull),
				  (long)(due % 1000000000ull) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int send_all(int fd, uint32_t flows, uint64_t packets, uint64_t rate)
{
	struct timespec start;
	uint64_t sent = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (sent < packets) {
		int count = packets - sent < BATCH ? (int)(packets - sent) : BATCH, done;

		for (int i = 0; i < count; i++)
			set_flow(&frames[i], (uint32_t)((sent + (uint64_t)i) % flows));
		done = sendmmsg(fd, messages, (unsigned)count, 0);
		if (done < 0 && errno != ENOBUFS && errno != EAGAIN)
			return -errno;
		sent += done > 0 ? (uint64_t)done : 0;
		if (rate)
			pace(&start, sent, rate);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	int fd, err;

	if (argc < 4) {
		fprintf(stderr, "usage: send_flows DEVICE FLOWS PACKETS [PACKETS_PER_SECOND]\n");
		return 2;
	}
	address.sll_ifindex = (int)if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (!address.sll_ifindex || fd < 0 || bind(fd, (void *)&address, sizeof(address))) {
		fprintf(stderr, "send_flows: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	prepare();
	err = send_all(fd, (uint32_t)strtoul(argv[2], NULL, 0), strtoull(argv[3], NULL, 0),
		       argc > 4 ? strtoull(argv[4], NULL, 0) : 0);
	if (err)
		fprintf(stderr, "send_flows: %s: %s\n", argv[1], strerror(-err));
	close(fd);
	return err ? 1 : 0;
}
