/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * make_pcap FILE [PACKETS [FLOWS]]: small TCP packets of many conversations in random order, as a
 * capture for tests/bench/bench_pcap.sh. FLOWS counts directions; the same arguments give the same
 * file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ETHERNET_BYTES 14
#define FRAME_BYTES    60

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snaplen, link;
};
struct frame_header {
	uint32_t seconds, ns, captured, original;
};

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

/* RFC 1071, over the IPv4 header. */
static void put_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

/* Flow 2n is client to server, flow 2n + 1 its answers. */
static void frame_fill(uint8_t frame[FRAME_BYTES], uint32_t flow, unsigned int flags)
{
	uint32_t pair = flow / 2, client = 0x0a000000 + pair % 50021,
		 server = 0xc0a80000 + pair % 251;
	unsigned int port = 1024 + pair / 50021 + pair % 4001;
	uint8_t *ip = frame + ETHERNET_BYTES, *tcp = ip + 20;

	memset(frame, 0, FRAME_BYTES);
	memcpy(frame, flow % 2 ? "\2\0\0\0\0\1\2\0\0\0\0\2" : "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 40);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, flow % 2 ? server : client);
	put32(ip + 16, flow % 2 ? client : server);
	put_checksum(ip);
	put16(tcp, flow % 2 ? 443 : port);
	put16(tcp + 2, flow % 2 ? port : 443);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
}

int main(int argc, char **argv)
{
	const struct file_header header = { 0xa1b23c4d, 2, 4, 0, 0, 65535, 1 };
	uint32_t packets = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000;
	uint32_t flows = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 100000;
	uint64_t random = 88172645463325252u;
	FILE *file = argc > 1 ? fopen(argv[1], "wb") : NULL;

	if (!file || flows == 0) {
		fprintf(stderr, "usage: make_pcap FILE [PACKETS [FLOWS]]\n");
		return 2;
	}
	fwrite(&header, sizeof(header), 1, file);
	for (uint32_t i = 0; i < packets; i++) {
		uint64_t ns = (uint64_t)i * 10000;
		struct frame_header stamp = { 1700000000 + (uint32_t)(ns / 1000000000),
					      (uint32_t)(ns % 1000000000), FRAME_BYTES,
					      FRAME_BYTES };
		uint8_t frame[FRAME_BYTES];

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		/* Each flow once, then any. */
		frame_fill(frame, i < flows ? i : (uint32_t)(random % flows),
			   i >= flows ? 0x10
			   : i % 2    ? 0x12
				      : 0x02);
		fwrite(&stamp, sizeof(stamp), 1, file);
		fwrite(frame, sizeof(frame), 1, file);
	}
	return fclose(file) ? 1 : 0;
}
