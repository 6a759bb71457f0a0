/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table by scenarios: steps in, lines of records out. Properties: test_flow_table.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flowd/flow/flow_table.h"

#define MS 1000000ull
#define SEED                     \
	{                        \
		1, 2, 3, 4, 5, 6 \
	}
#define STEPS 24

#define TCP    6
#define UDP    17
#define ICMP   1
#define ICMPV6 58

#define SYN    FLOW_TCP_SYN
#define ACK    FLOW_TCP_ACK
#define FIN    FLOW_TCP_FIN
#define RST    FLOW_TCP_RST
#define SYNACK (SYN | ACK)
#define FINACK (FIN | ACK)

enum action { NOTHING, PACKET, DELTA, AGE, FLUSH };

struct step {
	enum action action;
	uint64_t at_ms;
	const char *flow; /* "a:1000>b:80"; ICMP: "a:type>b:code" */
	uint16_t flags;
	uint8_t protocol;
	uint32_t packets; /* DELTA */
	uint64_t from_ms; /* DELTA: first packet */
	uint32_t starts;  /* DELTA */
};

struct scenario {
	const char *name;
	bool start;
	uint32_t max_flows;
	struct step steps[STEPS];
	const char *expected;
};

#define TCP_AT(ms, key, bits)                       \
	{                                           \
		PACKET, ms, key, bits, TCP, 1, 0, 0 \
	}
#define UDP_AT(ms, key)                          \
	{                                        \
		PACKET, ms, key, 0, UDP, 1, 0, 0 \
	}
#define ICMP_AT(ms, key)                          \
	{                                         \
		PACKET, ms, key, 0, ICMP, 1, 0, 0 \
	}
#define ICMPV6_AT(ms, key)                          \
	{                                           \
		PACKET, ms, key, 0, ICMPV6, 1, 0, 0 \
	}
#define AGE_AT(ms)                           \
	{                                    \
		AGE, ms, NULL, 0, 0, 0, 0, 0 \
	}
#define FLUSH_ALL                             \
	{                                     \
		FLUSH, 0, NULL, 0, 0, 0, 0, 0 \
	}
/* What a live source says of a drain: several packets, flags or-ed. */
#define TCP_DELTA(from, to, key, bits, count, starts)          \
	{                                                      \
		DELTA, to, key, bits, TCP, count, from, starts \
	}

