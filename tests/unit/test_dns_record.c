/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a record tells of DNS: on the wire, as JSON and text, to filters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec.h"
#include "proto/dns_words.h"
#include "proto/filter.h"
#include "proto/json.h"
#include "proto/record_parts.h"
#include "tests/unit/sample_dns.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static char line[JSON_LINE_MAX];

/* ---- the wire ---------------------------------------------------------------------------------
 */

static void assert_same(const struct flow_record *got, const struct flow_record *put)
{
	assert_int_equal(got->kind, put->kind);
	assert_int_equal(!got->dns, !put->dns);
	if (put->dns) {
		assert_int_equal(got->dns->size, put->dns->size);
		assert_memory_equal(got->dns, put->dns, put->dns->size);
	}
	assert_int_equal(!got->source_names, !put->source_names);
	assert_int_equal(!got->destination_names, !put->destination_names);
	if (put->destination_names)
		assert_memory_equal(got->destination_names, put->destination_names,
				    flow_names_size(put->destination_names));
}

static void test_wire(void **state)
{
	struct flow_record records[] = { sample_dns_request(), sample_dns_response(),
					 sample_dns_failure(), sample_dns_timeout(),
					 sample_looked_up() };
	struct answer answer = { .records = records, .record_count = COUNT(records) };
	struct buffer bytes = { 0 };
	struct reply got;
	char why[256] = "";

	(void)state;
	assert_int_equal(codec_pack_answer(&answer, &bytes), 0);
	if (codec_unpack_reply(bytes.data, bytes.size, &got, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(got.answer.record_count, COUNT(records));
	for (size_t i = 0; i < COUNT(records); i++)
		assert_same(&got.answer.records[i], &records[i]);
	reply_fini(&got);
	buffer_fini(&bytes);
}

static void refuse(const struct flow_record *record, const char *says)
{
	struct answer answer = { .records = record, .record_count = 1 };
	struct buffer bytes = { 0 };
	struct reply got;
	char why[256] = "";

	assert_int_equal(codec_pack_answer(&answer, &bytes), 0);
	assert_int_equal(codec_unpack_reply(bytes.data, bytes.size, &got, why, sizeof(why)),
			 -EBADMSG);
	if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
	buffer_fini(&bytes);
}

static void test_wire_refuses(void **state)
{
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_COUNT);
	struct flow_record record = sample_dns_request();

	(void)state;
	record.dns = flow_dns_make(&parts, sample_dns_room());
	refuse(&record, "DNS event");
	parts = sample_dns_parts(FLOW_DNS_EVENT_REQUEST);
	parts.query = "a\tb.";
	record.dns = flow_dns_make(&parts, sample_dns_room());
	refuse(&record, "DNS name");
	record = sample_record();
	record.kind = FLOW_KIND_DNS;
	refuse(&record, "kind and l7");
	record = sample_record();
	record.source_names = "b\xc3\xa4r\0";
	refuse(&record, "names");
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

#define EXTENSIONS \
	"\"extensions\":{\"@type\":\"type.googleapis.com/google.protobuf.Struct\",\"value\":{"

static void assert_json(const struct flow_record *record, const char *expected)
{
	int length = json_format_flow(record, line, sizeof(line));

	assert_string_equal(line, expected);
	assert_int_equal(length, strlen(expected));
}

/* SCHEMA's own lines, with our facts. */
static void test_json_messages(void **state)
{
	const struct flow_record request = sample_dns_request(), response = sample_dns_response();

	(void)state;
	assert_json(
		&request,
		"{\"flow\":{\"time\":\"2024-05-06T07:08:09.123456789Z\",\"verdict\":\"FORWARDED\","
		"\"IP\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.53\",\"ipVersion\":\"IPv4\"},"
		"\"l4\":{\"UDP\":{\"source_port\":40001,\"destination_port\":53}},\"Type\":\"L7\","
		"\"node_name\":\"node1\",\"l7\":{\"type\":\"REQUEST\",\"dns\":{\"query\":\"example.com.\","
		"\"observation_source\":\"flowd\",\"qtypes\":[\"A\"]}},\"event_type\":{\"type\":129},"
		"\"is_reply\":false,\"Summary\":\"DNS Query example.com. A\"," EXTENSIONS
		"\"dns\":{\"answers\":0,\"bytes\":29,\"id\":4711,\"recursion_desired\":true,\"retries\":0,"
		"\"server\":\"10.0.0.53\",\"timeout\":false,\"transport\":\"UDP\"},\"kind\":\"dns\","
		"\"protocol\":17}}},\"node_name\":\"node1\","
		"\"time\":\"2024-05-06T07:08:09.123456789Z\"}");
	assert_json(
		&response,
		"{\"flow\":{\"time\":\"2024-05-06T07:08:09.123456789Z\",\"verdict\":\"FORWARDED\","
		"\"IP\":{\"source\":\"10.0.0.53\",\"destination\":\"10.0.0.1\",\"ipVersion\":\"IPv4\"},"
		"\"l4\":{\"UDP\":{\"source_port\":53,\"destination_port\":40001}},\"Type\":\"L7\","
		"\"node_name\":\"node1\",\"l7\":{\"type\":\"RESPONSE\",\"latency_ns\":\"1234567\","
		"\"dns\":{\"query\":\"example.com.\",\"ips\":[\"1.2.3.4\",\"2001:db8::1\"],\"ttl\":30,"
		"\"cnames\":[\"www.example.net.\"],\"observation_source\":\"flowd\",\"qtypes\":[\"A\"],"
		"\"rrtypes\":[\"CNAME\",\"A\"]}},\"event_type\":{\"type\":129},\"is_reply\":true,"
		"\"Summary\":\"DNS Answer \\\"1.2.3.4,2001:db8::1\\\" CNAMEs: \\\"www.example.net.\\\" "
		"TTL: 30 (Query example.com. A); 1.235ms\"," EXTENSIONS
		"\"dns\":{\"answers\":3,\"bytes\":29,\"edns_size\":1232,\"id\":4711,"
		"\"recursion_available\":true,\"recursion_desired\":true,\"retries\":0,"
		"\"server\":\"10.0.0.53\",\"timeout\":false,\"transport\":\"UDP\"},\"kind\":\"dns\","
		"\"protocol\":17}}},\"node_name\":\"node1\","
		"\"time\":\"2024-05-06T07:08:09.123456789Z\"}");
}

static void assert_says(const struct flow_record *record, const char *part)
{
	json_format_flow(record, line, sizeof(line));
	if (!strstr(line, part))
		fail_msg("%s\nis not in\n%s", part, line);
}

static void test_json_parts(void **state)
{
	const struct flow_record failure = sample_dns_failure(), timeout = sample_dns_timeout();
	const struct flow_record named = sample_looked_up();

	(void)state;
	assert_says(&failure, "\"rcode\":3,\"qtypes\":[\"AAAA\"]}},");
	assert_says(&failure, "\"Summary\":\"DNS Answer RCode: Non-Existent Domain TTL: 4294967295 "
			      "(Query nope.example. AAAA); 900us; retry 2; late; other_server\"");
	assert_says(&failure, "\"late\":true,\"other_server\":true,\"recursion_desired\":true,"
			      "\"retries\":2,");
	assert_says(&failure, "\"waited_ns\":\"5000900000\"");
	assert_says(&timeout, "\"verdict\":\"ERROR\"");
	assert_says(&timeout, "\"latency_ns\":\"5000000000\",\"qtypes\":[\"A\"],"
			      "\"query\":\"example.com.\",");
	assert_says(&timeout, "\"timeout\":true");
	assert_null(strstr(line, "\"l7\""));
	assert_says(&named, "\"source_names\":[\"client.example\"],"
			    "\"destination_names\":[\"www.example.com\",\"example.com\"]");
}

/* The longest that a message can make it, between ends with the longest names. */
static void test_json_bound(void **state)
{
	static uint8_t ips[FLOW_DNS_IPS][16];
	static uint16_t types[FLOW_DNS_RRTYPES];
	static char longest[5000];
	char query[FLOW_DNS_NAME], cnames[FLOW_DNS_TEXT], names[FLOW_NAMES_SIZE];
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_RESPONSE);
	struct flow_record record = sample_dns_response();

	(void)state;
	memset(ips, 0xee, sizeof(ips));
	memset(types, 0xff, sizeof(types));
	memset(query, '"', sizeof(query));
	memset(cnames, '\\', sizeof(cnames));
	memset(names, '"', sizeof(names));
	query[sizeof(query) - 1] = cnames[500] = cnames[1010] = '\0';
	names[sizeof(names) - 2] = names[sizeof(names) - 1] = '\0';
	parts.head.flags = UINT16_MAX;
	parts.head.latency_ns = parts.head.waited_ns = parts.head.ipv6 = UINT64_MAX;
	parts.head.retries = UINT16_MAX;
	parts.head.qtype_count = parts.head.rrtype_count = parts.head.ip_count = UINT8_MAX;
	parts.head.cname_count = 1;
	parts.query = query;
	parts.cnames = cnames;
	parts.qtypes = parts.rrtypes = types;
	parts.ips = (const uint8_t(*)[16])ips;
	record.dns = flow_dns_make(&parts, sample_dns_room());
	assert_true(record.dns->size <= FLOW_DNS_SIZE);
	assert_int_equal(record.dns->cname_count, 1);
	record.source_names = record.destination_names = names;
	memset(longest, 1, sizeof(longest) - 1); /* six bytes each in JSON */
	record.node_name = longest;
	sample_longest_ends(&record, longest);
	assert_true(json_format_flow(&record, line, sizeof(line)) < JSON_LINE_MAX);
	assert_non_null(strstr(line, "\"timeout\":false"));
	parts.head.event = FLOW_DNS_EVENT_TIMEOUT;
	record.dns = flow_dns_make(&parts, sample_dns_room());
	assert_true(json_format_flow(&record, line, sizeof(line)) < JSON_LINE_MAX);
}

/* ---- filters ----------------------------------------------------------------------------------
 */

static bool matches(const char *field, const char *text, const struct flow_record *record)
{
	struct filter *filter;
	char why[256];
	bool match;

	if (filter_test(field_find(field), text, &filter, why, sizeof(why)))
		fail_msg("%s", why);
	match = filter_match(filter, record);
	filter_free(filter);
	return match;
}

static void test_filters(void **state)
{
	const struct flow_record request = sample_dns_request(), response = sample_dns_response();
	const struct flow_record failure = sample_dns_failure(), named = sample_looked_up();
	const struct flow_record timeout = sample_dns_timeout();
	const struct {
		const char *field, *text;
		const struct flow_record *yes, *no;
	} rows[] = {
		{ "type", "l7-dns", &request, &named },
		{ "dns.query", "^EXAMPLE\\.(com|org)\\.$", &response, &failure },
		{ "dns.query", "e{2}|no[p,]e", &failure, &response },
		{ "dns.rcode", "NXDOMAIN,servfail", &failure, &response },
		{ "dns.rcode", "NOERROR", &response, &request },
		{ "dns.message", "timeout", &timeout, &request },
		{ "dns.qtype", "AAAA", &failure, &request },
		{ "dns.rrtype", "CNAME", &response, &failure },
		{ "dns.ip", "2001:db8::/32", &response, &failure },
		{ "dns.cname", "*.example.net.", &response, &request },
		{ "dns.latency", "1ms-", &response, &failure },
		{ "dns.latency", "500us-1ms", &failure, &response },
		{ "dns.server", "10.0.0.53", &response, &named },
		{ "dns.flag", "late", &failure, &response },
		{ "dns.flag", "edns", &response, &failure },
		{ "destination.name", "EXAMPLE.com.", &named, &request },
		{ "destination.name", "*.example.com", &named, &response },
		{ "source.name", "client.*", &named, &request },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!matches(rows[i].field, rows[i].text, rows[i].yes) ||
		    matches(rows[i].field, rows[i].text, rows[i].no))
			fail_msg("%s=%s", rows[i].field, rows[i].text);
}

/* A filter from the wire is the same one. */
static void test_filter_wire(void **state)
{
	const struct flow_record response = sample_dns_response(), failure = sample_dns_failure();
	struct request put = { .type = REQUEST_QUERY }, got;
	struct buffer bytes = { 0 };
	struct filter *copy;
	char why[256];

	(void)state;
	assert_int_equal(filter_test(field_find("dns.query"), "^ex.m,?ple", &put.query.filter, why,
				     sizeof(why)),
			 0);
	assert_int_equal(codec_pack_request(&put, &bytes), 0);
	assert_int_equal(codec_unpack_request(bytes.data, bytes.size, &got, why, sizeof(why)), 0);
	copy = filter_copy(got.query.filter);
	assert_true(filter_match(copy, &response));
	assert_false(filter_match(copy, &failure));
	filter_free(copy);
	request_fini(&got);
	filter_free(put.query.filter);
	buffer_fini(&bytes);
}

static void test_filter_refuses(void **state)
{
	static const char *const bad[] = { "(", "a{5,2}", "[z-a]", "\\C" };
	struct filter *filter = NULL;
	char why[256], long_one[2000];

	(void)state;
	memset(long_one, 'x', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
			filter_test(field_find("dns.query"), bad[i], &filter, why, sizeof(why)),
			-EINVAL);
		assert_non_null(strstr(why, "is no regular expression; expected Perl's syntax"));
	}
	assert_int_equal(filter_test(field_find("dns.query"), long_one, &filter, why, sizeof(why)),
			 -EINVAL);
}

