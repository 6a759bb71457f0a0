/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/filter.h"
#include "tests/unit/sample_record.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static struct filter *test_of(const char *field, const char *text)
{
	struct filter *filter = NULL;
	char why[300] = "";
	int err = filter_test(field_find(field), text, &filter, why, sizeof(why));

	if (err)
		print_error("%s=%s: %s\n", field, text, why);
	assert_int_equal(err, 0);
	return filter;
}

static bool matches(const char *field, const char *text, const struct flow_record *record)
{
	struct filter *filter = test_of(field, text), *copy = filter_copy(filter);
	bool match = filter_match(filter, record);

	assert_int_equal(filter_match(copy, record), match);
	filter_free(filter);
	filter_free(copy);
	return match;
}

/* Against sample_record(): 10.0.0.1:40000 -> 10.0.0.2:80 TCP SYN|ACK|FIN|PSH at veth1, br0. */
static const struct {
	const char *field, *text;
	bool match;
} operands[] = {
	{ "source.ip", "10.0.0.1", true },
	{ "source.ip", "10.0.0.2", false },
	{ "source.ip", "10.0.0.0/8", true },
	{ "source.ip", "10.0.0.77/24", true },
	{ "source.ip", "10.0.0.0/31", true },
	{ "source.ip", "10.0.0.2/31", false },
	{ "source.ip", "0.0.0.0/0", true },
	{ "source.ip", "::/0", false },
	{ "source.ip", "::ffff:10.0.0.1", true },
	{ "source.ip", "fd00::/8,10.0.0.1/32", true },
	{ "source.port", "40000", true },
	{ "source.port", "39999-40001", true },
	{ "source.port", "1,2,40000", true },
	{ "source.port", "0-39999,40001-65535", false },
	{ "destination.port", "80", true },
	{ "protocol", "tcp", true },
	{ "protocol", "TCP", true },
	{ "protocol", "6", true },
	{ "protocol", "udp,sctp", false },
	{ "protocol", "icmp", false },
	{ "protocol", "1-6", true },
	{ "verdict", "FORWARDED", true },
	{ "verdict", "dropped", false },
	{ "direction", "ingress", true },
	{ "direction", "egress", false },
	{ "reply", "false", true },
	{ "reply", "yes", false },
	{ "interface", "veth1", true },
	{ "interface", "br0", true },
	{ "interface", "veth?", true },
	{ "interface", "v*1", true },
	{ "interface", "*", true },
	{ "interface", "veth", false },
	{ "interface", "VETH1", false },
	{ "interface", "eth0,br*", true },
	{ "interface", "veth\\1", true },
	{ "interface", "veth\\*", false },
	{ "interface", "*h*1*", true },
	{ "ifindex", "3", true },
	{ "ifindex", "4", false },
	{ "hook", "tc", true },
	{ "hook", "xdp", false },
	{ "hook", "2", true },
	{ "ip.version", "v4", true },
	{ "ip.version", "6", false },
	{ "tcp.flags", "SYN", true },
	{ "tcp.flags", "syn,ack", true },
	{ "tcp.flags", "SYN,RST", false },
	{ "tcp.flags", "=SYN", false },
	{ "tcp.flags", "=SYN,ACK,FIN,PSH", true },
	{ "tcp.flags", "any:SYN,RST", true },
	{ "tcp.flags", "any:RST,URG", false },
	{ "tcp.flags", "=none", false },
	{ "packets", "12", true },
	{ "bytes", "1000-4000", true },
	{ "total.bytes", "18446744073709551615", true },
	{ "duration", "1s-2s", true },
	{ "duration", "2s-1h", false },
	{ "time", "2024-05-06..2024-05-07", true },
	{ "time", "2024-05-06", false },
	{ "time", "2024-05-06T07:08:09.123456789Z", true },
	{ "kind", "end", true },
	{ "kind", "flow_start", false },
	{ "end.reason", "fin,rst", true },
	{ "vlan", "0-4095", false },
	{ "icmp.type", "0-255", false },
	{ "source.mac", "02:00:00:00:00:01", true },
	{ "destination.mac", "02:00:00:00:00:01", false },
	{ "node", "node?", true },
	{ "fragment", "no", true },
	{ "flow.id", "4711", true },
	{ "position", "17-18", true },
};

