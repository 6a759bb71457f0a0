// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records of every kind in the schemas of others: each field is in the published list
 * (tests/schemas) with its kind of value, and says what the record says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/format.h"
#include "flowd/export/schema.h"
#include "tests/unit/sample_dns.h"
#include "tests/unit/sample_ends.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct format_id id = { .text = "00000000-0000-8000-8000-000000000001" };

static char *body_of(enum export_format_id format_id, const struct flow_record *record)
{
	struct format *format;
	struct buffer body = { 0 };
	char why[256];

	assert_int_equal(format_open(&format, format_id, NULL, "node1", why, sizeof(why)), 0);
	assert_int_equal(format_record(format, record, &id, &body), 0);
	assert_int_equal(buffer_append(&body, "", 1), 0);
	format_close(format);
	return (char *)body.data;
}

static struct flow_record sample_reply(void)
{
	struct flow_record record = sample_named();

	record.reply = FLOW_REPLY_YES;
	return record;
}

static struct flow_record sample_refused(void)
{
	struct flow_record record = sample_drop();

	record.kind = FLOW_KIND_TCP_CONNECT;
	record.verdict = FLOW_VERDICT_ERROR;
	record.incident.error = 111;
	memset(record.drops, 0, sizeof(record.drops));
	return record;
}

static struct flow_record sample_ipv6(void)
{
	struct flow_record record = sample_looked_up();

	sample_addresses(&record, "2001:db8::1", "2001:db8::2");
	sample_tcp(&record);
	record.ends[FLOW_DESTINATION] = sample_named().ends[FLOW_SOURCE];
	return record;
}

static struct flow_record (*const samples[])(void) = {
	sample_record,	     sample_named,	 sample_reply,	     sample_ipv6,
	sample_drop,	     sample_refused,	 sample_quote,	     sample_dns_request,
	sample_dns_response, sample_dns_failure, sample_dns_timeout, sample_looked_up,
};

/* ---- published lists ---------------------------------------------------------------------------
 */

/* The second word of the line that begins with `path`; NULL: not in the list. */
static const char *listed(const char *list, const char *path)
{
	static char kind[64];
	char name[256];
	FILE *file;
	bool found = false;

	snprintf(name, sizeof(name), SOURCE_ROOT "/tests/schemas/%s", list);
	file = fopen(name, "r");
	assert_non_null(file);
	while (!found && fscanf(file, "%255s %63s", name, kind) == 2)
		found = !strcmp(name, path);
	fclose(file);
	return found ? kind : NULL;
}

/* Each schema's own place for what it has no field for. */
static bool is_own(const char *path)
{
	return !strncmp(path, "flowd.", 6) || !strncmp(path, "unmapped.", 9);
}

static void check_value(const char *list, const char *path, struct json_object *value)
{
	const char *kind = is_own(path) ? NULL : listed(list, path);
	bool number = json_object_is_type(value, json_type_int) ||
		      json_object_is_type(value, json_type_double);

	if (is_own(path))
		return;
	if (!kind)
		fail_msg("%s: no such field: %s", list, path);
	else if (number != !strcmp(kind, "number"))
		fail_msg("%s: %s is a %s, got %s", list, path, kind, json_object_get_string(value));
	else if (!strcmp(kind, "object"))
		fail_msg("%s: %s is an object, got %s", list, path, json_object_get_string(value));
}

/* What the lists have as objects of lists: their members' paths go on. */
static void check_below(const char *list, const char *path, struct json_object *value)
{
	char below[512];

	if (json_object_is_type(value, json_type_array)) {
		assert_true(json_object_array_length(value) > 0);
		for (size_t i = 0; i < json_object_array_length(value); i++)
			check_below(list, path, json_object_array_get_idx(value, i));
		return;
	}
	if (!json_object_is_type(value, json_type_object)) {
		check_value(list, path, value);
		return;
	}
	json_object_object_foreach(value, key, member)
	{
		snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", key);
		check_below(list, below, member);
	}
}

