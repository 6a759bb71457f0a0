// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The bound on series: the largest are kept, sums stay right; who has gone is forgotten. Quantiles;
 * Hubble's context options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/quantile.h"
#include "flowd/metrics/flow_metrics.h"
#include "flowd/metrics/otlp_metrics.h"
#include "flowd/metrics/series.h"
#include "tests/unit/sample_dns.h"
#include "tests/unit/sample_ends.h"

static struct series_family *open_family(size_t limit, uint64_t ttl_ns)
{
	const struct series_about about = { .name = "things_total",
					    .help = "Things",
					    .labels = { "who", "where" },
					    .limit = limit,
					    .ttl_ns = ttl_ns };
	struct series_family *family;

	assert_int_equal(series_open(&family, &about), 0);
	return family;
}

static char *page_of(struct series_family *family, uint64_t now_ns, struct buffer *page)
{
	page->size = 0;
	assert_int_equal(series_write(family, false, now_ns, page), 0);
	assert_int_equal(buffer_append(page, "", 1), 0);
	return (char *)page->data;
}

static void add(struct series_family *family, const char *who, uint64_t count, uint64_t now_ns)
{
	const char *const values[] = { who, "here" };

	series_add(family, values, count, now_ns);
}

static void test_text(void **state)
{
	struct series_family *family = open_family(10, 0);
	const char *const odd[] = { "a\"b\\c\nd", NULL };
	struct buffer page = { 0 };

	(void)state;
	add(family, "ann", 2, 0);
	add(family, "ann", 3, 0);
	series_add(family, odd, 1, 0);
	assert_string_equal(page_of(family, 0, &page),
			    "# HELP things_total Things\n# TYPE things_total counter\n"
			    "things_total{who=\"ann\",where=\"here\"} 5\n"
			    "things_total{who=\"a\\\"b\\\\c\\nd\",where=\"\"} 1\n");
	buffer_fini(&page);
	series_close(family);
}

/* Sum of all values on the page. */
static uint64_t sum_of(const char *page)
{
	uint64_t sum = 0;

	for (const char *at = strchr(page, '}'); at; at = strchr(at + 1, '}'))
		sum += strtoull(at + 2, NULL, 10);
	return sum;
}

static void test_bound(void **state)
{
	struct series_family *family = open_family(20, 0);
	struct buffer page = { 0 };
	uint64_t sum = 0;
	char who[32];

	(void)state;
	for (int turn = 0; turn < 50; turn++)
		for (int i = 0; i < 1000; i++) {
			/* ten large ones that come late */
			uint64_t count = i >= 990 ? 1000 : 1;

			snprintf(who, sizeof(who), "w%d", i);
			add(family, who, count, 0);
			sum += count;
		}
	page_of(family, 0, &page);
	assert_int_equal(series_count(family), 20);
	assert_true(series_folded(family) > 0);
	assert_int_equal(sum_of((char *)page.data), sum);
	for (int i = 990; i < 1000; i++) {
		snprintf(who, sizeof(who), "\"w%d\"", i);
		assert_non_null(strstr((char *)page.data, who));
	}
	assert_non_null(strstr((char *)page.data, "{who=\"other\",where=\"other\"}"));
	buffer_fini(&page);
	series_close(family);
}

static void test_ttl(void **state)
{
	struct series_family *family = open_family(10, 100);
	struct buffer page = { 0 };

	(void)state;
	add(family, "gone", 1, 0);
	add(family, "here", 1, 0);
	add(family, "here", 1, 90);
	page_of(family, 120, &page);
	assert_null(strstr((char *)page.data, "gone"));
	assert_non_null(strstr((char *)page.data, "{who=\"here\",where=\"here\"} 2"));
	add(family, "gone", 1, 130);
	assert_non_null(strstr(page_of(family, 130, &page), "{who=\"gone\",where=\"here\"} 1"));
	buffer_fini(&page);
	series_close(family);
}