/* Lines: kind, key, packets/total packets, role, end reason. */
static const struct scenario scenarios[] = {
	{ "handshake, FIN both ways: both directions end together, the opener first",
	  true,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK),
	    TCP_AT(2, "a:1000>b:80", ACK), AGE_AT(100), TCP_AT(150, "b:80>a:1000", FINACK),
	    TCP_AT(160, "a:1000>b:80", FINACK), TCP_AT(161, "b:80>a:1000", ACK), AGE_AT(300),
	    AGE_AT(600), AGE_AT(900) },
	  "START a:1000>b:80 2/2 ->\n"
	  "START b:80>a:1000 1/1 <-\n"
	  "END a:1000>b:80 1/3 -> fin\n"
	  "END b:80>a:1000 2/3 <- fin\n" },
	{ "FIN of one side only does not end",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK),
	    TCP_AT(2, "a:1000>b:80", FINACK), AGE_AT(5000), TCP_AT(5001, "b:80>a:1000", ACK),
	    AGE_AT(10000) },
	  "" },
	{ "a refused connection",
	  true,
	  100,
	  { TCP_AT(0, "a:1000>b:81", SYN), TCP_AT(1, "b:81>a:1000", RST | ACK), AGE_AT(500),
	    AGE_AT(1000) },
	  "START a:1000>b:81 1/1 ->\n"
	  "START b:81>a:1000 1/1 <-\n"
	  "END a:1000>b:81 0/1 -> rst\n"
	  "END b:81>a:1000 0/1 <- rst\n" },
	{ "the same out of one drain, the answer read first",
	  true,
	  100,
	  { TCP_DELTA(1, 1, "b:81>a:1000", RST | ACK, 1, 0),
	    TCP_DELTA(0, 0, "a:1000>b:81", SYN, 1, 0), AGE_AT(500), AGE_AT(1000) },
	  "START b:81>a:1000 1/1 <-\n"
	  "START a:1000>b:81 1/1 ->\n"
	  "END a:1000>b:81 0/1 -> rst\n"
	  "END b:81>a:1000 0/1 <- rst\n" },
	{ "updates at the active timeout, only while there is traffic",
	  false,
	  100,
	  { UDP_AT(0, "a:1000>b:53"), UDP_AT(5000, "a:1000>b:53"), AGE_AT(14900), AGE_AT(15200),
	    AGE_AT(31000), UDP_AT(40000, "a:1000>b:53"), AGE_AT(54900), AGE_AT(55300),
	    AGE_AT(71000), AGE_AT(101000) },
	  "UPDATE a:1000>b:53 2/2 -> active\n"
	  "UPDATE a:1000>b:53 1/3 -> active\n"
	  "END a:1000>b:53 0/3 -> idle\n" },
	{ "steady traffic is told each active timeout, not later",
	  false,
	  100,
	  { UDP_AT(0, "a:1000>b:53"), AGE_AT(15200), UDP_AT(20000, "a:1000>b:53"), AGE_AT(30100),
	    AGE_AT(30500), UDP_AT(33000, "a:1000>b:53"), AGE_AT(46000) },
	  "UPDATE a:1000>b:53 1/1 -> active\n"
	  "UPDATE a:1000>b:53 1/2 -> active\n"
	  "UPDATE a:1000>b:53 1/3 -> active\n" },
	{ "a conversation is idle when both directions are",
	  false,
	  100,
	  { UDP_AT(0, "a:1000>b:53"), UDP_AT(1, "b:53>a:1000"), UDP_AT(14000, "b:53>a:1000"),
	    AGE_AT(59000), UDP_AT(59900, "b:53>a:1000"), AGE_AT(119000), AGE_AT(120200) },
	  "UPDATE a:1000>b:53 1/1 -> active\n"
	  "UPDATE b:53>a:1000 2/2 <- active\n"
	  "UPDATE b:53>a:1000 1/3 <- active\n"
	  "END a:1000>b:53 0/1 -> idle\n"
	  "END b:53>a:1000 0/3 <- idle\n" },
	{ "SYN+ACK alone is an answer; without a handshake the first one seen opened",
	  false,
	  100,
	  { TCP_AT(0, "b:80>a:1000", SYNACK), TCP_AT(1, "c:22>a:2000", ACK),
	    TCP_AT(2, "a:2000>c:22", ACK), FLUSH_ALL },
	  "END b:80>a:1000 1/1 <- shutdown\n"
	  "END c:22>a:2000 1/1 -> shutdown\n"
	  "END a:2000>c:22 1/1 <- shutdown\n" },
	{ "a SYN corrects a guess",
	  true,
	  100,
	  { TCP_AT(5, "b:80>a:1000", ACK), AGE_AT(100), TCP_AT(120, "a:1000>b:80", SYN),
	    FLUSH_ALL },
	  "START b:80>a:1000 1/1 ->\n"
	  "END a:1000>b:80 1/1 -> shutdown\n"
	  "END b:80>a:1000 0/1 <- shutdown\n" },
	{ "simultaneous open: the first SYN",
	  false,
	  100,
	  { TCP_AT(0, "a:179>b:179", SYN), TCP_AT(1, "b:179>a:179", SYN), FLUSH_ALL },
	  "END a:179>b:179 1/1 -> shutdown\n"
	  "END b:179>a:179 1/1 <- shutdown\n" },
	{ "one drain, or-ed flags: the earlier one opened",
	  true,
	  100,
	  { TCP_DELTA(6, 40, "b:80>a:1000", SYNACK, 5, 0),
	    TCP_DELTA(5, 40, "a:1000>b:80", SYNACK, 6, 0), AGE_AT(100) },
	  "START b:80>a:1000 5/5 <-\n"
	  "START a:1000>b:80 6/6 ->\n" },
	{ "one drain, the same first stamp: the lower port serves",
	  true,
	  100,
	  { TCP_DELTA(5, 40, "b:80>a:1000", ACK, 5, 0), TCP_DELTA(5, 40, "a:1000>b:80", ACK, 6, 0),
	    AGE_AT(100) },
	  "START b:80>a:1000 5/5 <-\n"
	  "START a:1000>b:80 6/6 ->\n" },
	{ "only the server's side seen, flags or-ed: the lower port serves",
	  true,
	  100,
	  { TCP_DELTA(5, 40, "b:80>a:1000", SYNACK, 5, 0), AGE_AT(100) },
	  "START b:80>a:1000 5/5 <-\n" },
	{ "echo request and reply are one conversation",
	  false,
	  100,
	  { ICMP_AT(1, "b:0>a:0"), ICMP_AT(2, "a:8>b:0"), ICMPV6_AT(3, "a:128>b:0"),
	    ICMPV6_AT(4, "b:129>a:0"), FLUSH_ALL },
	  "END a:8>b:0 1/1 -> shutdown\n"
	  "END b:0>a:0 1/1 <- shutdown\n"
	  "END a:128>b:0 1/1 -> shutdown\n"
	  "END b:129>a:0 1/1 <- shutdown\n" },
	{ "ICMP errors have no other direction",
	  false,
	  100,
	  { ICMP_AT(1, "a:3>b:3"), ICMP_AT(2, "b:3>a:3"), FLUSH_ALL },
	  "END a:3>b:3 1/1 ? shutdown\n"
	  "END b:3>a:3 1/1 ? shutdown\n" },
	{ "a straggler after the end keeps its direction and ends soon",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK),
	    TCP_AT(2, "b:80>a:1000", RST), AGE_AT(1000), TCP_AT(3000, "b:80>a:1000", ACK),
	    AGE_AT(3400), AGE_AT(4000) },
	  "END a:1000>b:80 1/1 -> rst\n"
	  "END b:80>a:1000 2/2 <- rst\n"
	  "END b:80>a:1000 1/1 <- fin\n" },
	{ "a connection that goes on after its flow ended as idle keeps its direction",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK), AGE_AT(16000),
	    AGE_AT(301000), TCP_AT(400000, "b:80>a:1000", ACK), TCP_AT(400001, "a:1000>b:80", ACK),
	    AGE_AT(402000), FLUSH_ALL },
	  "UPDATE a:1000>b:80 1/1 -> active\n"
	  "UPDATE b:80>a:1000 1/1 <- active\n"
	  "END a:1000>b:80 0/1 -> idle\n"
	  "END b:80>a:1000 0/1 <- idle\n"
	  "END a:1000>b:80 1/1 -> shutdown\n"
	  "END b:80>a:1000 1/1 <- shutdown\n" },
	{ "SYN after FIN begins the next instance and ends both old ones",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK),
	    TCP_AT(2, "a:1000>b:80", FINACK), TCP_AT(3, "b:80>a:1000", FINACK),
	    TCP_AT(4, "a:1000>b:80", ACK), TCP_AT(5, "a:1000>b:80", SYN),
	    TCP_AT(6, "b:80>a:1000", SYNACK), AGE_AT(2000), FLUSH_ALL },
	  "END a:1000>b:80 3/3 -> fin\n"
	  "END b:80>a:1000 2/2 <- fin\n"
	  "END a:1000>b:80 1/1 -> shutdown\n"
	  "END b:80>a:1000 1/1 <- shutdown\n" },
	{ "SYN again after the other side's RST is another attempt",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:81", SYN), TCP_AT(1, "b:81>a:1000", RST | ACK),
	    TCP_AT(100, "a:1000>b:81", SYN), TCP_AT(101, "b:81>a:1000", RST | ACK), FLUSH_ALL },
	  "END a:1000>b:81 1/1 -> rst\n"
	  "END b:81>a:1000 1/1 <- rst\n"
	  "END a:1000>b:81 1/1 -> rst\n"
	  "END b:81>a:1000 1/1 <- rst\n" },
	{ "SYN again after its own RST ends the other side's old instance too",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK),
	    TCP_AT(2, "a:1000>b:80", RST), TCP_AT(100, "a:1000>b:80", SYN),
	    TCP_AT(101, "b:80>a:1000", SYNACK), FLUSH_ALL },
	  "END a:1000>b:80 2/2 -> rst\n"
	  "END b:80>a:1000 1/1 <- rst\n"
	  "END a:1000>b:80 1/1 -> shutdown\n"
	  "END b:80>a:1000 1/1 <- shutdown\n" },
	{ "a SYN does not join the other side's connection that is over",
	  false,
	  100,
	  { TCP_AT(0, "b:80>a:1000", RST), TCP_AT(99, "a:1000>b:80", SYN), FLUSH_ALL },
	  "END b:80>a:1000 1/1 -> rst\n"
	  "END a:1000>b:80 1/1 -> shutdown\n" },
	{ "a retransmitted SYN is the same instance",
	  false,
	  100,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1000, "a:1000>b:80", SYN), FLUSH_ALL },
	  "END a:1000>b:80 2/2 -> shutdown\n" },
	{ "a source that saw a new connection says so, each direction by itself",
	  true,
	  100,
	  { TCP_DELTA(0, 9, "a:1000>b:80", SYNACK | FIN, 4, 0),
	    TCP_DELTA(1, 9, "b:80>a:1000", SYNACK | FIN, 4, 0), AGE_AT(50),
	    TCP_DELTA(91, 99, "b:80>a:1000", SYNACK, 3, FLOW_STARTS_YES),
	    TCP_DELTA(90, 99, "a:1000>b:80", SYNACK, 3, FLOW_STARTS_YES), AGE_AT(150) },
	  "START a:1000>b:80 4/4 ->\n"
	  "START b:80>a:1000 4/4 <-\n"
	  "END a:1000>b:80 0/4 -> fin\n"
	  "END b:80>a:1000 0/4 <- fin\n"
	  "START b:80>a:1000 3/3 <-\n"
	  "START a:1000>b:80 3/3 ->\n" },
	{ "a full table ends a long idle flow, whose peer keeps the roles",
	  false,
	  3,
	  { UDP_AT(0, "a:1000>b:53"), UDP_AT(100, "c:1000>b:53"), UDP_AT(200, "b:53>a:1000"),
	    AGE_AT(300), UDP_AT(400, "d:1000>b:53"), FLUSH_ALL },
	  "END a:1000>b:53 1/1 -> evicted\n"
	  "END d:1000>b:53 1/1 -> shutdown\n"
	  "END c:1000>b:53 1/1 -> shutdown\n"
	  "END b:53>a:1000 1/1 <- shutdown\n" },
	{ "an evicted connection that goes on keeps its direction",
	  false,
	  1,
	  { TCP_AT(0, "a:1000>b:80", SYN), TCP_AT(1, "b:80>a:1000", SYNACK),
	    TCP_AT(2, "a:1000>b:80", ACK), TCP_AT(3, "b:80>a:1000", ACK), FLUSH_ALL },
	  "END a:1000>b:80 1/1 -> evicted\n"
	  "END b:80>a:1000 1/1 <- evicted\n"
	  "END a:1000>b:80 1/1 -> evicted\n"
	  "END b:80>a:1000 1/1 <- shutdown\n" },
	{ "a clock that steps back neither ends nor splits a flow",
	  false,
	  100,
	  { UDP_AT(500000, "a:1000>b:53"), AGE_AT(500000), UDP_AT(1000, "a:1000>b:53"),
	    AGE_AT(1000), UDP_AT(1200, "a:1000>b:53"), AGE_AT(516000), FLUSH_ALL },
	  "UPDATE a:1000>b:53 3/3 -> active\n"
	  "END a:1000>b:53 0/3 -> shutdown\n" },
	{ "a clock that leaps ends what was due",
	  false,
	  100,
	  { UDP_AT(1, "a:1000>b:53"), AGE_AT(4000000000ull), UDP_AT(4000000001ull, "a:1000>b:53"),
	    FLUSH_ALL },
	  "END a:1000>b:53 1/1 -> idle\n"
	  "END a:1000>b:53 1/1 -> shutdown\n" },
	{ "from itself to itself: one flow, no conversation",
	  false,
	  100,
	  { UDP_AT(1, "a:53>a:53"), UDP_AT(2, "a:53>a:53"), FLUSH_ALL },
	  "END a:53>a:53 2/2 -> shutdown\n" },
};