static struct json_object *parse(const char *body)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, body, (int)strlen(body) + 1);
	if (!object)
		fail_msg("no JSON: %s", body);
	json_tokener_free(tokener);
	return object;
}

/* The member with this path, "" where there is none. */
static const char *text_at(struct json_object *object, const char *path)
{
	char text[256], *place = NULL;

	snprintf(text, sizeof(text), "%s", path);
	for (char *key = strtok_r(text, ".", &place); key; key = strtok_r(NULL, ".", &place)) {
		if (json_object_is_type(object, json_type_array))
			object = json_object_array_get_idx(object, 0);
		if (!json_object_object_get_ex(object, key, &object))
			return "";
	}
	return json_object_get_string(object);
}

static void test_ecs_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct flow_record record = samples[i]();
		char *body = body_of(EXPORT_FORMAT_ECS, &record);
		struct json_object *object = parse(body);

		check_below("ecs.txt", "", object);
		json_object_put(object);
		free(body);
	}
}

static void test_ocsf_list(void **state)
{
	static const char *const required[] = {
		"activity_id",	   "category_uid",
		"class_uid",	   "metadata.version",
		"severity_id",	   "time",
		"src_endpoint.ip", "dst_endpoint.ip",
		"type_uid",	   "metadata.product.vendor_name",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct flow_record record = samples[i]();
		char *body = body_of(EXPORT_FORMAT_OCSF, &record);
		struct json_object *object = parse(body);
		int class = atoi(text_at(object, "class_uid"));

		assert_int_equal(class, record.dns ? 4003 : 4001);
		check_below(record.dns ? "ocsf_dns.txt" : "ocsf.txt", "", object);
		for (size_t j = 0; j < COUNT(required); j++)
			if (!*text_at(object, required[j]))
				fail_msg("%s is missing in %s", required[j], body);
		assert_int_equal(atoi(text_at(object, "type_uid")),
				 class * 100 + atoi(text_at(object, "activity_id")));
		json_object_put(object);
		free(body);
	}
}

static void check_cef_pair(const char *key, size_t length, const char *value)
{
	char name[64];
	const char *kind;

	snprintf(name, sizeof(name), "%.*s", (int)length, key);
	kind = listed("cef.txt", name);
	if (!kind)
		fail_msg("cef.txt: no such key: %s", name);
	else if (!strcmp(kind, "number") && !isdigit((unsigned char)*value))
		fail_msg("cef.txt: %s is a number, got %s", name, value);
}

/* Keys are the words before an equal sign that is not escaped. */
static void test_cef_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct flow_record record = samples[i]();
		char *body = body_of(EXPORT_FORMAT_CEF, &record), *at = body;
		size_t keys = 0;

		for (int bar = 0; bar < 7; bar++)
			at = strchr(at, '|') + 1;
		for (char *equals = at; (equals = strchr(equals, '=')); equals++) {
			char *key = equals;

			if (equals[-1] == '\\')
				continue;
			while (key > at && key[-1] != ' ')
				key--;
			check_cef_pair(key, (size_t)(equals - key), equals + 1);
			keys++;
		}
		assert_true(keys > 10);
		free(body);
	}
}

/* A column for each row, in their order. */
static void test_clickhouse(void **state)
{
	FILE *file = fopen(SOURCE_ROOT "/deploy/clickhouse.sql", "r");
	char line[256], name[128], type[64];
	size_t count = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "  %127[a-z0-9_] %63[A-Za-z0-9]", name, type) != 2)
			continue;
		assert_true(count < schema_flat.count);
		assert_string_equal(name, schema_flat.rows[count].path);
		if (schema_flat.rows[count].as == SCHEMA_TEXT)
			assert_string_equal(type, "String");
		count++;
	}
	assert_int_equal(count, schema_flat.count);
	fclose(file);
}

/* Rows below one object stand together, else an object would be written twice. */
static void check_order(const struct schema *schema, size_t row, size_t length)
{
	const char *path = schema->rows[row].path;
	bool begun = false;

	for (size_t j = 0; j < row; j++)
		begun |= !strncmp(schema->rows[j].path, path, length);
	if (begun && strncmp(schema->rows[row - 1].path, path, length))
		fail_msg("%s stands apart", path);
}

