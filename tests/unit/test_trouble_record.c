/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of what went wrong: on the wire, as JSON, as text, and as fields. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/field.h"
#include "proto/json.h"
#include "tests/unit/sample_record.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static struct flow_record sample_trouble(void)
{
	struct flow_record record = sample_record();

	sample_tcp(&record);
	record.dropped = 5;
	record.drops[0] = (struct flow_drop){ "TCP_CSUM", "tcp_v4_rcv", 3, 1000, 2000 };
	record.drops[1] = (struct flow_drop){ NULL, NULL, 2, 3000, 4000 };
	return record;
}

static void assert_same_text(const char *left, const char *right)
{
	if (!left || !right)
		assert_ptr_equal(left, right);
	else
		assert_string_equal(left, right);
}

static void assert_same_drops(const struct flow_record *left, const struct flow_record *right)
{
	assert_int_equal(left->dropped, right->dropped);
	for (int i = 0; i < FLOW_DROP_REASONS; i++) {
		assert_same_text(left->drops[i].reason, right->drops[i].reason);
		assert_same_text(left->drops[i].site, right->drops[i].site);
		assert_int_equal(left->drops[i].packets, right->drops[i].packets);
		assert_int_equal(left->drops[i].first_ns, right->drops[i].first_ns);
		assert_int_equal(left->drops[i].last_ns, right->drops[i].last_ns);
	}
}

static void assert_same_incident(const struct flow_incident *left,
				 const struct flow_incident *right)
{
	const size_t numbers = offsetof(struct flow_incident, netns_cookie);

	assert_same_text(left->hook, right->hook);
	assert_same_text(left->table, right->table);
	assert_same_text(left->chain, right->chain);
	assert_same_text(left->subsystem, right->subsystem);
	assert_same_text(left->message, right->message);
	assert_memory_equal((const char *)left + numbers, (const char *)right + numbers,
			    sizeof(*left) - numbers);
}

static void test_codec(void **state)
{
	const struct flow_record rows[] = { sample_drop(), sample_trouble(), sample_record() };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct answer answer = { .records = &rows[i], .record_count = 1 };
		struct buffer bytes = { 0 };
		struct reply got;
		char why[300];

		assert_int_equal(codec_pack_answer(&answer, &bytes), 0);
		assert_int_equal(codec_unpack_reply(bytes.data, bytes.size, &got, why, sizeof(why)),
				 0);
		assert_same_drops(&rows[i], got.answer.records);
		assert_memory_equal(&rows[i].tcp, &got.answer.records->tcp, sizeof(rows[i].tcp));
		assert_same_incident(&rows[i].incident, &got.answer.records->incident);
		assert_int_equal(rows[i].kind, got.answer.records->kind);
		reply_fini(&got);
		buffer_fini(&bytes);
	}
}

static void assert_contains(const struct flow_record *record, const char *part)
{
	static char line[JSON_LINE_MAX];

	json_format_flow(record, line, sizeof(line));
	if (!strstr(line, part))
		print_error("%s\nnot in %s\n", part, line);
	assert_non_null(strstr(line, part));
}

