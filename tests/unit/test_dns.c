/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS as a whole: packets in, records out. */
#include "tests/unit/dns_stage.h"

#include "proto/json.h"

static const struct flow_dns *last(void)
{
	assert_true(count > 0);
	return records[count - 1].dns;
}

static void expect_summary(const char *expected)
{
	char text[512];

	assert_true(count > 0);
	flow_record_summary(&records[count - 1], text, sizeof(text));
	assert_string_equal(text, expected);
}

/* ---- transactions -----------------------------------------------------------------------------
 */

static void test_pair(void **state)
{
	(void)state;
	ask_from(CLIENT, 4000, 7, "Www.Example.COM", SERVER, SECOND);
	expect_summary("DNS Query www.example.com. A");
	assert_int_equal(records[0].reply, FLOW_REPLY_NO);
	answer_to(CLIENT, 4000, 7, "www.example.com", "192.0.2.1", SERVER, SECOND + 3 * MS);
	expect_summary("DNS Answer \"192.0.2.1\" TTL: 30 (Query www.example.com. A); 3ms");
	assert_int_equal(last()->latency_ns, 3 * MS);
	assert_int_equal(records[1].time_ns, SECOND + 3 * MS);
	assert_int_equal(records[1].kind, FLOW_KIND_DNS);
	assert_int_equal(records[1].reply, FLOW_REPLY_YES);
	dns_age(dns, 100 * SECOND);
	assert_int_equal(count, 2);
}

static void test_timeout(void **state)
{
	struct dns_stats stats;

	(void)state;
	ask_from(CLIENT, 4000, 7, "a.example", SERVER, SECOND);
	dns_age(dns, 6 * SECOND - 1);
	assert_int_equal(count, 1);
	dns_age(dns, 6 * SECOND);
	assert_int_equal(count, 2);
	expect_summary("DNS Query a.example. A; no answer in 5.000s");
	assert_int_equal(records[1].verdict, FLOW_VERDICT_ERROR);
	assert_int_equal(records[1].time_ns, 6 * SECOND);
	assert_int_equal(records[1].key.dst_port, 53);
	answer_to(CLIENT, 4000, 7, "a.example", "192.0.2.1", SERVER, 7 * SECOND);
	assert_true(last()->flags & FLOW_DNS_LATE);
	assert_int_equal(last()->latency_ns, 6 * SECOND);
	dns_stats(dns, &stats);
	assert_int_equal(stats.dns_timeouts, 1);
	assert_int_equal(stats.dns_late, 1);
	assert_int_equal(stats.dns_answered, 1);
}

static void test_retries(void **state)
{
	(void)state;
	ask_from(CLIENT, 4000, 7, "a.example", SERVER, SECOND);
	ask_from(CLIENT, 4000, 7, "a.example", SERVER, 2 * SECOND); /* the same packet again */
	assert_int_equal(last()->retries, 1);
	ask_from(CLIENT, 4001, 8, "a.example", SERVER2, 4 * SECOND); /* the next server */
	assert_int_equal(last()->retries, 2);
	assert_int_equal(last()->waited_ns, 3 * SECOND);
	answer_to(CLIENT, 4001, 8, "a.example", "192.0.2.1", SERVER2, 4 * SECOND + MS);
	expect_summary("DNS Answer \"192.0.2.1\" TTL: 30 (Query a.example. A); 1ms; retry 2");
	assert_int_equal(last()->waited_ns, 3 * SECOND + MS);
	dns_age(dns, 7 * SECOND); /* the first server's five seconds began with its last query */
	assert_int_equal(last()->event, FLOW_DNS_EVENT_TIMEOUT);
	assert_int_equal(last()->retries, 1);
	assert_int_equal(last()->latency_ns, 6 * SECOND);
}

/* Two programs ask for the same at once: no retry. Nor is another client's, type's or name's. */
static void test_no_retries(void **state)
{
	(void)state;
	ask_from(CLIENT, 4000, 7, "a.example", SERVER, SECOND);
	ask_from(CLIENT, 4001, 8, "a.example", SERVER, SECOND + MS);
	assert_int_equal(last()->retries, 0);
	ask_from("10.0.0.2", 4002, 9, "a.example", SERVER, 2 * SECOND);
	assert_int_equal(last()->retries, 0);
	ask_from(CLIENT, 4003, 10, "b.example", SERVER, 2 * SECOND);
	assert_int_equal(last()->retries, 0);
}

static void test_strangers(void **state)
{
	(void)state;
	answer_to(CLIENT, 4000, 7, "a.example", "192.0.2.1", SERVER, SECOND);
	assert_int_equal(last()->flags & FLOW_DNS_UNSOLICITED,
			 0); /* watched for too short a time */
	answer_to(CLIENT, 4000, 7, "a.example", "192.0.2.1", SERVER, 10 * SECOND);
	assert_true(last()->flags & FLOW_DNS_UNSOLICITED);
	ask_from(CLIENT, 4000, 8, "a.example", SERVER, 11 * SECOND);
	answer_to(CLIENT, 4000, 8, "b.example", "192.0.2.1", SERVER, 11 * SECOND);
	assert_true(last()->flags & FLOW_DNS_UNSOLICITED); /* to another question */
	answer_to(CLIENT, 4000, 8, "a.example", "192.0.2.66", SERVER2, 11 * SECOND + MS);
	assert_true(last()->flags & FLOW_DNS_OTHER_SERVER);
	assert_int_equal(last()->server[15], 53); /* who was asked */
	answer_to(CLIENT, 4000, 8, "a.example", "192.0.2.1", SERVER, 11 * SECOND + 2 * MS);
	assert_true(last()->flags & FLOW_DNS_DUPLICATE);
}