/* ---- running a scenario --------------------------------------------------------------------- */

struct lines {
	char text[4096];
	size_t length;
};

static const char *const kinds[] = { "START", "UPDATE", "END" };
static const char *const roles[] = { "?", "->", "<-" };
#define REASON(name, text) text,
static const char *const reasons[] = { FLOW_END_REASONS(REASON) };

static void lines_add(void *context, const struct flow_record *record)
{
	struct lines *lines = context;
	const char *reason = reasons[record->end_reason];
	size_t room = sizeof(lines->text) - lines->length;
	int length = snprintf(lines->text + lines->length, room,
			      "%s %c:%u>%c:%u %llu/%llu %s%s%s\n", kinds[record->kind],
			      record->key.src[15], record->key.src_port, record->key.dst[15],
			      record->key.dst_port, (unsigned long long)record->packets,
			      (unsigned long long)record->total_packets, roles[record->reply],
			      *reason ? " " : "", reason);

	assert_true(length > 0 && (size_t)length < room);
	lines->length += (size_t)length;
}

static struct flow_key key_of(const char *text, uint8_t protocol)
{
	struct flow_key key = { .protocol = protocol };
	unsigned int ports[2];
	char hosts[2];

	assert_int_equal(sscanf(text, "%c:%u>%c:%u", &hosts[0], &ports[0], &hosts[1], &ports[1]),
			 4);
	key.src_port = (uint16_t)ports[0];
	key.dst_port = (uint16_t)ports[1];
	key.src[10] = key.src[11] = key.dst[10] = key.dst[11] = 0xff;
	key.src[15] = (uint8_t)hosts[0];
	key.dst[15] = (uint8_t)hosts[1];
	return key;
}

