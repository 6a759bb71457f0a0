/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the black box keeps and gives away; and the pcapng files it ends up in, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowcli/black_box.h"
#include "flowcli/pcapng.h"
#include "flowcli/pcapng_write.h"

struct taken {
	unsigned count;
	uint64_t times[16];
};

static void take(void *context, const struct black_box_packet *packet)
{
	struct taken *taken = context;

	taken->times[taken->count++] = packet->time_ns;
}

static struct flow_key flow_to(uint16_t port, int back)
{
	struct flow_key key = { .src_port = back ? port : 5000, .dst_port = back ? 5000 : port };

	key.protocol = 17;
	key.src[15] = back ? 2 : 1;
	key.dst[15] = back ? 1 : 2;
	return key;
}

static void test_ring(void **state)
{
	static const uint8_t bytes[300];
	const struct flow_key there = flow_to(80, 0), back = flow_to(80, 1), other = flow_to(81, 0);
	struct taken taken = { 0 };
	struct black_box *box;

	(void)state;
	assert_int_equal(black_box_open(&box, 4), 0);
	black_box_add(box, &there, 1, bytes, 300, 1500);
	black_box_add(box, &there, 2, bytes, 60, 60);
	black_box_add(box, &other, 3, bytes, 60, 60);
	black_box_add(box, &back, 4, bytes, 60, 60);
	black_box_add(box, &there, 5, bytes, 60, 60); /* over the first */
	assert_int_equal(black_box_take(box, &there, take, &taken), 3);
	assert_int_equal(taken.times[0], 2);
	assert_int_equal(taken.times[1], 4);
	assert_int_equal(taken.times[2], 5);
	assert_int_equal(black_box_take(box, &back, take, &taken), 0);
	assert_int_equal(black_box_take(box, &other, take, &taken), 1);
	black_box_close(box);
}

static void test_pcapng(void **state)
{
	static const uint8_t bytes[61] = { 1, 2, 3 };
	const struct pcapng_interface interface = { "eth0", 1, 256 };
	struct pcapng_packet packet;
	struct pcapng *reader;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	long written = pcapng_write_start(stream, &interface);

	(void)state;
	written += pcapng_write_packet(stream, 1714979289123456789ull, bytes, 61, 1500, "why");
	written += pcapng_write_packet(stream, 5, bytes, 0, 60, NULL);
	fclose(stream);
	assert_int_equal(written, size);
	stream = fmemopen(text, size, "r");
	assert_int_equal(pcapng_open(&reader, stream), 0);
	assert_int_equal(pcapng_next(reader, &packet), 1);
	assert_int_equal(packet.captured, 61);
	assert_int_equal(packet.original, 1500);
	assert_int_equal(packet.time_ns, 1714979289123456789ull);
	assert_int_equal(packet.link, 1);
	assert_memory_equal(packet.data, bytes, 61);
	assert_int_equal(pcapng_next(reader, &packet), 1);
	assert_int_equal(packet.time_ns, 5);
	assert_int_equal(pcapng_next(reader, &packet), 0);
	pcapng_close(reader);
	fclose(stream);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ring),
					    cmocka_unit_test(test_pcapng) };

	return cmocka_run_group_tests_name("black_box", tests, NULL, NULL);
}