/* Expressions that take for ever elsewhere end here. */
static void test_filter_bounded(void **state)
{
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_REQUEST);
	struct flow_record record = sample_dns_request();
	char name[250];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	parts.query = name;
	record.dns = flow_dns_make(&parts, sample_dns_room());
	assert_false(matches("dns.query", "^(a+)+$x", &record));
	assert_false(matches("dns.query", "(a|a)*(a|a)*(a|a)*b", &record));
}

/* ---- copies -----------------------------------------------------------------------------------
 */

static void test_parts(void **state)
{
	struct flow_record record = sample_dns_response(), copy;
	_Alignas(8) uint8_t room[FLOW_DNS_SIZE + 2 * FLOW_NAMES_SIZE];
	size_t size;

	(void)state;
	record.source_names = "a\0bc\0";
	copy = record;
	size = record_parts_size(&record);
	assert_true(size > record.dns->size && size % 8 == 0 && size <= sizeof(room));
	record_parts_move(&copy, room);
	assert_ptr_not_equal(copy.dns, record.dns);
	assert_same(&copy, &record);
	assert_string_equal(flow_names_at(copy.source_names, 1), "bc");
	assert_null(flow_names_at(copy.source_names, 2));
	record_parts_drop(&copy);
	assert_string_equal(flow_dns_query(copy.dns), "");
	assert_null(copy.source_names);
	record = sample_record();
	assert_int_equal(record_parts_size(&record), 0);
}

