// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How long the flows' part of /metrics takes with 50,000 series, as text and as OTLP, and what
 * counting a record costs; CPU time. Prints a table; asserts nothing. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flowd/metrics/flow_metrics.h"
#include "flowd/metrics/otlp_metrics.h"
#include "flowd/metrics/page_server.h"
#include "tests/unit/sample_record.h"

#define LISTEN "127.0.0.1:39965"
#define ENDS   12500
#define ROUNDS 31
#define CONTEXT                                              \
	"labelsContext=source_ip,destination_ip,source_pod," \
	"destination_pod,source_namespace,traffic_direction"
#define ENABLE "flow:" CONTEXT " port-distribution:" CONTEXT " traffic:" CONTEXT

/* Of this thread: others on the machine do not count. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

static double milliseconds(uint64_t *took_ns)
{
	qsort(took_ns, ROUNDS, sizeof(*took_ns), compare);
	return (double)took_ns[ROUNDS / 2] / 1e6;
}

static int drop_body(void *context, const struct buffer *body)
{
	*(size_t *)context += body->size;
	return 0;
}

static double count_records(struct flow_metrics *metrics)
{
	struct flow_record record = sample_record();
	uint64_t begun_ns = cpu_ns();

	record.kind = FLOW_KIND_START;
	for (unsigned i = 0; i < 4 * ENDS; i++) {
		record.key.src[14] = (uint8_t)(i % ENDS >> 8);
		record.key.src[15] = (uint8_t)(i % ENDS);
		flow_metrics_record(metrics, &record);
	}
	return (double)(cpu_ns() - begun_ns) / (4 * ENDS);
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static size_t drop_data(char *data, size_t one, size_t size, void *context)
{
	(void)data;
	(void)one;
	(void)context;
	return size;
}

static int make_page(void *context, bool openmetrics, struct buffer *page)
{
	return flow_metrics_write(context, openmetrics, page);
}

/* Asked for by HTTP over loopback, as Prometheus does; wall time. */
static void fetch_pages(struct flow_metrics *metrics)
{
	const struct page_options options = { .listen = LISTEN,
					      .make = make_page,
					      .context = metrics };
	uint64_t took_ns[ROUNDS];
	struct page_server *server;
	CURL *curl = curl_easy_init();
	char why[512];

	if (page_server_open(&server, &options, why, sizeof(why))) {
		printf("page by HTTP            not measured: %s\n", why);
		return;
	}
	curl_easy_setopt(curl, CURLOPT_URL, "http://" LISTEN "/metrics");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_data);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t begun_ns = wall_ns();

		if (curl_easy_perform(curl) != CURLE_OK)
			printf("page by HTTP            a request failed\n");
		took_ns[i] = wall_ns() - begun_ns;
	}
	printf("page by HTTP, wall time %.1f ms\n", milliseconds(took_ns));
	curl_easy_cleanup(curl);
	page_server_close(server);
}

static size_t lines_of(const struct buffer *page)
{
	size_t count = 0;

	for (size_t i = 1; i < page->size; i++)
		count += page->data[i] == '\n' && page->data[i - 1] != '\n';
	return count;
}

int main(void)
{
	uint64_t text_ns[ROUNDS], otlp_ns[ROUNDS];
	struct flow_metrics *metrics;
	struct buffer page = { 0 };
	size_t pushed = 0;
	double record_ns;
	char why[512];

	if (flow_metrics_open(&metrics, ENABLE, 2 * ENDS, 0, why, sizeof(why))) {
		fprintf(stderr, "bench_metrics: %s\n", why);
		return 1;
	}
	record_ns = count_records(metrics);
	for (int i = 0; i < ROUNDS; i++) {
		struct otlp_options options = { .node_name = "n",
						.emit = drop_body,
						.context = &pushed };
		uint64_t begun_ns = cpu_ns();

		page.size = 0;
		flow_metrics_write(metrics, false, &page);
		text_ns[i] = cpu_ns() - begun_ns;
		buffer_append(&page, "", 1);
		begun_ns = cpu_ns();
		pushed = 0;
		otlp_metrics((const char *)page.data, &options);
		otlp_ns[i] = cpu_ns() - begun_ns;
	}
	printf("lines on the page       %zu, %.1f MB\n", lines_of(&page), (double)page.size / 1e6);
	printf("page as text, median    %.1f ms\n", milliseconds(text_ns));
	fetch_pages(metrics);
	printf("the same as OTLP JSON   %.1f ms, %.1f MB\n", milliseconds(otlp_ns),
	       (double)pushed / 1e6);
	printf("counting a record       %.0f ns in 4 families\n", record_ns);
	buffer_fini(&page);
	flow_metrics_close(metrics);
	return 0;
}