static void step_run(struct flow_table *table, const struct step *step)
{
	struct flow_delta delta = { .flags = step->flags, .sampling = 1, .starts = step->starts };

	if (step->action == AGE) {
		flow_table_age(table, step->at_ms * MS);
		return;
	}
	if (step->action == FLUSH) {
		flow_table_flush(table, FLOW_END_SHUTDOWN);
		return;
	}
	delta.key = key_of(step->flow, step->protocol);
	delta.packets = step->packets;
	delta.bytes = step->packets * 100;
	delta.last_ns = step->at_ms * MS;
	delta.first_ns = step->action == DELTA ? step->from_ms * MS : delta.last_ns;
	if (step->action == PACKET)
		delta.starts = FLOW_STARTS_ASK;
	flow_table_update(table, &delta);
}

static struct flow_table *table_open(uint32_t max_flows, bool start, flow_record_fn emit,
				     void *context)
{
	const struct flow_table_options options = {
		.max_flows = max_flows,
		.timeouts = FLOW_TIMEOUTS_DEFAULT,
		.hash_seed = SEED,
		.publish_start = start,
		.emit = emit,
		.context = context,
	};
	struct flow_table *table;

	assert_int_equal(flow_table_open(&table, &options), 0);
	return table;
}

static void test_scenarios(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		const struct scenario *scenario = &scenarios[i];
		struct lines lines = { .length = 0 };
		struct flow_table *table =
			table_open(scenario->max_flows, scenario->start, lines_add, &lines);

		for (int n = 0; n < STEPS && scenario->steps[n].action != NOTHING; n++)
			step_run(table, &scenario->steps[n]);
		flow_table_close(table);
		if (strcmp(lines.text, scenario->expected) == 0)
			continue;
		print_error("%s\n-- expected\n%s-- got\n%s", scenario->name, scenario->expected,
			    lines.text);
		failed++;
	}
	assert_int_equal(failed, 0);
}

