/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/json.h"
#include "proto/summary.h"
#include "tests/unit/sample_record.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static char line[JSON_LINE_MAX];

static void test_flow_line(void **state)
{
	static const char expected[] =
		"{\"flow\":{\"time\":\"2024-05-06T07:08:09.123456789Z\",\"verdict\":\"FORWARDED\","
		"\"ethernet\":{\"source\":\"02:00:00:00:00:01\","
		"\"destination\":\"02:00:00:00:00:02\"},"
		"\"IP\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\","
		"\"ipVersion\":\"IPv4\"},"
		"\"l4\":{\"TCP\":{\"source_port\":40000,\"destination_port\":80,"
		"\"flags\":{\"FIN\":true,\"SYN\":true,\"PSH\":true,\"ACK\":true}}},"
		"\"Type\":\"L3_L4\",\"node_name\":\"node1\","
		"\"event_type\":{\"type\":4,\"sub_type\":10},\"traffic_direction\":\"INGRESS\","
		"\"trace_observation_point\":\"FROM_NETWORK\",\"is_reply\":false,"
		"\"interface\":{\"index\":2,\"name\":\"veth1\"},"
		"\"Summary\":\"TCP Flags: SYN, ACK, FIN, PSH; 100 packets 18446744073709551615 bytes, "
		"ended: fin\","
		"\"extensions\":{\"@type\":\"type.googleapis.com/google.protobuf.Struct\","
		"\"value\":{\"bytes\":\"3456\",\"end_reason\":\"fin\","
		"\"first_seen\":\"2024-05-06T07:08:07.123456Z\",\"flow_id\":\"4711\","
		"\"kind\":\"flow_end\",\"l3_bytes\":\"3288\","
		"\"last_seen\":\"2024-05-06T07:08:09.123Z\","
		"\"observed\":[{\"direction\":\"INGRESS\",\"hook\":\"tc\","
		"\"interface\":\"veth1\"},"
		"{\"direction\":\"EGRESS\",\"hook\":\"tc\",\"interface\":\"br0\"}],"
		"\"packets\":\"12\",\"protocol\":6,\"tcp\":{\"flags\":\"0x1b\"},"
		"\"total_bytes\":\"18446744073709551615\",\"total_packets\":\"100\"}}},"
		"\"node_name\":\"node1\",\"time\":\"2024-05-06T07:08:09.123456789Z\"}";
	struct flow_record record = sample_record();

	(void)state;
	assert_int_equal(json_format_flow(&record, line, sizeof(line)), sizeof(expected) - 1);
	assert_string_equal(line, expected);
}

/* What stands between "Type" and "extensions" of a record that knows as little as possible. */
static void test_defaults_omitted(void **state)
{
	static const char *const absent[] = { "ethernet",  "l4",	"node_name", "is_reply",
					      "verdict",   "interface", "observed",  "end_reason",
					      "flow_id",   "sampling",	"tcp",	     "vlan",
					      "truncated", "fragment",	"icmp",	     "direction" };
	struct flow_record record = { .key.protocol = 47, .sampling = 1 };

	(void)state;
	sample_addresses(&record, "10.0.0.1", "10.0.0.2");
	json_format_flow(&record, line, sizeof(line));
	for (size_t i = 0; i < COUNT(absent); i++)
		assert_null(strstr(line, absent[i]));
	assert_non_null(strstr(line, "\"Summary\":\"IP protocol 47 (GRE); 0 packets 0 bytes\""));
	assert_non_null(strstr(line, "\"bytes\":\"0\""));
	assert_non_null(strstr(line, "\"time\":\"1970-01-01T00:00:00Z\"}"));
}