static void test_order(void **state)
{
	static const struct schema *const schemas[] = { &schema_ecs, &schema_ocsf, &schema_flat };

	(void)state;
	for (size_t s = 0; s < COUNT(schemas); s++)
		for (size_t i = 1; i < schemas[s]->count; i++) {
			const char *path = schemas[s]->rows[i].path;

			for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'))
				check_order(schemas[s], i, (size_t)(dot - path) + 1);
		}
}

/* ---- what they say -----------------------------------------------------------------------------
 */

struct fact {
	struct flow_record (*sample)(void);
	const char *path, *value;
};

static void check_facts(enum export_format_id format, const struct fact *facts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct flow_record record = facts[i].sample();
		char *body = body_of(format, &record);
		struct json_object *object = parse(body);
		const char *found = text_at(object, facts[i].path);

		if (strcmp(found, facts[i].value))
			fail_msg("%s: \"%s\", not \"%s\", in %s", facts[i].path, found,
				 facts[i].value, body);
		json_object_put(object);
		free(body);
	}
}

static void test_ecs(void **state)
{
	static const struct fact facts[] = {
		{ sample_record, "event.type", "[ \"connection\", \"end\", \"allowed\" ]" },
		{ sample_record, "event.dataset", "flowd.flow" },
		{ sample_record, "event.outcome", "success" },
		{ sample_record, "related.ip", "[ \"10.0.0.1\", \"10.0.0.2\" ]" },
		{ sample_drop, "event.reason", "NETFILTER_DROP" },
		{ sample_drop, "event.type", "[ \"connection\", \"denied\" ]" },
		{ sample_drop, "rule.ruleset", "filter" },
		{ sample_drop, "rule.name", "pods" },
		{ sample_drop, "flowd.drop.packets", "3" },
		{ sample_refused, "error.code", "ECONNREFUSED" },
		{ sample_refused, "event.outcome", "failure" },
		{ sample_named, "process.name", "curl" },
		{ sample_named, "process.user.id", "1000" },
		{ sample_named, "container.id", "0123456789abcdef" },
		{ sample_named, "orchestrator.resource.name", "shop/web-0" },
		{ sample_named, "source.nat.ip", "192.0.2.7" },
		{ sample_named, "source.nat.port", "61000" },
		{ sample_named, "source.as.organization.name", "Example \"AS\"" },
		{ sample_looked_up, "destination.domain", "www.example.com" },
		{ sample_dns_request, "dns.type", "query" },
		{ sample_dns_request, "event.outcome", "unknown" },
		{ sample_dns_response, "network.protocol", "dns" },
		{ sample_dns_response, "dns.type", "answer" },
		{ sample_dns_response, "dns.question.name", "example.com" },
		{ sample_dns_response, "dns.question.type", "A" },
		{ sample_dns_response, "dns.response_code", "NOERROR" },
		{ sample_dns_response, "dns.resolved_ip", "[ \"1.2.3.4\", \"2001:db8::1\" ]" },
		{ sample_dns_response, "dns.header_flags", "[ \"RD\", \"RA\" ]" },
		{ sample_dns_response, "event.duration", "1234567" },
		{ sample_dns_failure, "event.outcome", "failure" },
		{ sample_dns_failure, "dns.response_code", "NXDOMAIN" },
		{ sample_dns_timeout, "flowd.dns.message", "timeout" },
	};

	(void)state;
	check_facts(EXPORT_FORMAT_ECS, facts, COUNT(facts));
}