/* ---- facts of a record ---------------------------------------------------------------------- */

static void keep_record(void *context, const struct flow_record *record)
{
	*(struct flow_record *)context = *record;
}

static const char *name_of(void *context, uint32_t ifindex)
{
	(void)context;
	return ifindex == 7 ? "veth7" : NULL;
}

static void test_record_facts(void **state)
{
	struct flow_record record = { .kind = FLOW_KIND_COUNT };
	struct flow_table *table = table_open(10, false, keep_record, &record);
	struct flow_delta delta = {
		.key = key_of("a:1>b:2", UDP),
		.packets = 3,
		.bytes = 300,
		.l3_bytes = 258,
		.first_ns = 1000,
		.last_ns = 2000,
		.flags = FLOW_FLAG_FRAGMENT,
		.vlan = { 100 | FLOW_VLAN_PRESENT, 0 },
		.eth_src = { 1 },
		.eth_dst = { 2 },
		.points = { FLOW_POINT(7, FLOW_HOOK_TC_EGRESS) },
		.sampling = 10,
	};

	(void)state;
	flow_table_set_names(table, name_of, NULL, "node");
	flow_table_set_wall_offset(table, 1000000);
	flow_table_update(table, &delta);
	delta.points[0] = FLOW_POINT(8, FLOW_HOOK_TC_INGRESS);
	delta.points[1] = FLOW_POINT(7, FLOW_HOOK_TC_EGRESS);
	delta.last_ns = 3000;
	flow_table_update(table, &delta);
	flow_table_flush(table, FLOW_END_SHUTDOWN);
	flow_table_close(table);
	assert_int_equal(record.flow_id, 1);
	assert_int_equal(record.packets, 6);
	assert_int_equal(record.bytes, 600);
	assert_int_equal(record.l3_bytes, 516);
	assert_int_equal(record.first_ns, 1001000);
	assert_int_equal(record.last_ns, 1003000);
	assert_true(record.time_ns >= record.last_ns);
	assert_int_equal(record.flags, FLOW_FLAG_FRAGMENT);
	assert_int_equal(record.vlan[0], 100 | FLOW_VLAN_PRESENT);
	assert_int_equal(record.eth_src[0] + record.eth_dst[0], 3);
	assert_int_equal(record.sampling, 10);
	assert_string_equal(record.node_name, "node");
	/* The point that made the flow stays the first. */
	assert_int_equal(record.point_count, 2);
	assert_string_equal(record.points[0].interface, "veth7");
	assert_int_equal(record.points[0].direction, FLOW_DIRECTION_EGRESS);
	assert_int_equal(record.direction, FLOW_DIRECTION_EGRESS);
	assert_null(record.points[1].interface);
	assert_int_equal(record.points[1].direction, FLOW_DIRECTION_INGRESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_record_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