static void test_extensions(void **state)
{
	struct flow_record record = sample_of(1, 8, 0);

	(void)state;
	record.key.icmp_id = 77;
	record.flags = FLOW_FLAG_FRAGMENT | FLOW_FLAG_L4_SHORT;
	record.sampling = 100;
	record.vlan[0] = FLOW_VLAN_PRESENT | 100;
	record.vlan[1] = FLOW_VLAN_PRESENT | 7;
	record.direction = FLOW_DIRECTION_EGRESS;
	record.reply = FLOW_REPLY_YES;
	json_format_flow(&record, line, sizeof(line));
	static const char *const parts[] = { "\"l4\":{\"ICMPv4\":{\"type\":8}}",
					     "\"icmp\":{\"code\":0,\"id\":77,\"type\":8}",
					     "\"fragment\":true",
					     "\"truncated\":true,\"vlan\":[100,7]",
					     "\"sampling\":100",
					     "\"is_reply\":true",
					     "\"sub_type\":11",
					     "\"trace_observation_point\":\"TO_NETWORK\"",
					     "\"Summary\":\"ICMPv4 EchoRequest; 100 packets" };
	for (size_t i = 0; i < COUNT(parts); i++)
		assert_non_null(strstr(line, parts[i]));
	record = sample_record();
	record.flags = FLOW_TCP_NS | FLOW_TCP_SYN;
	json_format_flow(&record, line, sizeof(line));
	assert_non_null(strstr(line, "\"tcp\":{\"flags\":\"0x102\"}"));
}

static void assert_parts(const struct flow_record *record, const char *const parts[], size_t count)
{
	json_format_flow(record, line, sizeof(line));
	for (size_t i = 0; i < count; i++) {
		if (!strstr(line, parts[i]))
			print_error("%s\nnot in %s\n", parts[i], line);
		assert_non_null(strstr(line, parts[i]));
	}
}

static void test_tunnels(void **state)
{
	static const char *const vxlan[] = {
		"},\"tunnel\":{\"protocol\":\"VXLAN\",\"IP\":{\"source\":\"2001:db8::1\","
		"\"destination\":\"2001:db8::2\",\"ipVersion\":\"IPv6\"},\"vni\":100},\"Type\"",
		"\"total_packets\":\"100\",\"tunnel\":{\"id\":\"100\",\"outer\":{"
		"\"destination\":\"2001:db8::2\",\"source\":\"2001:db8::1\"},"
		"\"type\":\"vxlan\"}}}",
		" bytes in vxlan 100, ended: fin\"",
	};
	static const char *const gre[] = {
		"\"bytes\":\"3456\",\"carrier\":true,\"end_reason\"",
		"\"fragment\":true,\"fragment_orphan\":true,\"kind\"",
		("\"tunnel\":{\"outer\":{\"destination\":\"2001:db8::2\","
		 "\"source\":\"2001:db8::1\"},\"type\":\"gre\"}"),
		" bytes in gre, ended: fin\"",
	};
	struct flow_record record = sample_record();

	(void)state;
	sample_tunnel(&record, FLOW_TUNNEL_VXLAN, 100);
	assert_parts(&record, vxlan, COUNT(vxlan));
	sample_tunnel(&record, FLOW_TUNNEL_GRE, 0);
	record.flags |= FLOW_FLAG_FRAGMENT | FLOW_FLAG_ORPHAN;
	record.key.scope |= FLOW_SCOPE_CARRIER;
	assert_parts(&record, gre, COUNT(gre));
	assert_null(strstr(line, "vni"));
}

static void test_icmp_errors(void **state)
{
	static const char *const quote[] = {
		"\"icmp\":{\"code\":3,\"quoted\":{\"destination\":\"10.0.0.2\","
		"\"destination_port\":53,\"protocol\":17,\"source\":\"10.0.0.1\","
		"\"source_port\":5000},\"type\":3}",
		"\"Summary\":\"ICMPv4 DestinationUnreachable(Port) for 10.0.0.1:5000 -> "
		"10.0.0.2:53 UDP; 100 packets",
	};
	static const char *const ping[] = {
		"\"quoted\":{\"code\":0,\"destination\":\"fe80::1\",\"id\":77,\"protocol\":58,"
		"\"source\":\"fe80::2\",\"type\":128},\"type\":1}",
		" for fe80::2 -> fe80::1 ICMPv6; ",
	};
	static const char *const quoted[] = {
		"\"verdict\":\"ERROR\"",
		("\"flow_id\":\"4711\",\"icmp_error\":{\"code\":3,\"packets\":\"2\","
		 "\"reporter\":\"10.0.0.9\",\"type\":3},\"kind\""),
		", 2 errors: ICMPv4 DestinationUnreachable(Port) from 10.0.0.9, ended: fin\"",
	};
	struct flow_record record = sample_quote();

	(void)state;
	assert_parts(&record, quote, COUNT(quote));
	assert_null(strstr(line, "4242"));
	record = sample_of(58, 1, 4);
	record.flags = FLOW_FLAG_QUOTE;
	sample_addresses(&record, "fe80::2", "fe80::1");
	record.quoted = record.key;
	record.quoted.src_port = 128;
	record.quoted.dst_port = 0;
	record.quoted.icmp_id = 77;
	assert_parts(&record, ping, COUNT(ping));
	record = sample_record();
	sample_error(&record);
	assert_parts(&record, quoted, COUNT(quoted));
}

