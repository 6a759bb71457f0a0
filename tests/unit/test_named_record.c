/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who the ends are: as fields, in filters, over the wire and back, as JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec.h"
#include "proto/field.h"
#include "proto/filter.h"
#include "proto/json.h"
#include "tests/unit/sample_ends.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static char why[300];

static const struct {
	const char *name;
	unsigned index;
	const char *text;
} values[] = {
	{ "source.pod", 0, "shop/web-0" },
	{ "source.pod", 1, "web-0" },
	{ "source.namespace", 0, "shop" },
	{ "source.label", 0, "k8s:app=web" },
	{ "source.label", 1, "app=web" },
	{ "source.label", 2, "app" },
	{ "source.label", 3, "container:maintainer" },
	{ "source.label", 5, "maintainer" },
	{ "source.label", 6, "" },
	{ "source.workload", 0, "Deployment/web" },
	{ "source.workload", 1, "web" },
	{ "source.service", 0, "shop/front" },
	{ "source.identity", 0, "1234" },
	{ "destination.identity", 0, "world" },
	{ "source.cluster", 0, "east" },
	{ "source.container", 0, "httpd" },
	{ "source.container", 1, "0123456789abcdef" },
	{ "source.image", 0, "localhost/bb:2" },
	{ "source.process", 0, "curl" },
	{ "source.pid", 0, "4711" },
	{ "source.uid", 0, "1000" },
	{ "source.unit", 0, "nginx.service" },
	{ "source.cgroup", 0, "/kubepods/x" },
	{ "source.netns", 0, "4026532000" },
	{ "source.host", 0, "printer" },
	{ "source.node", 0, "node-a" },
	{ "source.country", 0, "DE" },
	{ "source.asn", 0, "64500" },
	{ "source.xlated", 0, "192.0.2.7" },
	{ "source.identity.from", 0, "socket" },
	{ "destination.identity.from", 0, "reserved" },
	{ "source.identity.missing", 0, "" },
	{ "destination.identity.missing", 0, "remote_address" },
	{ "destination.pod", 0, "" },
	{ "destination.process", 0, "" },
	{ "destination.uid", 0, "" },
	{ "destination.label", 1, "world" },
	{ "destination.xlated", 0, "" },
};

static void assert_values(const struct flow_record *record)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		const struct field *field = field_find(values[i].name);
		struct field_value value;
		char text[128];

		assert_non_null(field);
		field_get(field, record, values[i].index, &value);
		field_format(field, &value, text, sizeof(text));
		if (strcmp(text, values[i].text))
			fail_msg("%s %u: '%s', not '%s'", values[i].name, values[i].index, text,
				 values[i].text);
	}
}

static void test_values(void **state)
{
	struct flow_record record = sample_named();

	(void)state;
	assert_values(&record);
}

static void test_filters(void **state)
{
	static const struct {
		const char *field, *operand;
		bool matches;
	} rows[] = {
		{ "source.pod", "shop/web", true },
		{ "source.pod", "web", true },
		{ "source.pod", "shop/", true },
		{ "source.pod", "shop/db", false },
		{ "source.pod", "eb-0", false },
		{ "source.pod", "*-0", true },
		{ "source.label", "app=web", true },
		{ "source.label", "k8s:app=web", true },
		{ "source.label", "app", true },
		{ "source.label", "app=we", false },
		{ "source.label", "app=*", true },
		{ "source.namespace", "shop", true },
		{ "source.namespace", "sho", false },
		{ "source.workload", "Deployment/", true },
		{ "source.workload", "web", true },
		{ "source.container", "0123", true },
		{ "source.container", "httpd", true },
		{ "source.identity", "1000-2000", true },
		{ "destination.identity", "world", true },
		{ "destination.identity", "host", false },
		{ "destination.label", "reserved:world", true },
		{ "source.process", "cur?", true },
		{ "source.pid", "4711", true },
		{ "source.xlated", "192.0.2.0/24", true },
	};
	struct flow_record record = sample_named();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct filter *filter;

		assert_int_equal(filter_test(field_find(rows[i].field), rows[i].operand, &filter,
					     why, sizeof(why)),
				 0);
		if (filter_match(filter, &record) != rows[i].matches)
			fail_msg("%s=%s: %smatches", rows[i].field, rows[i].operand,
				 rows[i].matches ? "never " : "");
		filter_free(filter);
	}
}