static void test_words(void **state)
{
	char text[DNS_TYPE_TEXT_MAX + 1];
	uint16_t type;

	(void)state;
	for (unsigned number = 0; number <= UINT16_MAX; number++) {
		char *end = dns_type_write(text, (uint16_t)number);

		assert_true(end < text + DNS_TYPE_TEXT_MAX);
		*end = '\0';
		assert_int_equal(dns_type_parse(text, &type), 0);
		assert_int_equal(type, number);
	}
	assert_int_equal(dns_type_parse("TYPE65536", &type), -EINVAL);
	assert_int_equal(dns_type_parse("TYPE", &type), -EINVAL);
	assert_int_equal(dns_type_parse("", &type), -EINVAL);
	assert_string_equal(dns_rcode_words(3), "Non-Existent Domain");
	assert_string_equal(dns_rcode_name(2), "SERVFAIL");
	assert_null(dns_rcode_words(4000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire),	       cmocka_unit_test(test_wire_refuses),
		cmocka_unit_test(test_json_messages),  cmocka_unit_test(test_json_parts),
		cmocka_unit_test(test_json_bound),     cmocka_unit_test(test_filters),
		cmocka_unit_test(test_filter_wire),    cmocka_unit_test(test_filter_refuses),
		cmocka_unit_test(test_filter_bounded), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests_name("dns_record", tests, NULL, NULL);
}
