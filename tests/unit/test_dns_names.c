/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What clients call the addresses that they talk to. */
#include "tests/unit/dns_stage.h"

static const struct flow_dns *last(void)
{
	assert_true(count > 0);
	return records[count - 1].dns;
}

static struct flow_record flow(const char *from, const char *to, uint64_t first_ns)
{
	struct flow_record record = { .kind = FLOW_KIND_START, .first_ns = first_ns };
	int version;

	address_parse(from, record.key.src, &version);
	address_parse(to, record.key.dst, &version);
	record.key.scope = version == 6 ? FLOW_SCOPE_IPV6 : 0;
	dns_name_record(dns, &record);
	return record;
}

static void assert_names(const char *names, const char *first, const char *second)
{
	if (!first) {
		assert_null(names);
		return;
	}
	assert_non_null(names);
	assert_string_equal(flow_names_at(names, 0), first);
	if (second)
		assert_string_equal(flow_names_at(names, 1), second);
	else
		assert_null(flow_names_at(names, 1));
}

static void test_names(void **state)
{
	struct flow_record record;

	(void)state;
	ask_from(CLIENT, 4000, 7, "www.example", SERVER, SECOND);
	answer_to(CLIENT, 4000, 7, "www.example", "192.0.2.1", SERVER, 2 * SECOND);
	record = flow(CLIENT, "192.0.2.1", 3 * SECOND);
	assert_names(record.destination_names, "www.example", NULL);
	assert_names(record.source_names, NULL, NULL);
	record = flow("192.0.2.1", CLIENT, 3 * SECOND); /* the way back */
	assert_names(record.source_names, "www.example", NULL);
	record = flow("10.0.0.2", "192.0.2.1", 3 * SECOND); /* who has not asked */
	assert_names(record.destination_names, NULL, NULL);
	record = flow(CLIENT, "192.0.2.2", 3 * SECOND);
	assert_names(record.destination_names, NULL, NULL);
	ask_from(CLIENT, 4000, 8, "cdn.example", SERVER, 4 * SECOND);
	answer_to(CLIENT, 4000, 8, "cdn.example", "192.0.2.1", SERVER, 5 * SECOND);
	record = flow(CLIENT, "192.0.2.1", 6 * SECOND);
	assert_names(record.destination_names, "cdn.example", "www.example");
	record = flow(CLIENT, "192.0.2.1", 3 * SECOND); /* began when it was not known yet */
	assert_names(record.destination_names, "www.example", NULL);
	record = flow(CLIENT, "192.0.2.1", 94 * SECOND); /* TTL 30 and a minute's grace */
	assert_names(record.destination_names, "cdn.example", NULL);
	record = flow(CLIENT, "192.0.2.1", 96 * SECOND);
	assert_names(record.destination_names, NULL, NULL);
}

/* The name that was asked for, not what it is an alias of. */
static void test_alias(void **state)
{
	struct dns_packet packet;
	struct flow_record record;

	(void)state;
	ask_from(CLIENT, 4000, 7, "alias.example", SERVER, SECOND);
	wire_response(&wire, 7, 0, "alias.example", 1);
	wire_answer(&wire, 5, 10, "\x04real\x04host", 11);
	wire_a(&wire, 300, "192.0.2.1");
	packet = wire_packet(&wire, SERVER, 53, CLIENT, 4000, 2 * SECOND);
	dns_take(dns, &packet);
	assert_string_equal(flow_dns_next_text(flow_dns_query(last())), "real.host.");
	assert_int_equal(last()->ttl, 10);
	record = flow(CLIENT, "192.0.2.1", 3 * SECOND);
	assert_names(record.destination_names, "alias.example", NULL);
}

/* Asked over IPv4 for IPv6: the same card then uses another address. */
static void test_other_family(void **state)
{
	struct flow_record record = { .kind = FLOW_KIND_START, .first_ns = 3 * SECOND };
	struct dns_packet packet;
	int version;

	(void)state;
	wire_query(&wire, 7, "six.example", 28);
	packet = wire_packet(&wire, CLIENT, 4000, SERVER, 53, SECOND);
	memcpy(packet.eth_src, "\2\0\0\0\0\1", 6);
	dns_take(dns, &packet);
	wire_response(&wire, 7, 0, "six.example", 28);
	wire_a(&wire, 30, "2001:db8::1");
	packet = wire_packet(&wire, SERVER, 53, CLIENT, 4000, 2 * SECOND);
	memcpy(packet.eth_src, "\2\0\0\0\0\2", 6);
	dns_take(dns, &packet);
	address_parse("2001:db8::99", record.key.src, &version);
	address_parse("2001:db8::1", record.key.dst, &version);
	memcpy(record.eth_src, "\2\0\0\0\0\1", 6);
	dns_name_record(dns, &record);
	assert_names(record.destination_names, "six.example", NULL);
	memcpy(record.eth_src, "\2\0\0\0\0\3", 6);
	dns_name_record(dns, &record);
	assert_names(record.destination_names, NULL, NULL);
}

/* Answers that nobody asked for, or from elsewhere, name nothing. */
static void test_untrusted_names(void **state)
{
	struct flow_record record;

	(void)state;
	ask_from(CLIENT, 4000, 7, "www.example", SERVER, SECOND);
	answer_to(CLIENT, 4000, 8, "www.example", "192.0.2.66", SERVER, 2 * SECOND);
	answer_to(CLIENT, 4000, 7, "www.example", "192.0.2.67", SERVER2, 2 * SECOND);
	record = flow(CLIENT, "192.0.2.66", 3 * SECOND);
	assert_names(record.destination_names, NULL, NULL);
	record = flow(CLIENT, "192.0.2.67", 3 * SECOND);
	assert_names(record.destination_names, NULL, NULL);
}

/* A client that asks for a hundred thousand names costs the others none of theirs. */
static void test_fair(void **state)
{
	struct dns_stats stats;
	struct flow_record record;
	char name[64], address[32];

	(void)state;
	dns_close(dns);
	assert_int_equal(open_with(1000, 256 * 1024), 0);
	ask_from("10.0.0.2", 4000, 1, "kept.example", SERVER, SECOND);
	answer_to("10.0.0.2", 4000, 1, "kept.example", "192.0.2.1", SERVER, SECOND + 1);
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "n%u.flood.example", i);
		snprintf(address, sizeof(address), "198.%u.%u.%u", 18 + i / 65536, i >> 8 & 255,
			 i & 255);
		ask_from(CLIENT, 4000, i & 0xffff, name, SERVER, 2 * SECOND + i);
		answer_to(CLIENT, 4000, i & 0xffff, name, address, SERVER, 2 * SECOND + i);
		forget();
	}
	dns_stats(dns, &stats);
	assert_true(stats.dns_name_bytes <= 256 * 1024);
	assert_true(stats.dns_names_evicted > 90000);
	record = flow("10.0.0.2", "192.0.2.1", 3 * SECOND);
	assert_names(record.destination_names, "kept.example", NULL);
	record = flow(CLIENT, address, 3 * SECOND); /* the latest of the flood's own */
	assert_names(record.destination_names, name, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),	    TEST(test_alias), TEST(test_other_family),
		TEST(test_untrusted_names), TEST(test_fair),
	};
	return cmocka_run_group_tests_name("dns_names", tests, NULL, NULL);
}
