/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Percentiles, and what search domains cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowcli/dns_report.h"
#include "tests/unit/sample_dns.h"

#define MS UINT64_C(1000000)

/* Exact while there are few; then within 1/32. The largest is always exact. */
static void test_percentiles(void **state)
{
	static const unsigned counts[] = { 1, 2, 64, 65, 1000, 100000 };
	static const unsigned percents[] = { 1, 50, 95, 99, 100 };

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		struct latency latency = { 0 };

		for (unsigned i = counts[c]; i > 0; i--)
			assert_int_equal(latency_add(&latency, i * MS), 0);
		for (size_t p = 0; p < sizeof(percents) / sizeof(*percents); p++) {
			uint64_t exact = (counts[c] * (uint64_t)percents[p] + 99) / 100 * MS;
			uint64_t got = latency_percentile(&latency, percents[p]);
			uint64_t off = got > exact ? got - exact : exact - got;

			assert_true(counts[c] <= 64 ? off == 0 : off <= exact / 32);
		}
		assert_int_equal(latency.max_ns, counts[c] * MS);
		latency_fini(&latency);
	}
}

static void test_percentiles_of_extremes(void **state)
{
	struct latency latency = { 0 };

	(void)state;
	assert_int_equal(latency_percentile(&latency, 50), 0);
	for (int i = 0; i < 100; i++)
		latency_add(&latency, i % 2 ? UINT64_MAX : 0);
	assert_int_equal(latency_percentile(&latency, 50), 0);
	assert_true(latency_percentile(&latency, 51) > UINT64_MAX / 32 * 31);
	latency_fini(&latency);
}

static void answer(struct dns_report *report, const char *client, const char *name, uint16_t rcode,
		   uint64_t time_ns)
{
	struct flow_dns_parts parts = sample_dns_parts(FLOW_DNS_EVENT_RESPONSE);
	struct flow_record record = sample_dns_event(FLOW_DNS_EVENT_RESPONSE);
	int version;

	parts.query = name;
	parts.head.rcode = rcode;
	parts.head.answers = rcode ? 0 : 1;
	record.time_ns = time_ns;
	address_parse(client, record.key.dst, &version);
	record.dns = flow_dns_make(&parts, sample_dns_room());
	dns_report_take(report, &record);
}

static const struct dns_search *find(struct dns_report *report, const char *key)
{
	size_t before = tally_count(report->search);
	const struct dns_search *search = tally_row(report->search, key);

	assert_int_equal(tally_count(report->search), before); /* it was there */
	return search;
}

static void test_search(void **state)
{
	struct dns_report report;

	(void)state;
	assert_int_equal(dns_report_open(&report), 0);
	answer(&report, "10.0.0.1", "web.a.svc.local.", 3, 1 * MS);
	answer(&report, "10.0.0.2", "web.b.svc.local.", 3, 1 * MS); /* another client */
	answer(&report, "10.0.0.1", "web.svc.local.", 3, 2 * MS);
	answer(&report, "10.0.0.1", "webmail.svc.local.", 3, 2 * MS); /* another name */
	answer(&report, "10.0.0.1", "web.", 0, 3 * MS);
	assert_int_equal(tally_count(report.search), 1);
	assert_int_equal(find(&report, "10.0.0.1\tweb.")->wasted, 2);
	assert_int_equal(find(&report, "10.0.0.1\tweb.")->found, 1);
	answer(&report, "10.0.0.1", "web.", 0, 4 * MS); /* each failure counts once */
	assert_int_equal(find(&report, "10.0.0.1\tweb.")->wasted, 2);
	answer(&report, "10.0.0.3", "db.", 3, 5 * MS); /* the short one first */
	answer(&report, "10.0.0.3", "db.svc.local.", 0, 6 * MS);
	assert_int_equal(find(&report, "10.0.0.3\tdb.svc.local.")->wasted, 1);
	assert_string_equal(find(&report, "10.0.0.3\tdb.svc.local.")->domain, "svc.local.");
	answer(&report, "10.0.0.4", "late.svc.local.", 3, 1 * MS);
	answer(&report, "10.0.0.4", "late.", 0, 6000 * MS); /* not one resolver's list */
	assert_int_equal(tally_count(report.search), 2);
	assert_false(report.no_memory);
	dns_report_close(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_percentiles_of_extremes),
		cmocka_unit_test(test_search),
	};
	return cmocka_run_group_tests_name("dns_report", tests, NULL, NULL);
}