static void test_sampling(void **state)
{
	static const char *const parts[] = {
		"\"bytes\":\"3456\",\"certain_bytes\":\"56\",\"certain_packets\":\"2\","
		"\"end_reason\":\"fin\",\"estimated_bytes\":\"340056\","
		"\"estimated_packets\":\"1002\",\"first_seen\"",
		"\"sampling\":100",
		"; 100 packets 10000 bytes (1 in 100: about 9010 packets 901000 bytes), ended: fin\"",
	};
	struct flow_record record = sample_record();

	(void)state;
	record.sampling = 100;
	record.certain_packets = 2;
	record.certain_bytes = 56;
	record.total_bytes = 10000;
	record.total_certain_packets = 10;
	record.total_certain_bytes = 1000;
	assert_parts(&record, parts, COUNT(parts));
}

static void test_summaries(void **state)
{
	static const struct {
		uint8_t protocol;
		uint16_t source, destination;
		const char *text;
	} rows[] = {
		{ 6, 1, 2, "TCP; 1 packet 60 bytes" },
		{ 17, 1, 2, "UDP; 1 packet 60 bytes" },
		{ 132, 1, 2, "SCTP; 1 packet 60 bytes" },
		{ 1, 3, 3, "ICMPv4 DestinationUnreachable(Port); 1 packet 60 bytes" },
		{ 58, 135, 0, "ICMPv6 NeighborSolicitation; 1 packet 60 bytes" },
		{ 50, 0, 0, "IP protocol 50 (ESP); 1 packet 60 bytes" },
		{ 253, 0, 0, "IP protocol 253; 1 packet 60 bytes" },
	};
	char text[SUMMARY_MAX + 1], part[4];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct flow_record record =
			sample_of(rows[i].protocol, rows[i].source, rows[i].destination);
		record.kind = FLOW_KIND_UPDATE;
		record.total_packets = 1;
		record.total_bytes = 60;
		int length = flow_record_summary(&record, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		assert_int_equal(length, strlen(text));
		assert_int_equal(flow_record_summary(&record, part, sizeof(part)), length);
		assert_int_equal(strlen(part), 3);
	}
}

static void test_types(void **state)
{
	struct flow_record record = sample_record();
	int type, sub_type;

	(void)state;
	assert_string_equal(flow_record_type(&record, &type, &sub_type), "from-network");
	assert_int_equal(sub_type, 10);
	record.direction = FLOW_DIRECTION_EGRESS;
	assert_string_equal(flow_record_type(&record, &type, &sub_type), "to-network");
	record.verdict = FLOW_VERDICT_DROPPED;
	assert_string_equal(flow_record_type(&record, &type, &sub_type), "drop");
	assert_int_equal(type, 1);
}