static void test_json(void **state)
{
	struct flow_record drop = sample_drop(), flow = sample_trouble(), reset = sample_drop();

	(void)state;
	assert_contains(&drop, "\"verdict\":\"DROPPED\"");
	assert_contains(&drop, "\"event_type\":{\"type\":1}");
	assert_contains(&drop,
			"\"drop\":{\"chain\":\"pods\",\"hook\":\"input\",\"length\":60,"
			"\"packets\":\"3\",\"reason\":\"NETFILTER_DROP\",\"site\":\"nft_do_chain\","
			"\"subsystem\":\"CORE\",\"table\":\"filter\",\"tcp_state\":\"SYN_SENT\"}");
	assert_contains(&drop, "\"netns\":{\"cookie\":\"77\",\"inode\":4026531840}");
	assert_contains(&drop, "\"cgroup\":\"4711\"");
	assert_contains(&flow,
			"\"dropped\":\"5\",\"drops\":[{\"first\":\"1970-01-01T00:00:00."
			"000001Z\",\"last\":\"1970-01-01T00:00:00.000002Z\","
			"\"packets\":\"3\",\"reason\":\"TCP_CSUM\",\"site\":\"tcp_v4_rcv\"},");
	assert_contains(&flow,
			"\"tcp\":{\"duplicate_acks\":5,\"flags\":\"0x1b\","
			"\"handshake_rtt_ns\":\"1200000\",\"out_of_order\":4,\"resets_sent\":1,"
			"\"retransmits\":3,\"retransmits_by\":{\"fast\":2,\"rto\":1},"
			"\"rtt_min_ns\":\"800000\",\"srtt_ns\":{\"avg\":\"1500000\","
			"\"max\":\"250000000\",\"min\":\"900000\"},\"total_retransmits\":7,"
			"\"zero_windows\":2}");
	reset.kind = FLOW_KIND_TCP_RESET;
	reset.verdict = FLOW_VERDICT_TRACED;
	reset.incident.sent = 1;
	reset.incident.message = "NO_SOCKET";
	assert_contains(&reset, "\"message\":\"NO_SOCKET\",\"new_state\":\"SYN_SENT\","
				"\"old_state\":\"SYN_SENT\",\"reset\":\"sent\"");
}

static void test_summary(void **state)
{
	struct flow_record drop = sample_drop(), flow = sample_trouble(), connect = sample_drop();
	char text[1500];

	(void)state;
	flow_record_summary(&drop, text, sizeof(text));
	assert_string_equal(text,
			    "TCP Flags: SYN, ACK, FIN, PSH; 3 packets dropped: NETFILTER_DROP "
			    "at nft_do_chain, hook input, table filter, chain pods");
	flow_record_summary(&flow, text, sizeof(text));
	assert_non_null(strstr(text,
			       ", 5 dropped: TCP_CSUM at tcp_v4_rcv, 7 retransmits, handshake "
			       "1.2ms, srtt 1.5ms, ended: fin"));
	connect.kind = FLOW_KIND_TCP_CONNECT;
	connect.incident.error = ECONNREFUSED;
	connect.incident.duration_ns = 1500000;
	flow_record_summary(&connect, text, sizeof(text));
	assert_non_null(strstr(text, "connect failed: ECONNREFUSED after 1.5ms"));
}

static void test_fields(void **state)
{
	static const struct {
		const char *name, *of_drop, *of_flow;
	} rows[] = {
		{ "type", "drop", "trace" },
		{ "drop.reason", "NETFILTER_DROP", "TCP_CSUM" },
		{ "drop.site", "nft_do_chain", "tcp_v4_rcv" },
		{ "drop.hook", "input", "" },
		{ "dropped", "3", "5" },
		{ "retransmits", "0", "7" },
		{ "resets", "0", "1" },
		{ "rtt", "", "250ms" },
		{ "handshake.rtt", "", "1.2ms" },
		{ "zero.windows", "0", "2" },
		{ "netns", "4026531840", "" },
	};
	const struct flow_record drop = sample_drop(), flow = sample_trouble();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct field *field = field_find(rows[i].name);
		struct field_value value;
		char text[64];

		field_get(field, &drop, 0, &value);
		field_format(field, &value, text, sizeof(text));
		assert_string_equal(text, rows[i].of_drop);
		field_get(field, &flow, 0, &value);
		field_format(field, &value, text, sizeof(text));
		assert_string_equal(text, rows[i].of_flow);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_codec),
					    cmocka_unit_test(test_json),
					    cmocka_unit_test(test_summary),
					    cmocka_unit_test(test_fields) };

	return cmocka_run_group_tests_name("trouble_record", tests, NULL, NULL);
}