static void test_histogram(void **state)
{
	const struct series_about about = {
		.name = "took_seconds", .help = "Time", .type = SERIES_SECONDS, .limit = 4
	};
	struct series_family *family;
	struct buffer page = { 0 };

	(void)state;
	assert_int_equal(series_open(&family, &about), 0);
	series_observe(family, NULL, 50000, 0);
	series_observe(family, NULL, 2000000, 0);
	series_observe(family, NULL, UINT64_C(20000000000), 0);
	page_of(family, 0, &page);
	assert_non_null(strstr((char *)page.data, "took_seconds_bucket{le=\"0.0001\"} 1\n"));
	assert_non_null(strstr((char *)page.data, "took_seconds_bucket{le=\"0.0025\"} 2\n"));
	assert_non_null(strstr((char *)page.data, "took_seconds_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr((char *)page.data, "took_seconds_sum 20.002050000\n"));
	assert_non_null(strstr((char *)page.data, "took_seconds_count 3\n"));
	buffer_fini(&page);
	series_close(family);
}

struct pushed {
	size_t bodies, points;
	struct buffer first;
};

static int take_body(void *context, const struct buffer *body)
{
	struct pushed *pushed = context;
	struct buffer copy = { 0 };

	buffer_append(&copy, body->data, body->size);
	buffer_append(&copy, "", 1);
	for (const char *at = (char *)copy.data; (at = strstr(at, "\"asInt\":")); at++)
		pushed->points++;
	if (pushed->bodies++)
		buffer_fini(&copy);
	else
		pushed->first = copy;
	return 0;
}

/* Labels as they were before they were escaped; large pages in several bodies. */
static void test_otlp(void **state)
{
	struct series_family *family = open_family(20000, 0);
	const char *const odd[] = { "a\"b\\c\nd{x=\"y\",z} 7", "here" };
	struct pushed pushed = { 0 };
	const struct otlp_options options = {
		.node_name = "n1", .start_ns = 5, .now_ns = 7, .emit = take_body, .context = &pushed
	};
	struct buffer page = { 0 };
	char who[200];

	(void)state;
	series_add(family, odd, 3, 0);
	for (int i = 0; i < 20000 - 1; i++) {
		snprintf(who, sizeof(who), "%0150d", i);
		add(family, who, 1, 0);
	}
	assert_int_equal(otlp_metrics(page_of(family, 0, &page), &options), 0);
	assert_true(pushed.bodies > 1);
	assert_int_equal(pushed.points, 20000);
	assert_non_null(
		strstr((char *)pushed.first.data,
		       "{\"attributes\":[{\"key\":\"who\",\"value\":{\"stringValue\":"
		       "\"a\\\"b\\\\c\\nd{x=\\\"y\\\",z} 7\"}},{\"key\":\"where\",\"value\":"
		       "{\"stringValue\":\"here\"}}],\"timeUnixNano\":\"7\","
		       "\"startTimeUnixNano\":\"5\",\"asInt\":\"3\"}"));
	buffer_fini(&pushed.first);
	buffer_fini(&page);
	series_close(family);
}

/* Each context as Hubble tells it, of the pod (source) and the world. */
static void test_contexts(void **state)
{
	static const struct {
		const char *option, *labels;
	} rows[] = {
		{ "sourceContext=pod", "source=\"shop/web-0\"" },
		{ "sourceContext=pod-name", "source=\"web-0\"" },
		{ "sourceContext=namespace", "source=\"shop\"" },
		{ "sourceContext=workload", "source=\"shop/web\"" },
		{ "sourceContext=workload-name", "source=\"web\"" },
		{ "sourceContext=app", "source=\"web\"" },
		{ "sourceContext=identity", "source=\"k8s:app=web,container:maintainer\"" },
		{ "sourceContext=reserved-identity|ip", "source=\"10.0.0.1\"" },
		{ "destinationContext=pod|reserved-identity|ip", "destination=\"reserved:world\"" },
		{ "destinationContext=dns", "destination=\"www.example.com,example.com\"" },
		{ "destinationEgressContext=dns", "destination=\"\"" }, /* it is ingress */
		{ "destinationIngressContext=dns|ip",
		  "destination=\"www.example.com,example.com\"" },
		{ "labelsContext=source_ip,source_namespace,source_pod,source_workload,"
		  "source_workload_kind,source_app,destination_ip,destination_pod,"
		  "traffic_direction",
		  "source_ip=\"10.0.0.1\",source_namespace=\"shop\",source_pod=\"web-0\","
		  "source_workload=\"web\",source_workload_kind=\"Deployment\",source_app=\"web\","
		  "destination_ip=\"10.0.0.2\",destination_pod=\"\",traffic_direction=\"ingress\"" },
	};
	struct flow_record record = sample_named();

	(void)state;
	record.destination_names = sample_looked_up().destination_names;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow_metrics *metrics;
		struct buffer page = { 0 };
		char enable[512], why[512], line[1024];

		snprintf(enable, sizeof(enable), "flow:%s", rows[i].option);
		assert_int_equal(flow_metrics_open(&metrics, enable, 10, 0, why, sizeof(why)), 0);
		flow_metrics_record(metrics, &record);
		assert_int_equal(flow_metrics_write(metrics, false, &page), 0);
		buffer_append(&page, "", 1);
		snprintf(line, sizeof(line), "verdict=\"FORWARDED\",%s} 1\n", rows[i].labels);
		if (!strstr((char *)page.data, line))
			fail_msg("%s: no %s in %s", rows[i].option, line, (char *)page.data);
		buffer_fini(&page);
		flow_metrics_close(metrics);
	}
}

static void test_quantiles(void **state)
{
	struct quantile *quantile = quantile_alloc();

	(void)state;
	assert_int_equal(quantile_get(quantile, 500), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		quantile_add(quantile, i * 1000);
	for (unsigned int thousandths = 100; thousandths <= 999; thousandths += 89) {
		uint64_t truth = thousandths * UINT64_C(100000);
		uint64_t told = quantile_get(quantile, thousandths);

		assert_true(told >= truth && told <= truth + truth / 15);
	}
	quantile_add(quantile, UINT64_MAX);
	assert_int_equal(quantile_get(quantile, 1000), UINT64_MAX);
	quantile_free(quantile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	  cmocka_unit_test(test_bound),
		cmocka_unit_test(test_ttl),	  cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_quantiles), cmocka_unit_test(test_otlp),
		cmocka_unit_test(test_contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
