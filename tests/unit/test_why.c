/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What DNS and names have to do with a connection: flowcli/why_dns.c, why_known.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flowcli/why_dns.h"
#include "flowcli/why_known.h"
#include "proto/address.h"

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)

static const struct flow_endpoint pods[] = { { .netns = 1 }, { .netns = 2 } };
static const uint8_t server_ip[1][16] = { { [10] = 0xff, 0xff, 10, 0, 0, 2 } };

static void ends(struct flow_record *record, const char *source, const char *destination)
{
	int version;

	address_parse(source, record->key.src, &version);
	address_parse(destination, record->key.dst, &version);
}

/* An answer at `ms`, `took` after the question. */
static void answer(struct why_dns *dns, uint64_t ms, uint64_t took_ms, const char *query,
		   uint16_t rcode, const struct flow_endpoint *client, uint32_t pid)
{
	static _Alignas(8) uint8_t room[FLOW_DNS_SIZE];
	static const uint16_t types[1] = { 1 };
	struct flow_dns_parts parts = { .head = { .event = FLOW_DNS_EVENT_RESPONSE,
						  .latency_ns = took_ms * SECOND / 1000,
						  .rcode = rcode,
						  .ip_count = rcode ? 0 : 1 },
					.ips = server_ip,
					.qtypes = types,
					.rrtypes = types,
					.query = query,
					.cnames = "" };
	struct flow_record record = { .first_ns = START + ms * SECOND / 1000,
				      .kind = FLOW_KIND_DNS };

	ends(&record, "10.0.0.53", "10.0.0.1");
	record.ends[FLOW_DESTINATION] = (struct flow_end){ .endpoint = client, .pid = pid };
	record.dns = flow_dns_make(&parts, room);
	why_dns_take(dns, &record, "www");
}

/* A connection at `ms`, open 100 ms later. */
static void connect_at(struct why_dns *dns, uint64_t flow_id, uint64_t ms, const char *source,
		       const struct flow_endpoint *client, uint32_t pid)
{
	struct flow_record record = { .flow_id = flow_id,
				      .first_ns = START + ms * SECOND / 1000,
				      .tcp.handshake_ns = SECOND / 10 };

	ends(&record, source, "10.0.0.2");
	record.key.dst_port = 80;
	record.ends[FLOW_SOURCE] = (struct flow_end){ .endpoint = client, .pid = pid };
	why_dns_take_flow(dns, &record);
}

static uint64_t ms_of(uint64_t ns)
{
	return ns / (SECOND / 1000);
}

static void test_join(void **state)
{
	static struct why_dns dns;

	(void)state;
	memset(&dns, 0, sizeof(dns));
	answer(&dns, 1000, 900, "www.test.", 0, NULL, 0);
	connect_at(&dns, 1, 1010, "10.0.0.1", NULL, 0);
	connect_at(&dns, 2, 1500, "10.0.0.1", NULL, 0); /* a later one for the same answer */
	why_dns_join(&dns);
	assert_non_null(dns.slowest);
	assert_int_equal(ms_of(dns.dns_ns), 900);
	assert_int_equal(ms_of(dns.total_ns), 1010);
	assert_true(dns.opened);
}

/* The search list: what failed on the way is part of the time. */
static void test_search_list(void **state)
{
	static struct why_dns dns;

	(void)state;
	memset(&dns, 0, sizeof(dns));
	answer(&dns, 2000, 500, "www.a.test.", 3, NULL, 0);
	answer(&dns, 3000, 1000, "www.b.test.", 3, NULL, 0);
	answer(&dns, 3600, 600, "www.test.", 0, NULL, 0);
	answer(&dns, 3700, 700, "other.test.", 0, NULL, 0);
	connect_at(&dns, 1, 3601, "10.0.0.1", NULL, 0);
	why_dns_join(&dns);
	assert_non_null(dns.slowest);
	assert_string_equal(dns.slowest->query, "www.test");
	assert_int_equal(ms_of(dns.dns_ns), 2100);
	assert_int_equal(dns.answers[0].used + dns.answers[1].used + dns.answers[2].used, 3);
	assert_false(dns.answers[3].used);
}

