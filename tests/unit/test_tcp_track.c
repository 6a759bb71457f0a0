/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Segments of one connection, told as what they are; tshark judges the same on whole captures. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "flowd/flow/tcp_track.h"

#define MS	    1000000ull
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

#define S FLOW_TCP_SYN
#define A FLOW_TCP_ACK
#define F FLOW_TCP_FIN

enum what { FINE, RETRANSMIT, FAST, SYN, SYNACK, LATE, DUPLICATE, ZERO };

struct step {
	int back;
	uint32_t at_ms, seq, ack, payload;
	uint16_t flags, window;
	enum what what;
};

static enum what what_of(const struct flow_tcp *facts)
{
	if (facts->retransmits_of[TRACE_RETRANSMIT_FAST])
		return FAST;
	if (facts->retransmits_of[TRACE_RETRANSMIT_SYN])
		return SYN;
	if (facts->retransmits_of[TRACE_RETRANSMIT_SYNACK])
		return SYNACK;
	if (facts->retransmits)
		return RETRANSMIT;
	if (facts->out_of_order)
		return LATE;
	if (facts->duplicate_acks)
		return DUPLICATE;
	return facts->zero_windows ? ZERO : FINE;
}

static void run(const struct step *steps, size_t count)
{
	struct flow_key there = { .src_port = 5000, .dst_port = 80, .protocol = 6 }, back;
	struct tcp_track *track;

	there.src[15] = 1;
	there.dst[15] = 2;
	back = there;
	back.src_port = 80;
	back.dst_port = 5000;
	back.src[15] = 2;
	back.dst[15] = 1;
	assert_int_equal(tcp_track_open(&track), 0);
	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		const struct tcp_segment segment = { .seq = step->seq,
						     .ack = step->ack,
						     .payload = step->payload,
						     .flags = step->flags,
						     .window = step->window };
		struct flow_tcp facts = { 0 };

		tcp_track_segment(track, step->back ? &back : &there, &segment, step->at_ms * MS,
				  &facts);
		if (what_of(&facts) != step->what)
			print_error("step %zu: %d\n", i, what_of(&facts));
		assert_int_equal(what_of(&facts), step->what);
		assert_int_equal(facts.analysed, 1);
	}
	tcp_track_close(track);
}

static void test_handshake(void **state)
{
	static const struct step steps[] = {
		{ 0, 0, 100, 0, 0, S, 1000, FINE },
		{ 0, 1000, 100, 0, 0, S, 1000, SYN },
		{ 1, 1010, 900, 101, 0, S | A, 1000, FINE },
		{ 1, 2010, 900, 101, 0, S | A, 1000, SYNACK },
		{ 0, 2020, 101, 901, 0, A, 1000, FINE },
		{ 0, 2021, 101, 901, 50, A, 1000, FINE },
	};

	(void)state;
	run(steps, COUNT(steps));
}

/* The sequence numbers pass 2^32 on the way. */
static void test_loss(void **state)
{
	static const struct step steps[] = {
		{ 0, 0, 0xffffff00u, 0, 0, S, 1000, FINE },
		{ 1, 10, 900, 0xffffff01u, 0, S | A, 1000, FINE },
		{ 0, 20, 0xffffff01u, 901, 0, A, 1000, FINE },
		{ 0, 30, 0xffffff01u, 901, 200, A, 1000, FINE },
		{ 0, 31, 0xffffffc9u, 901, 200, A, 1000, FINE },
		{ 1, 40, 901, 0xffffffc9u, 0, A, 1000, FINE },
		{ 1, 41, 901, 0xffffffc9u, 0, A, 1000, DUPLICATE },
		{ 1, 42, 901, 0xffffffc9u, 0, A, 1000, DUPLICATE },
		{ 0, 50, 0xffffffc9u, 901, 200, A, 1000, FAST },
		{ 0, 500, 0xffffffc9u, 901, 200, A, 1000, RETRANSMIT },
		{ 1, 510, 901, 0x91u, 0, A, 0, ZERO },
	};

	(void)state;
	run(steps, COUNT(steps));
}

static void test_order(void **state)
{
	static const struct step steps[] = {
		{ 0, 0, 100, 0, 0, S, 1000, FINE },
		{ 1, 40, 900, 101, 0, S | A, 1000, FINE },
		{ 0, 80, 101, 901, 0, A, 1000, FINE },
		{ 0, 100, 301, 901, 200, A, 1000, FINE },
		{ 0, 101, 101, 901, 200, A, 1000, LATE },
		{ 0, 102, 501, 901, 200, A, 1000, FINE },
		{ 0, 103, 700, 901, 1, A, 1000, FINE }, /* keep-alive: one byte before the end */
		{ 1, 110, 901, 701, 0, A, 1000, FINE },
		{ 0, 900, 501, 901, 200, A, 1000, RETRANSMIT },
	};

	(void)state;
	run(steps, COUNT(steps));
}