static void take_tcp(const char *from, unsigned from_port, const char *to, unsigned to_port,
		     uint32_t seq, unsigned flags, const void *data, size_t size, uint64_t time_ns)
{
	struct wire none = { .size = 0 };
	struct dns_packet packet = wire_packet(&none, from, from_port, to, to_port, time_ns);

	packet.key.protocol = IPPROTO_TCP;
	packet.tcp_seq = seq;
	packet.flags = (uint16_t)flags;
	packet.data = data;
	packet.captured = packet.length = (uint32_t)size;
	dns_take(dns, &packet);
}

/* The message in `wire`, behind its length. */
static size_t framed(uint8_t *out)
{
	out[0] = (uint8_t)(wire.size >> 8);
	out[1] = (uint8_t)wire.size;
	memcpy(out + 2, wire.bytes, wire.size);
	return wire.size + 2;
}

static void test_truncated(void **state)
{
	struct dns_packet packet;
	uint8_t bytes[600];

	(void)state;
	ask_from(CLIENT, 4000, 7, "big.example", SERVER, SECOND);
	wire_response(&wire, 7, 0x0200, "big.example", 1);
	packet = wire_packet(&wire, SERVER, 53, CLIENT, 4000, SECOND + MS);
	dns_take(dns, &packet);
	expect_summary("DNS Answer TTL: 4294967295 (Query big.example. A); 1ms; truncated");
	wire_query(&wire, 9, "big.example", 1);
	take_tcp(CLIENT, 5000, SERVER, 53, 100, FLOW_TCP_SYN, bytes, 0, SECOND + 2 * MS);
	take_tcp(CLIENT, 5000, SERVER, 53, 101, 0, bytes, framed(bytes), SECOND + 3 * MS);
	assert_true(last()->flags & FLOW_DNS_TCP_RETRY);
	assert_int_equal(last()->waited_ns, 3 * MS);
	wire_response(&wire, 9, 0, "big.example", 1);
	wire_a(&wire, 5, "192.0.2.9");
	take_tcp(SERVER, 53, CLIENT, 5000, 500, 0, bytes, framed(bytes), SECOND + 5 * MS);
	expect_summary("DNS Answer \"192.0.2.9\" TTL: 5 (Query big.example. A); 2ms; tcp_retry");
	assert_int_equal(last()->waited_ns, 5 * MS);
}

/* Nobody need answer a question to a group; its answers come from whoever has them. */
static void test_groups(void **state)
{
	struct dns_packet packet;

	(void)state;
	wire_query(&wire, 3, "printer", 1);
	packet = wire_packet(&wire, CLIENT, 4000, "224.0.0.252", 5355, SECOND);
	dns_take(dns, &packet);
	wire_response(&wire, 3, 0, "printer", 1);
	wire_a(&wire, 30, "10.0.0.9");
	packet = wire_packet(&wire, "10.0.0.9", 5355, CLIENT, 4000, SECOND + MS);
	dns_take(dns, &packet);
	assert_int_equal(last()->latency_ns, MS);
	assert_int_equal(last()->flags & FLOW_DNS_OTHER_SERVER, 0);
	wire_response(&wire, 0, 0, NULL, 0);
	packet = wire_packet(&wire, "10.0.0.9", 5353, "224.0.0.251", 5353, 20 * SECOND);
	dns_take(dns, &packet);
	assert_int_equal(last()->flags & FLOW_DNS_UNSOLICITED, 0);
	dns_age(dns, 60 * SECOND);
	assert_int_equal(count, 3);
}

static void test_bounded(void **state)
{
	struct dns_stats stats;
	char name[64];

	(void)state;
	dns_close(dns);
	assert_int_equal(open_with(1000, 1 << 20), 0);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "n%u.flood.example", i);
		ask_from(CLIENT, 1024 + i % 60000, i & 0xffff, name, SERVER, SECOND + i);
		forget();
	}
	dns_stats(dns, &stats);
	assert_int_equal(stats.dns_pending, 1000);
	assert_int_equal(stats.dns_pending_evicted, 99000);
	answer_to(CLIENT, 1024, 0, "n0.flood.example", NULL, SERVER, 2 * SECOND);
	assert_int_equal(last()->flags & FLOW_DNS_UNSOLICITED,
			 0); /* it was forgotten, not absent */
}

/* ---- what is no DNS ---------------------------------------------------------------------------
 */

static void test_malformed(void **state)
{
	static const char junk[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct dns_packet packet;
	struct dns_stats stats;

	(void)state;
	wire.size = sizeof(junk) - 1;
	memcpy(wire.bytes, junk, wire.size);
	packet = wire_packet(&wire, CLIENT, 4000, SERVER, 53, SECOND);
	dns_take(dns, &packet);
	wire.size = 5;
	packet = wire_packet(&wire, CLIENT, 4000, SERVER, 53, SECOND);
	dns_take(dns, &packet);
	dns_stats(dns, &stats);
	assert_int_equal(count, 0);
	assert_int_equal(stats.dns_malformed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pair),       TEST(test_timeout),   TEST(test_retries),
		TEST(test_no_retries), TEST(test_strangers), TEST(test_truncated),
		TEST(test_groups),     TEST(test_bounded),   TEST(test_malformed),
	};
	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
