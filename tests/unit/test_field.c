/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/address.h"
#include "proto/field.h"
#include "proto/icmp.h"
#include "proto/tcp_flags.h"
#include "tests/unit/sample_record.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static void assert_value(const struct flow_record *record, const char *name, unsigned index,
			 const char *expected)
{
	const struct field *field = field_find(name);
	struct field_value value;
	char text[128];

	assert_non_null(field);
	field_get(field, record, index, &value);
	int length = field_format(field, &value, text, sizeof(text));
	if (strcmp(text, expected) != 0)
		print_error("field %s\n", name);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static const struct {
	const char *name;
	unsigned index;
	const char *text;
} values[] = {
	{ "time", 0, "2024-05-06T07:08:09.123456789Z" },
	{ "node", 0, "node1" },
	{ "source.ip", 0, "10.0.0.1" },
	{ "destination.ip", 0, "10.0.0.2" },
	{ "source.port", 0, "40000" },
	{ "destination.port", 0, "80" },
	{ "source.mac", 0, "02:00:00:00:00:01" },
	{ "destination.mac", 0, "02:00:00:00:00:02" },
	{ "protocol", 0, "TCP" },
	{ "verdict", 0, "FORWARDED" },
	{ "direction", 0, "INGRESS" },
	{ "reply", 0, "false" },
	{ "interface", 0, "veth1" },
	{ "interface", 1, "br0" },
	{ "interface", 2, "" },
	{ "ifindex", 0, "2" },
	{ "ifindex", 1, "3" },
	{ "ifindex", 9, "" },
	{ "hook", 0, "tc" },
	{ "ip.version", 0, "IPv4" },
	{ "tcp.flags", 0, "SYN,ACK,FIN,PSH" },
	{ "packets", 0, "12" },
	{ "bytes", 0, "3456" },
	{ "l3.bytes", 0, "3288" },
	{ "total.packets", 0, "100" },
	{ "total.bytes", 0, "18446744073709551615" },
	{ "sampling", 0, "1" },
	{ "first.seen", 0, "2024-05-06T07:08:07.123456000Z" },
	{ "last.seen", 0, "2024-05-06T07:08:09.123000000Z" },
	{ "duration", 0, "1.999s" },
	{ "kind", 0, "flow_end" },
	{ "end.reason", 0, "fin" },
	{ "vlan", 0, "" },
	{ "icmp.type", 0, "" },
	{ "icmp.code", 0, "" },
	{ "icmp.id", 0, "" },
	{ "icmp.error", 0, "false" },
	{ "tunnel.type", 0, "" },
	{ "tunnel.id", 0, "" },
	{ "outer.source", 0, "" },
	{ "outer.destination", 0, "" },
	{ "carrier", 0, "false" },
	{ "estimated.packets", 0, "12" },
	{ "estimated.bytes", 0, "3456" },
	{ "fragment", 0, "false" },
	{ "type", 0, "trace" },
	{ "drop.reason", 0, "" },
	{ "drop.site", 0, "" },
	{ "drop.hook", 0, "" },
	{ "dropped", 0, "0" },
	{ "retransmits", 0, "0" },
	{ "resets", 0, "0" },
	{ "rtt", 0, "" },
	{ "handshake.rtt", 0, "" },
	{ "zero.windows", 0, "0" },
	{ "error", 0, "" },
	{ "netns", 0, "" },
	/* of a record with names: test_named_record.c */
	{ "source.pod", 0, "" },
	{ "destination.pod", 0, "" },
	{ "source.namespace", 0, "" },
	{ "destination.namespace", 0, "" },
	{ "source.label", 0, "" },
	{ "destination.label", 0, "" },
	{ "source.workload", 0, "" },
	{ "destination.workload", 0, "" },
	{ "source.service", 0, "" },
	{ "destination.service", 0, "" },
	{ "source.identity", 0, "" },
	{ "destination.identity", 0, "" },
	{ "source.cluster", 0, "" },
	{ "destination.cluster", 0, "" },
	{ "source.container", 0, "" },
	{ "destination.container", 0, "" },
	{ "source.image", 0, "" },
	{ "destination.image", 0, "" },
	{ "source.process", 0, "" },
	{ "destination.process", 0, "" },
	{ "source.pid", 0, "" },
	{ "destination.pid", 0, "" },
	{ "source.uid", 0, "" },
	{ "destination.uid", 0, "" },
	{ "source.unit", 0, "" },
	{ "destination.unit", 0, "" },
	{ "source.cgroup", 0, "" },
	{ "destination.cgroup", 0, "" },
	{ "source.netns", 0, "" },
	{ "destination.netns", 0, "" },
	{ "source.host", 0, "" },
	{ "destination.host", 0, "" },
	{ "source.node", 0, "" },
	{ "destination.node", 0, "" },
	{ "source.country", 0, "" },
	{ "destination.country", 0, "" },
	{ "source.asn", 0, "" },
	{ "destination.asn", 0, "" },
	{ "source.xlated", 0, "" },
	{ "destination.xlated", 0, "" },
	{ "source.identity.from", 0, "" },
	{ "destination.identity.from", 0, "" },
	{ "source.identity.missing", 0, "" },
	{ "destination.identity.missing", 0, "" },
	{ "source.name", 0, "" },
	{ "destination.name", 0, "" },
	{ "dns.message", 0, "" },
	{ "dns.query", 0, "" },
	{ "dns.qtype", 0, "" },
	{ "dns.rrtype", 0, "" },
	{ "dns.rcode", 0, "" },
	{ "dns.ip", 0, "" },
	{ "dns.cname", 0, "" },
	{ "dns.ttl", 0, "" },
	{ "dns.latency", 0, "" },
	{ "dns.waited", 0, "" },
	{ "dns.server", 0, "" },
	{ "dns.id", 0, "" },
	{ "dns.retries", 0, "" },
	{ "dns.answers", 0, "" },
	{ "dns.edns.size", 0, "" },
	{ "dns.flag", 0, "" },
	{ "flow.id", 0, "4711" },
	{ "position", 0, "17" },
};

static void test_values(void **state)
{
	struct flow_record record = sample_record();
	size_t count;

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++)
		assert_value(&record, values[i].name, values[i].index, values[i].text);
	/* a new row needs a line here */
	const struct field *fields = field_rows(&count);
	for (size_t i = 0; i < count; i++) {
		bool listed = false;
		for (size_t k = 0; k < COUNT(values); k++)
			listed |= strcmp(values[k].name, fields[i].name) == 0;
		if (!listed)
			print_error("field %s\n", fields[i].name);
		assert_true(listed);
	}
}

