// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bodies: the native line with its id and mask, masked schemas, escapes; summaries; the filter's
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/format.h"
#include "flowd/export/summary.h"
#include "proto/filter_line.h"
#include "tests/unit/sample_dns.h"

static const struct format_id id = { .text = "00000000-0000-8000-8000-000000000001" };

static char *body_of(enum export_format_id format_id, const char *fields,
		     const struct flow_record *record)
{
	struct format *format;
	struct buffer body = { 0 };
	char why[256];

	assert_int_equal(format_open(&format, format_id, fields, "node1", why, sizeof(why)), 0);
	assert_int_equal(format_record(format, record, &id, &body), 0);
	assert_int_equal(buffer_append(&body, "", 1), 0);
	format_close(format);
	return (char *)body.data;
}

static void expect_body(enum export_format_id format, const char *fields, const char *expected)
{
	struct flow_record record = sample_record();
	char *body = body_of(format, fields, &record);

	assert_string_equal(body, expected);
	free(body);
}

static void test_mask(void **state)
{
	(void)state;
	expect_body(EXPORT_FORMAT_NATIVE, "verdict,l4.TCP.flags,extensions.value.tcp",
		    "{\"flow\":{\"uuid\":\"00000000-0000-8000-8000-000000000001\","
		    "\"verdict\":\"FORWARDED\",\"l4\":{\"TCP\":{\"flags\":{\"FIN\":true,"
		    "\"SYN\":true,\"PSH\":true,\"ACK\":true}}},\"extensions\":{\"@type\":"
		    "\"type.googleapis.com/google.protobuf.Struct\",\"value\":{\"tcp\":"
		    "{\"flags\":\"0x1b\"}}}},\"node_name\":\"node1\","
		    "\"time\":\"2024-05-06T07:08:09.123456789Z\"}");
	expect_body(EXPORT_FORMAT_NATIVE, "flow.IP.source,nothing",
		    "{\"flow\":{\"uuid\":\"00000000-0000-8000-8000-000000000001\","
		    "\"IP\":{\"source\":\"10.0.0.1\"}},\"node_name\":\"node1\","
		    "\"time\":\"2024-05-06T07:08:09.123456789Z\"}");
}

static void test_schema_mask(void **state)
{
	(void)state;
	expect_body(EXPORT_FORMAT_FLAT, "source_ip,bytes",
		    "{\"time\":1714979289,\"time_ms\":1714979289123,"
		    "\"id\":\"00000000-0000-8000-8000-000000000001\",\"node\":\"node1\","
		    "\"source_ip\":\"10.0.0.1\",\"bytes\":3456}");
	expect_body(EXPORT_FORMAT_KV, "destination.port",
		    "time=1714979289 time_ms=1714979289123 "
		    "id=00000000-0000-8000-8000-000000000001 node=node1 destination_port=80");
}

static void test_escapes(void **state)
{
	struct flow_record record = sample_record();
	char *body;

	(void)state;
	record.points[0].interface = "a=b \"c\"\\|\n";
	body = body_of(EXPORT_FORMAT_KV, "interface", &record);
	assert_non_null(strstr(body, " interface=\"a=b \\\"c\\\"\\\\| \""));
	free(body);
	body = body_of(EXPORT_FORMAT_CEF, NULL, &record);
	assert_non_null(strstr(body, " deviceInboundInterface=a\\=b \"c\"\\\\|\\n "));
	free(body);
	body = body_of(EXPORT_FORMAT_ECS, NULL, &record);
	assert_non_null(strstr(body, "{\"name\":\"a=b \\\"c\\\"\\\\|\\n\"}"));
	free(body);
}

/* ---- summaries ---------------------------------------------------------------------------------
 */

static void test_summary(void **state)
{
	struct flow_record record = sample_record(), reply = sample_record();
	struct buffer body = { 0 };
	struct summary *summary;
	uint64_t time_ns, conversation;

	(void)state;
	sample_addresses(&reply, "10.0.0.2", "10.0.0.1");
	reply.key.src_port = 80;
	reply.key.dst_port = 40000;
	reply.reply = FLOW_REPLY_YES;
	reply.flow_id = 4712;
	assert_int_equal(summary_open(&summary, NULL, 1000000000, EXPORT_FORMAT_NATIVE, "node1"),
			 0);
	summary_add(summary, &record);
	summary_add(summary, &record);
	summary_add(summary, &reply);
	assert_false(summary_due(summary, SAMPLE_TIME_NS));
	assert_true(summary_due(summary, SAMPLE_TIME_NS + 1000000000));
	assert_true(summary_next(summary, "x", &body, &time_ns, &conversation));
	assert_false(summary_due(summary, SAMPLE_TIME_NS + 1000000000));
	buffer_append(&body, "", 1);
	assert_string_equal((char *)body.data,
			    "{\"summary\":{\"by\":{\"source.ip\":\"10.0.0.1\",\"destination.ip\":"
			    "\"10.0.0.2\",\"destination.port\":\"80\",\"protocol\":\"TCP\","
			    "\"verdict\":\"FORWARDED\"},\"bytes\":6912,\"end\":"
			    "\"2024-05-06T07:08:10Z\",\"flows\":2,\"id\":\"x\",\"packets\":24,"
			    "\"records\":3,\"reply_bytes\":3456,\"reply_packets\":12,\"resets\":0,"
			    "\"retransmits\":0,\"start\":\"2024-05-06T07:08:09Z\","
			    "\"zero_windows\":0},\"node_name\":\"node1\",\"time\":"
			    "\"2024-05-06T07:08:10Z\"}");
	buffer_fini(&body);
	summary_close(summary);
}