static void not_joined(const char *source, const struct flow_endpoint *client, uint32_t pid,
		       uint64_t connect_ms)
{
	static struct why_dns dns;

	memset(&dns, 0, sizeof(dns));
	answer(&dns, 1000, 900, "www.test.", 0, &pods[0], 5);
	connect_at(&dns, 1, connect_ms, source, client, pid);
	why_dns_join(&dns);
	assert_null(dns.slowest);
}

static void test_others(void **state)
{
	static struct why_dns dns;

	(void)state;
	not_joined("10.0.0.9", &pods[0], 5, 1001); /* another client */
	not_joined("10.0.0.1", &pods[1], 6, 1001); /* the same address in another namespace */
	not_joined("10.0.0.1", &pods[0], 5, 999);  /* before the answer */
	not_joined("10.0.0.1", &pods[0], 5, 3001); /* long after it */
	memset(&dns, 0, sizeof(dns));
	answer(&dns, 1000, 900, "www.test.", 0, &pods[0], 5);
	connect_at(&dns, 1, 1001, "10.0.0.1", &pods[1], 5); /* one program in two namespaces */
	why_dns_join(&dns);
	assert_non_null(dns.slowest);
}

/* More than there is room for: the latest count. */
static void test_bounds(void **state)
{
	static struct why_dns dns;

	(void)state;
	memset(&dns, 0, sizeof(dns));
	for (uint64_t i = 0; i < 1000; i++) {
		answer(&dns, 10000 * i + 5000, 4000, "www.test.", 0, NULL, 0);
		connect_at(&dns, i, 10000 * i + 5001, "10.0.0.1", NULL, 0);
		answer(&dns, 10000 * i + 5002, 1, i & 1 ? "www.test." : "www.gone.", 3, NULL, 0);
	}
	why_dns_join(&dns);
	assert_non_null(dns.slowest);
	assert_int_equal(ms_of(dns.dns_ns), 4000);
	assert_int_equal(dns.failure_count, 2);
	assert_int_equal(dns.failures[0].count + dns.failures[1].count, 1000);
}

static void test_known(void **state)
{
	static struct why_known known;
	struct flow_record record = { .key = { .src_port = 40000, .dst_port = 80, .protocol = 6 } };
	struct filter *filter;
	char text[4096];
	bool back;

	(void)state;
	memset(&known, 0, sizeof(known));
	assert_int_equal(why_known_filter(&known, &filter), 0);
	assert_null(filter);
	ends(&record, "10.0.0.2", "10.0.0.1");
	why_known_add(&known, &record.key, true);
	assert_true(why_known_has(&known, &record.key, &back));
	ends(&record, "10.0.0.1", "10.0.0.2");
	record.key.src_port = 80;
	record.key.dst_port = 40000;
	assert_true(why_known_has(&known, &record.key, &back));
	assert_false(back);
	record.key.dst_port = 40001;
	assert_false(why_known_has(&known, &record.key, &back));
	for (unsigned i = 0; i < 2 * WHY_KNOWN_MAX; i++) {
		record.key.src_port = (uint16_t)(1000 + i);
		why_known_add(&known, &record.key, false);
	}
	assert_true(why_known_has(&known, &record.key, &back));
	assert_int_equal(why_known_filter(&known, &filter), 0);
	filter_format(filter, text, sizeof(text));
	assert_string_equal(
		text, "(type=drop,tcp and ((source.ip=10.0.0.1 and destination.ip=10.0.0.2) or "
		      "(source.ip=10.0.0.2 and destination.ip=10.0.0.1)))");
	filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_join),
					    cmocka_unit_test(test_search_list),
					    cmocka_unit_test(test_others),
					    cmocka_unit_test(test_bounds),
					    cmocka_unit_test(test_known) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