/* What was packed is what is unpacked: every field, and the same JSON. */
static void test_wire(void **state)
{
	static char before[JSON_LINE_MAX], after[JSON_LINE_MAX];
	struct flow_record record = sample_named();
	struct answer answer = { .records = &record, .record_count = 1 };
	struct buffer bytes = { 0 };
	struct reply got;

	(void)state;
	assert_int_equal(codec_pack_answer(&answer, &bytes), 0);
	assert_int_equal(codec_unpack_reply(bytes.data, bytes.size, &got, why, sizeof(why)), 0);
	assert_values(&got.answer.records[0]);
	json_format_flow(&record, before, sizeof(before));
	json_format_flow(&got.answer.records[0], after, sizeof(after));
	assert_string_equal(before, after);
	assert_null(got.answer.records[0].ends[FLOW_DESTINATION].comm);
	reply_fini(&got);
	buffer_fini(&bytes);
}

static void test_wire_refuses(void **state)
{
	struct flow_record record = sample_named();
	struct answer answer = { .records = &record, .record_count = 1 };
	struct buffer bytes = { 0 };
	struct reply got;

	(void)state;
	record.ends[FLOW_SOURCE].from = IDENTITY_FROM_COUNT;
	assert_int_equal(codec_pack_answer(&answer, &bytes), 0);
	assert_int_equal(codec_unpack_reply(bytes.data, bytes.size, &got, why, sizeof(why)),
			 -EBADMSG);
	assert_non_null(strstr(why, "from"));
	buffer_fini(&bytes);
}

static void test_json(void **state)
{
	static const char *const parts[] = {
		"\"source\":{\"ID\":12,\"identity\":1234,\"cluster_name\":\"east\","
		"\"namespace\":\"shop\",\"labels\":[\"k8s:app=web\",\"container:maintainer\"],"
		"\"pod_name\":\"web-0\",\"workloads\":[{\"name\":\"web\",\"kind\":\"Deployment\"}]},"
		"\"destination\":{\"identity\":2,\"labels\":[\"reserved:world\"]},\"Type\":",
		"\"source_service\":{\"name\":\"front\",\"namespace\":\"shop\"},\"event_type\"",
		"\"ipVersion\":\"IPv4\",\"source_xlated\":\"192.0.2.7\"}",
		"\"socket_cookie\":\"77\",\"cgroup_id\":\"5000000000\"",
		("\"source_container\":{\"cgroup\":\"/kubepods/x\",\"id\":\"0123456789abcdef\","
		 "\"image\":\"localhost/bb:2\",\"name\":\"httpd\",\"netns\":4026532000,"
		 "\"pod_uid\":\"7c1e3a52-aaaa-4bbb-8ccc-0123456789ab\",\"runtime\":\"containerd\"},"
		 "\"source_host\":\"printer\",\"source_location\":{\"as_name\":\"Example \\\"AS\\\"\","
		 "\"asn\":64500,\"country\":\"DE\"},\"source_node\":\"node-a\","
		 "\"source_process\":{\"comm\":\"curl\",\"pid\":4711,\"uid\":1000,"
		 "\"unit\":\"nginx.service\"},\"source_xlated\":\"192.0.2.7:61000\""),
		("\"identity_missing_reason\":{\"destination\":\"remote_address\"},"
		 "\"identity_source\":{\"destination\":\"reserved\",\"source\":\"socket\"}"),
	};
	static char line[JSON_LINE_MAX];
	struct flow_record record = sample_named();

	(void)state;
	json_format_flow(&record, line, sizeof(line));
	for (size_t i = 0; i < COUNT(parts); i++)
		if (!strstr(line, parts[i]))
			fail_msg("%s\nnot in %s", parts[i], line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_filters),
		cmocka_unit_test(test_wire),   cmocka_unit_test(test_wire_refuses),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests_name("named_record", tests, NULL, NULL);
}