static char *summary_of(struct summary *summary, struct buffer *body)
{
	uint64_t time_ns, conversation;

	assert_true(summary_due(summary, UINT64_MAX));
	assert_true(summary_next(summary, "x", body, &time_ns, &conversation));
	assert_false(summary_due(summary, UINT64_MAX));
	buffer_append(body, "", 1);
	return (char *)body->data;
}

/* Percentiles of the records' round trip times, trouble, and drops by reason: those of events, not
 * what flows repeat of them; keys by the side that opened, names too. */
static void test_summary_facts(void **state)
{
	static const char *const reasons[] = {
		"NETFILTER_DROP", "NO_SOCKET", "TCP_CSUM", "A", "B", "C", "D", "E", "F", "NO_SOCKET"
	};
	struct flow_record flow = sample_looked_up(), drop = sample_drop();
	struct buffer body = { 0 };
	struct summary *summary;
	char *text;

	(void)state;
	assert_int_equal(summary_open(&summary, "source.name|source.ip,destination.name",
				      1000000000, EXPORT_FORMAT_NATIVE, "node1"),
			 0);
	sample_tcp(&flow);
	flow.dropped = 1000;
	for (unsigned i = 1; i <= 100; i++) {
		flow.tcp.srtt_avg_us = i * 1000;
		summary_add(summary, &flow);
	}
	flow.reply = FLOW_REPLY_YES; /* from www.example.com to the client */
	flow.source_names = sample_looked_up().destination_names;
	flow.destination_names = sample_looked_up().source_names;
	flow.tcp.srtt_avg_us = 0;
	summary_add(summary, &flow);
	drop.source_names = sample_looked_up().source_names;
	drop.destination_names = sample_looked_up().destination_names;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		drop.drops[0].reason = reasons[i];
		summary_add(summary, &drop);
	}
	text = summary_of(summary, &body);
	assert_non_null(strstr(text, "\"by\":{\"source.name\":\"client.example\","
				     "\"destination.name\":\"www.example.com\"},"));
	assert_non_null(strstr(text, "\"drops\":{\"NETFILTER_DROP\":3,\"NO_SOCKET\":6,"
				     "\"TCP_CSUM\":3,\"A\":3,\"B\":3,\"C\":3,\"D\":3,"
				     "\"other\":6},"));
	assert_non_null(strstr(text, "\"records\":111,"));
	assert_non_null(strstr(text, "\"reply_bytes\":3456,"));
	assert_non_null(strstr(text, "\"resets\":101,\"retransmits\":303,"));
	/* a bucket's top, at most a sixteenth above: 50, 90 and 99 ms */
	assert_non_null(strstr(text, "\"rtt_ns\":{\"p50\":50331647,\"p90\":92274687,"
				     "\"p99\":100663295},"));
	buffer_fini(&body);
	summary_close(summary);
}

static void test_summary_bound(void **state)
{
	struct flow_record record = sample_record();
	struct buffer body = { 0 };
	struct summary *summary;
	uint64_t time_ns, conversation, groups = 0;

	(void)state;
	assert_int_equal(summary_open(&summary, "source.ip,source.port", 1000000000,
				      EXPORT_FORMAT_NATIVE, "node1"),
			 0);
	for (uint32_t i = 0; i < SUMMARY_GROUPS + 100; i++) {
		record.key.src[14] = (uint8_t)(i >> 16);
		record.key.src_port = (uint16_t)i;
		record.flow_id = i + 1;
		summary_add(summary, &record);
	}
	for (; summary_due(summary, UINT64_MAX); groups++) {
		body.size = 0;
		summary_next(summary, "x", &body, &time_ns, &conversation);
	}
	buffer_append(&body, "", 1);
	assert_int_equal(groups, SUMMARY_GROUPS + 1);
	assert_non_null(strstr((char *)body.data, "\"by\":{\"other\":\"true\"}"));
	assert_non_null(strstr((char *)body.data, "\"flows\":100,"));
	buffer_fini(&body);
	summary_close(summary);
}

/* ---- the filter's line -------------------------------------------------------------------------
 */

static void test_filter_line(void **state)
{
	static const struct {
		const char *line, *tree;
	} rows[] = {
		{ "--protocol tcp --port 80,443", NULL },
		{ "-4 --not --port=22 --where 'interface=veth*'", NULL },
		{ "--ip 10.0.0.0/8 --ip \"192.168.0.0/16\"", NULL },
	};
	static const struct {
		const char *line, *why;
	} wrong[] = {
		{ "--prot tcp", "--prot: is no filter flag; 'flowcli observe --help' lists them" },
		{ "--port", "--port: a value must follow" },
		{ "--not", "--not: must stand before the filter that it negates" },
		{ "--ip 'x", "a quote is not closed; end it with '" },
	};
	struct filter *filter;
	char why[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		filter = NULL;
		assert_int_equal(filter_line_parse(rows[i].line, &filter, why, sizeof(why)), 0);
		assert_non_null(filter);
		filter_free(filter);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(filter_line_parse(wrong[i].line, &filter, why, sizeof(why)),
				 -EINVAL);
		assert_string_equal(why, wrong[i].why);
	}
	assert_int_equal(filter_line_parse(" ", &filter, why, sizeof(why)), 0);
	assert_null(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mask),	      cmocka_unit_test(test_schema_mask),
		cmocka_unit_test(test_escapes),	      cmocka_unit_test(test_summary),
		cmocka_unit_test(test_summary_facts), cmocka_unit_test(test_summary_bound),
		cmocka_unit_test(test_filter_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