/* Ports used again: what came before is forgotten. */
static void test_reuse(void **state)
{
	static const struct step steps[] = {
		{ 0, 0, 5000, 0, 0, S, 1000, FINE },
		{ 1, 1, 900, 5001, 0, S | A, 1000, FINE },
		{ 0, 2, 5001, 901, 100, A | F, 1000, FINE },
		{ 0, 9000, 77, 0, 0, S, 1000, FINE },
		{ 0, 9002, 78, 901, 100, A, 1000, FINE },
	};

	(void)state;
	run(steps, COUNT(steps));
}

/* A value and its echo are a round trip of the side that sent the value; one whose segment was lost
 * is given up when a later one is echoed, and the next is timed again. */
static void test_round_trip(void **state)
{
	static const struct {
		int back;
		uint32_t at_ms, seq, ack, payload, value, echo, rtt_ms; /* told with this segment */
	} steps[] = {
		{ 0, 1, 100, 0, 10, 1000, 0, 0 },	  { 1, 41, 900, 110, 10, 5000, 1000, 0 },
		{ 0, 42, 110, 910, 10, 1040, 5000, 40 },  { 1, 42, 910, 110, 10, 5002, 1000, 1 },
		{ 0, 300, 110, 910, 10, 1300, 5002, 0 },  { 1, 345, 920, 120, 0, 5305, 1300, 258 },
		{ 0, 400, 120, 920, 10, 1400, 5305, 0 },  { 1, 450, 920, 130, 0, 5410, 1400, 0 },
		{ 0, 451, 130, 920, 10, 1451, 5410, 50 },
	};
	struct flow_key there = { .src_port = 5000, .dst_port = 80, .protocol = 6 };
	struct flow_key back = { .src_port = 80, .dst_port = 5000, .protocol = 6 };
	struct tcp_track *track;

	(void)state;
	assert_int_equal(tcp_track_open(&track), 0);
	for (size_t i = 0; i < COUNT(steps); i++) {
		const struct tcp_segment segment = { .seq = steps[i].seq,
						     .ack = steps[i].ack,
						     .payload = steps[i].payload,
						     .flags = A,
						     .window = 1000,
						     .ts_value = steps[i].value,
						     .ts_echo = steps[i].echo,
						     .has_timestamps = 1 };
		struct flow_tcp facts = { 0 };

		tcp_track_segment(track, steps[i].back ? &back : &there, &segment,
				  steps[i].at_ms * MS, &facts);
		if (facts.srtt_avg_us != steps[i].rtt_ms * 1000)
			print_error("step %zu: %u us\n", i, facts.srtt_avg_us);
		assert_int_equal(facts.srtt_avg_us, steps[i].rtt_ms * 1000);
	}
	tcp_track_close(track);
}

static void test_header(void **state)
{
	static const uint8_t options[] = { 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0 };
	uint8_t tcp[40] = { 0x13, 0x88, 0, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x80, 0x18, 0x10, 0 };
	struct tcp_segment segment;

	(void)state;
	memcpy(tcp + 20, options, sizeof(options));
	assert_int_equal(tcp_segment_read(tcp, sizeof(tcp), 132, &segment), 0);
	assert_int_equal(segment.seq, 7);
	assert_int_equal(segment.ack, 9);
	assert_int_equal(segment.payload, 100);
	assert_int_equal(segment.window, 0x1000);
	assert_int_equal(segment.has_timestamps, 1);
	assert_int_equal(segment.ts_value, 256);
	assert_int_equal(segment.ts_echo, 512);
	for (uint32_t room = 0; room < 32; room++)
		assert_int_equal(tcp_segment_read(tcp, room, 132, &segment),
				 room < 20 ? -EBADMSG : 0);
	assert_int_equal(tcp_segment_read(tcp, sizeof(tcp), 31, &segment), -EBADMSG);
	tcp[12] = 0x40;
	assert_int_equal(tcp_segment_read(tcp, sizeof(tcp), 132, &segment), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),  cmocka_unit_test(test_loss),
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_header)
	};

	return cmocka_run_group_tests_name("tcp_track", tests, NULL, NULL);
}