static void test_loss(void **state)
{
	static const struct {
		struct flow_loss loss;
		const char *text;
	} rows[] = {
		{ { "ring_buffer", 7, 0, 0, 1000000000, 2500000000, "n" },
		  "{\"lost_events\":{\"source\":\"PERF_EVENT_RING_BUFFER\","
		  "\"num_events_lost\":\"7\",\"first\":\"1970-01-01T00:00:01Z\","
		  "\"last\":\"1970-01-01T00:00:02.500Z\"},\"node_name\":\"n\","
		  "\"time\":\"1970-01-01T00:00:02.500Z\"}" },
		{ { .source = "history", .records = 1 },
		  "{\"lost_events\":{\"source\":\"HUBBLE_RING_BUFFER\","
		  "\"num_events_lost\":\"1\"}}" },
		{ { .source = "subscriber" },
		  "{\"lost_events\":{\"source\":\"OBSERVER_EVENTS_QUEUE\"}}" },
		{ { .source = NULL }, "{\"lost_events\":{\"source\":\"OBSERVER_EVENTS_QUEUE\"}}" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int length = json_format_loss(&rows[i].loss, line, sizeof(line));
		assert_string_equal(line, rows[i].text);
		assert_int_equal(length, strlen(line));
	}
}

static void test_escape(void **state)
{
	static const struct {
		const char *text, *escaped;
	} rows[] = {
		{ "\xc2\x9b"
		  "31m\x7f",
		  "\\u009b31m\\u007f" },
		{ "eth0", "eth0" },
		{ "a\"b\\c", "a\\\"b\\\\c" },
		{ "\n\t\x01\x1f\x7f", "\\n\\t\\u0001\\u001f\\u007f" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "\xc3", "\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x82x", "\xef\xbf\xbd\xef\xbf\xbdx" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int length = json_escape(rows[i].text, text, sizeof(text));
		assert_string_equal(text, rows[i].escaped);
		assert_int_equal(length, strlen(rows[i].escaped));
	}
	assert_int_equal(json_escape("a\x01", text, 4), 7);
	assert_string_equal(text, "a");
	assert_int_equal(json_escape("abc", NULL, 0), 3);
}

/* The longest of everything, with names no kernel allows: bounded, and cut visibly. */
static void test_line_bound(void **state)
{
	static const char *const fillers[] = { "\x01", "\"", "\xff", "x", "\xf0\x9f\x98\x80" };
	static char looked_up[FLOW_NAMES_SIZE];
	struct flow_record record;

	(void)state;
	memset(&record, 0xff, sizeof(record));
	memset(record.ends, 0, sizeof(record.ends));
	record.dns = NULL;
	memset(looked_up, '"', sizeof(looked_up) - 2);
	record.source_names = record.destination_names = looked_up;
	record.key.protocol = 58;
	record.key.src_port = 1;
	record.key.dst_port = 5;
	record.quoted.protocol = 6;
	record.icmp_error.type = 1;
	record.icmp_error.code = 5;
	for (size_t f = 0; f < 2 * COUNT(fillers); f++) {
		static char name[40000];
		const char *filler = fillers[f % COUNT(fillers)];
		name[0] = '\0';
		for (char *at = name; at < name + 30000;)
			at = stpcpy(at, filler);
		if (f == COUNT(fillers))
			sample_tunnel(&record, FLOW_TUNNEL_VXLAN, UINT32_MAX);
		record.flags = f < COUNT(fillers) ? UINT16_MAX : UINT16_MAX & ~FLOW_FLAG_QUOTE;
		record.point_count = FLOW_POINTS;
		record.node_name = name;
		for (int i = 0; i < FLOW_POINTS; i++)
			record.points[i].interface = name;
		sample_longest_ends(&record, name);
		sample_names(&record, name);
		record.key.protocol = f % 2 ? 6 : 58;
		record.kind = f % 3 ? FLOW_KIND_DROP : FLOW_KIND_UPDATE;
		int length = json_format_flow(&record, line, sizeof(line));
		assert_true(length < JSON_LINE_MAX);
		assert_int_equal(length, strlen(line));
		assert_non_null(strstr(line, "\xe2\x80\xa6"));
	}
}

static void test_small_buffers(void **state)
{
	struct flow_record record = sample_record();
	int length = json_format_flow(&record, line, sizeof(line));

	(void)state;
	for (int size = 0; size <= length + 1; size++) {
		char *part = malloc((size_t)size + 1);
		part[size] = 'Z';
		assert_int_equal(json_format_flow(&record, part, (size_t)size), length);
		assert_int_equal(part[size], 'Z');
		if (size)
			assert_int_equal(strncmp(part, line, (size_t)size - 1), 0);
		free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_line),     cmocka_unit_test(test_defaults_omitted),
		cmocka_unit_test(test_extensions),    cmocka_unit_test(test_summaries),
		cmocka_unit_test(test_types),	      cmocka_unit_test(test_loss),
		cmocka_unit_test(test_escape),	      cmocka_unit_test(test_line_bound),
		cmocka_unit_test(test_small_buffers), cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_icmp_errors),   cmocka_unit_test(test_sampling),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