static void test_operands(void **state)
{
	struct flow_record record = sample_record();

	(void)state;
	for (size_t i = 0; i < COUNT(operands); i++) {
		bool match = matches(operands[i].field, operands[i].text, &record);
		if (match != operands[i].match)
			print_error("%s=%s\n", operands[i].field, operands[i].text);
		assert_int_equal(match, operands[i].match);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *field, *text, *bad, *expected;
	} rows[] = {
		{ "source.ip", "10.0.0.1/33", "10.0.0.1/33", "/32" },
		{ "source.ip", "fd00::/129", "fd00::/129", "/128" },
		{ "source.ip", "10.0.0.1,10.0.0", "\"10.0.0\"", "address" },
		{ "source.ip", "10.0.0.1/", "10.0.0.1/", "prefix" },
		{ "source.ip", "10.0.0.1/+8", "/+8", "prefix" },
		{ "source.ip", "010.0.0.1", "010.0.0.1", "address" },
		{ "source.ip", "host.example", "host.example", "address" },
		{ "source.ip", "", "\"\"", "value" },
		{ "source.port", "70000", "70000", "65535" },
		{ "source.port", "80,70000-70001", "70000-70001", "65535" },
		{ "source.port", "99999999999999999999999", "is too large", "65535" },
		{ "source.port", "2000-1000", "backwards", "range" },
		{ "source.port", "80,,443", "\"\"", "list" },
		{ "source.port", "80,", "\"\"", "list" },
		{ "source.port", "-80", "-80", "number" },
		{ "source.port", "80-", "80-", "number" },
		{ "source.port", " 80", "\" 80\"", "number" },
		{ "source.port", "0x50", "0x50", "number" },
		{ "source.port", "http", "http", "number" },
		{ "protocol", "tcp,foo", "\"foo\"", "TCP, EGP, UDP" },
		{ "protocol", "256", "256", "ICMP" },
		{ "verdict", "FORWARD", "FORWARD", "DROPPED" },
		{ "direction", "up", "up", "INGRESS" },
		{ "reply", "maybe", "maybe", "true or false" },
		{ "tcp.flags", "SYN,FOO", "SYN,FOO", "any:SYN,RST" },
		{ "tcp.flags", "any:", "any:", "SYN" },
		{ "tcp.flags", "=", "\"=\"", "SYN" },
		{ "source.mac", "02:00", "02:00", "aa:bb" },
		{ "duration", "5", "\"5\"", "250ms" },
		{ "time", "3s", "3s", "RFC 3339" },
		{ "vlan", "4096", "4096", "4095" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct filter *filter = NULL;
		char why[600] = "";
		int err = filter_test(field_find(rows[i].field), rows[i].text, &filter, why,
				      sizeof(why));
		if (err != -EINVAL || !strstr(why, rows[i].bad) || !strstr(why, rows[i].expected))
			print_error("%s=%s: %d %s\n", rows[i].field, rows[i].text, err, why);
		assert_int_equal(err, -EINVAL);
		assert_null(filter);
		assert_non_null(strstr(why, rows[i].field));
		assert_non_null(strstr(why, rows[i].bad));
		assert_non_null(strstr(why, rows[i].expected));
	}
}

static void test_icmp_means_both(void **state)
{
	struct flow_record v4 = sample_of(1, 8, 0), v6 = sample_of(58, 128, 0);

	(void)state;
	assert_true(matches("protocol", "icmp", &v4));
	assert_true(matches("protocol", "icmp", &v6));
	assert_true(matches("protocol", "icmpv4", &v4));
	assert_false(matches("protocol", "icmpv4", &v6));
	assert_true(matches("icmp.type", "128", &v6));
	assert_false(matches("source.port", "0-65535", &v4));
	assert_true(matches("source.ip", "fe80::/10", &v6));
	assert_true(matches("source.ip", "::/0", &v6));
	assert_false(matches("source.ip", "0.0.0.0/0", &v6));
	assert_false(matches("source.ip", "fe80::1/127,fe80::2/128", &v4));
}

static void test_vlan_any(void **state)
{
	struct flow_record record = sample_record();

	(void)state;
	record.vlan[0] = FLOW_VLAN_PRESENT | 100;
	record.vlan[1] = FLOW_VLAN_PRESENT | 7;
	assert_true(matches("vlan", "100", &record));
	assert_true(matches("vlan", "7", &record));
	assert_false(matches("vlan", "8", &record));
}

static void assert_text(struct filter *filter, const char *expected)
{
	char text[256], part[8];

	assert_int_equal(filter_format(filter, text, sizeof(text)), strlen(expected));
	assert_string_equal(text, expected);
	assert_int_equal(filter_format(filter, part, sizeof(part)), strlen(expected));
	assert_true(strlen(part) < sizeof(part) && strncmp(part, expected, strlen(part)) == 0);
	filter_free(filter);
}

static void test_tree(void **state)
{
	struct filter *filter;

	(void)state;
	assert_text(filter_true(), "true");
	assert_text(NULL, "true");
	assert_text(test_of("source.ip", "10.0.0.9/8,fd00::1/64,1.2.3.4"),
		    "source.ip=10.0.0.0/8,fd00::/64,1.2.3.4");
	assert_text(test_of("protocol", "6,icmp,200"), "protocol=TCP,ICMPv4,ICMPv6,200");
	assert_text(test_of("tcp.flags", "any:rst,syn"), "tcp.flags=any:SYN,RST");
	assert_text(test_of("tcp.flags", "=none"), "tcp.flags==none");
	assert_text(test_of("source.port", "1000-2000,80"), "source.port=1000-2000,80");
	assert_text(test_of("protocol", "1-6"), "protocol=1-6");
	filter = filter_and(test_of("source.port", "80"), test_of("protocol", "tcp"));
	filter = filter_and(filter, filter_not(test_of("interface", "lo")));
	filter = filter_and(filter, filter_or(test_of("vlan", "7"), test_of("vlan", "8")));
	assert_text(
		filter,
		"(source.port=80 and protocol=TCP and not interface=lo and (vlan=7 or vlan=8))");
	assert_text(filter_not(filter_not(test_of("vlan", "7"))), "vlan=7");
	assert_text(filter_and(NULL, test_of("vlan", "7")), "vlan=7");
	assert_text(filter_or(test_of("vlan", "7"), NULL), "vlan=7");
	assert_null(filter_and(NULL, NULL));
	assert_null(filter_not(NULL));
	filter_free(NULL);
}

static void test_logic(void **state)
{
	struct flow_record record = sample_record();

	(void)state;
	for (unsigned bits = 0; bits < 8; bits++) {
		bool a = bits & 1, b = bits & 2, c = bits & 4;
		struct filter *x = test_of("source.port", a ? "40000" : "1");
		struct filter *y = test_of("destination.port", b ? "80" : "1");
		struct filter *z = test_of("protocol", c ? "tcp" : "udp");
		struct filter *tree = filter_or(filter_and(x, filter_not(y)), z);
		struct filter *copy = filter_copy(tree);
		assert_int_equal(filter_match(tree, &record), (a && !b) || c);
		filter_free(tree);
		assert_int_equal(filter_match(copy, &record), (a && !b) || c);
		filter_free(copy);
	}
	assert_true(filter_match(NULL, &record));
}

/* A chain of flags stays shallow, whatever side it grows on. */
static void test_long_chains(void **state)
{
	struct flow_record record = sample_record();
	struct filter *left = NULL, *right = NULL;
	char port[8];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(port, sizeof(port), "%d", i + 1000);
		left = filter_or(left, test_of("source.port", port));
		right = filter_or(test_of("source.port", port), right);
	}
	assert_false(filter_match(left, &record));
	left = filter_or(left, right);
	left = filter_or(left, test_of("source.port", "40000"));
	assert_true(filter_match(left, &record));
	filter_free(left);
}

/* A glob full of stars must not take exponential time. */
static void test_hostile_glob(void **state)
{
	struct flow_record record = sample_record();
	static char name[4096];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	record.points[0].interface = name;
	assert_false(matches("interface", "*a*a*a*a*a*a*a*a*a*a*a*a*b", &record));
	assert_true(matches("interface", "*a*a*a*a*a*a*a*a*a*a*a*a*a", &record));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_icmp_means_both),
		cmocka_unit_test(test_vlan_any),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_logic),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_hostile_glob),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