static void test_absent(void **state)
{
	struct flow_record record = sample_of(58, 135, 0);

	(void)state;
	memset(record.eth_src, 0, 6);
	memset(record.eth_dst, 0, 6);
	record.reply = FLOW_REPLY_UNKNOWN;
	record.direction = FLOW_DIRECTION_UNKNOWN;
	record.end_reason = FLOW_END_NONE;
	record.point_count = 0;
	record.position = 0;
	record.node_name = NULL;
	record.vlan[0] = FLOW_VLAN_PRESENT | 100;
	record.vlan[1] = FLOW_VLAN_PRESENT;
	static const char *const absent[] = { "source.port", "source.mac", "reply",   "direction",
					      "end.reason",  "interface",  "ifindex", "hook",
					      "tcp.flags",   "position",   "icmp.id", "node" };
	for (size_t i = 0; i < COUNT(absent); i++)
		assert_value(&record, absent[i], 0, "");
	assert_value(&record, "icmp.type", 0, "135");
	assert_value(&record, "icmp.code", 0, "0");
	assert_value(&record, "protocol", 0, "ICMPv6");
	assert_value(&record, "source.ip", 0, "fe80::1");
	assert_value(&record, "ip.version", 0, "IPv6");
	assert_value(&record, "vlan", 0, "100");
	assert_value(&record, "vlan", 1, "0");
}

/* What only some records have. */
static void test_extra(void **state)
{
	struct flow_record record = sample_record();

	(void)state;
	sample_tunnel(&record, FLOW_TUNNEL_GENEVE, 7);
	record.key.scope |= FLOW_SCOPE_CARRIER;
	record.icmp_error.packets = 1;
	record.sampling = 100;
	record.certain_packets = 2;
	record.certain_bytes = 56;
	assert_value(&record, "tunnel.type", 0, "geneve");
	assert_value(&record, "tunnel.id", 0, "7");
	assert_value(&record, "outer.source", 0, "2001:db8::1");
	assert_value(&record, "outer.destination", 0, "2001:db8::2");
	assert_value(&record, "carrier", 0, "true");
	assert_value(&record, "icmp.error", 0, "true");
	assert_value(&record, "estimated.packets", 0, "1002");
	assert_value(&record, "estimated.bytes", 0, "340056");
	record = sample_quote();
	assert_value(&record, "icmp.error", 0, "true");
	assert_value(&record, "icmp.id", 0, "");
	assert_value(&record, "tunnel.type", 0, "");
}