static void test_ocsf(void **state)
{
	static const struct fact facts[] = {
		{ sample_record, "type_uid", "400102" },
		{ sample_drop, "type_uid", "400105" },
		{ sample_drop, "disposition_id", "2" },
		{ sample_drop, "count", "3" },
		{ sample_drop, "firewall_rule.name", "filter pods" },
		{ sample_drop, "status_detail", "NETFILTER_DROP" },
		{ sample_refused, "status_code", "ECONNREFUSED" },
		{ sample_refused, "type_uid", "400105" },
		{ sample_reply, "src_endpoint.ip", "10.0.0.2" },
		{ sample_reply, "src_endpoint.port", "80" },
		{ sample_reply, "traffic.bytes_in", "3456" },
		{ sample_reply, "traffic.bytes_out", "" },
		{ sample_reply, "dst_endpoint.container.name", "httpd" },
		{ sample_named, "traffic.bytes_out", "3456" },
		{ sample_named, "actor.process.user.uid", "1000" },
		{ sample_named, "src_endpoint.proxy_endpoint.port", "61000" },
		{ sample_dns_request, "type_uid", "400301" },
		{ sample_dns_response, "type_uid", "400302" },
		{ sample_dns_response, "src_endpoint.ip", "10.0.0.1" },
		{ sample_dns_response, "query.hostname", "example.com" },
		{ sample_dns_response, "answers.rdata", "1.2.3.4" },
		{ sample_dns_response, "answers.type", "A" },
		{ sample_dns_failure, "rcode_id", "3" },
		{ sample_dns_failure, "status_id", "2" },
		{ sample_dns_timeout, "type_uid", "400301" },
		{ sample_dns_timeout, "unmapped.dns_message", "timeout" },
	};

	(void)state;
	check_facts(EXPORT_FORMAT_OCSF, facts, COUNT(facts));
}

static void test_flat(void **state)
{
	static const struct fact facts[] = {
		{ sample_drop, "drop_chain", "pods" },
		{ sample_drop, "dropped", "3" },
		{ sample_named, "source_uid", "1000" },
		{ sample_named, "source_nat_ip", "192.0.2.7" },
		{ sample_looked_up, "destination_name", "www.example.com" },
		{ sample_dns_response, "dns_ips", "1.2.3.4 2001:db8::1" },
		{ sample_dns_response, "dns_latency_us", "1234" },
		{ sample_dns_failure, "dns_rcode", "NXDOMAIN" },
		{ sample_ipv6, "handshake_us", "1200" },
		{ sample_ipv6, "retransmits", "7" },
	};

	(void)state;
	check_facts(EXPORT_FORMAT_FLAT, facts, COUNT(facts));
}

static void test_cef(void **state)
{
	static const struct fact facts[] = {
		{ sample_record, NULL, " src=10.0.0.1 spt=40000 " },
		{ sample_ipv6, NULL, " c6a2=2001:db8::1 c6a2Label=Source IPv6 Address spt=" },
		{ sample_ipv6, NULL, " cfp1=1.500000 cfp1Label=rttMs " },
		{ sample_drop, NULL, "|drop|drop|5|rt=" },
		{ sample_drop, NULL, " reason=NETFILTER_DROP cnt=3 " },
		{ sample_drop, NULL, " cs4=filter pods cs4Label=rule " },
		{ sample_dns_response, NULL,
		  " cs2=example.com cs2Label=dnsQuery "
		  "cs3=NOERROR cs3Label=dnsOutcome " },
		{ sample_dns_timeout, NULL, " cs3=timeout cs3Label=dnsOutcome " },
		{ sample_named, NULL,
		  " sourceTranslatedAddress=192.0.2.7 "
		  "sourceTranslatedPort=61000 " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(facts); i++) {
		struct flow_record record = facts[i].sample();
		char *body = body_of(EXPORT_FORMAT_CEF, &record);

		if (!strstr(body, facts[i].value))
			fail_msg("no \"%s\" in %s", facts[i].value, body);
		free(body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ecs_list), cmocka_unit_test(test_ocsf_list),
		cmocka_unit_test(test_cef_list), cmocka_unit_test(test_clickhouse),
		cmocka_unit_test(test_order),	 cmocka_unit_test(test_ecs),
		cmocka_unit_test(test_ocsf),	 cmocka_unit_test(test_flat),
		cmocka_unit_test(test_cef),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