static void test_estimate(void **state)
{
	static const struct {
		uint64_t counted, certain;
		uint32_t sampling;
		uint64_t estimate;
	} rows[] = {
		{ 10, 10, 100, 10 }, /* nothing was left out */
		{ 10, 3, 100, 703 },
		{ 10, 0, 0, 10 },
		{ 10, 0, 1, 10 },
		{ 10, 11, 100, 10 }, /* not from us */
		{ UINT64_MAX, 0, 2, UINT64_MAX },
		{ UINT64_MAX / 2 + 2, 2, 2, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
			flow_record_estimate(rows[i].counted, rows[i].certain, rows[i].sampling),
			rows[i].estimate);
}

static void test_rows(void **state)
{
	size_t count;
	const struct field *rows = field_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(field_find(rows[i].name), &rows[i]);
		assert_non_null(rows[i].help);
		assert_true((rows[i].type == FIELD_NAME) == (rows[i].names != NULL));
	}
	assert_null(field_find("source"));
	assert_null(field_find(""));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
	} rows[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "10.20.100.9", "10.20.100.9" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
		{ "fe80:0:0:0:abcd:ef01:2345:6789", "fe80::abcd:ef01:2345:6789" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[ADDRESS_TEXT_MAX];
		uint8_t address[16];
		int version;
		assert_int_equal(address_parse(rows[i].text, address, &version), 0);
		char *end = address_write(text, address, version == 4);
		assert_string_equal(text, rows[i].canonical);
		assert_ptr_equal(end, text + strlen(text));
	}
}

static void test_macs(void **state)
{
	static const char *const bad[] = { "",
					   "02:00:00:00:00",
					   "02:00:00:00:00:0g",
					   "02:00:00:00:00:00:00",
					   "02-00-00-00-00-01",
					   "2:0:0:0:0:1" };
	char text[MAC_TEXT_MAX];
	uint8_t mac[6];

	(void)state;
	assert_int_equal(mac_parse("Ab:00:ff:10:9a:0F", mac), 0);
	mac_write(text, mac);
	assert_string_equal(text, "ab:00:ff:10:9a:0f");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_true(mac_parse(bad[i], mac) < 0);
}

static void test_icmp(void **state)
{
	static const struct {
		uint8_t protocol, type, code;
		const char *text;
	} rows[] = {
		{ 1, 8, 0, "EchoRequest" },
		{ 1, 0, 0, "EchoReply" },
		{ 1, 0, 3, "EchoReply(Code: 3)" },
		{ 1, 3, 3, "DestinationUnreachable(Port)" },
		{ 1, 3, 13, "DestinationUnreachable(CommAdminProhibited)" },
		{ 1, 3, 16, "DestinationUnreachable(Code: 16)" },
		{ 1, 11, 0, "TimeExceeded(TTLExceeded)" },
		{ 1, 5, 1, "Redirect(Host)" },
		{ 1, 250, 1, "250(1)" },
		{ 58, 1, 4, "DestinationUnreachable(PortUnreachable)" },
		{ 58, 2, 0, "PacketTooBig" },
		{ 58, 128, 0, "EchoRequest" },
		{ 58, 135, 0, "NeighborSolicitation" },
		{ 58, 143, 0, "MLDv2MulticastListenerReportMessageV2" },
		{ 58, 200, 9, "200(9)" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[ICMP_TEXT_MAX];
		icmp_write(text, rows[i].protocol, rows[i].type, rows[i].code);
		assert_string_equal(text, rows[i].text);
	}
	for (unsigned type = 0; type < 256; type++) {
		for (unsigned code = 0; code < 256; code++) {
			char text[ICMP_TEXT_MAX];
			icmp_write(text, 1, (uint8_t)type, (uint8_t)code);
			assert_true(strlen(text) < ICMP_TEXT_MAX);
			icmp_write(text, 58, (uint8_t)type, (uint8_t)code);
			assert_true(strlen(text) < ICMP_TEXT_MAX);
		}
	}
}

static void test_flags(void **state)
{
	char text[TCP_FLAGS_TEXT_MAX];
	uint16_t flag;

	(void)state;
	tcp_flags_write(text, FLOW_TCP_MASK, ", ");
	assert_string_equal(text, "SYN, ACK, RST, FIN, PSH, URG, ECE, CWR, NS");
	tcp_flags_write(text, FLOW_FLAG_FRAGMENT, ", ");
	assert_string_equal(text, "");
	assert_int_equal(tcp_flags_find("cwr", 3, &flag), 0);
	assert_int_equal(flag, FLOW_TCP_CWR);
	assert_true(tcp_flags_find("SY", 2, &flag) < 0);
	assert_true(tcp_flags_find("", 0, &flag) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	 cmocka_unit_test(test_absent),
		cmocka_unit_test(test_rows),	 cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_macs),	 cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_flags),	 cmocka_unit_test(test_extra),
		cmocka_unit_test(test_estimate),
	};
	return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
