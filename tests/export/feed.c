// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Made records through the real exporters, without kernel and traffic: for tests of delivery and
 * for rates. No record leaves history unread here: the next ones are made when there is room. The
 * file
 * --progress tells how many are in the backlogs of all exporters, so that a killed feed goes on
 * where it was, and each record has the same id again.
 *
 *   feed [--records N] [--start POSITION] [--epoch E] [--rate PER_SECOND] [--progress FILE]
 *        [--node NAME] [--mix 1] [--pairs 1] --set export.0.type=file --set export.0.path=/...
 */
#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/clock.h"
#include "flowd/base/usage.h"
#include "flowd/config.h"
#include "proto/address.h"
#include "tests/export/feed_mix.h"

#define HISTORY 65536
#define CHUNK	1024

static struct {
	uint64_t records, start, epoch, rate, mix, pairs;
	const char *progress, *node;
} given = { .records = 1000, .start = 1, .epoch = UINT64_C(1700000000000000000), .node = "feed" };

static volatile sig_atomic_t stopped, reopen;

static void on_signal(int number)
{
	if (number == SIGHUP)
		reopen = 1;
	else
		stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "feed: %s\n", what);
	exit(2);
}

static void take_option(struct config *config, const char *name, const char *value)
{
	char why[512], *equals;

	if (!strcmp(name, "--records"))
		given.records = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--start"))
		given.start = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--epoch"))
		given.epoch = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--rate"))
		given.rate = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--mix"))
		given.mix = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--pairs"))
		given.pairs = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--node"))
		given.node = value;
	else if (!strcmp(name, "--progress"))
		given.progress = value;
	else if (strcmp(name, "--set") || !(equals = strchr(value, '=')))
		die(name);
	else {
		char *key = strndup(value, (size_t)(equals - value));

		if (config_set(config, key, equals + 1, why, sizeof(why)))
			die(why);
		free(key);
	}
}

/* Record `n` of a world with some addresses, protocols and ends; a function of n alone. */
static void make_record(struct flow_record *record, uint64_t n)
{
	static const uint8_t protocols[] = { 6, 17, 6, 1 };
	uint8_t *src = record->key.src, *dst = record->key.dst;

	*record = (struct flow_record){
		.flow_id = n / 3 + 1,
		.time_ns = given.epoch + n * 1000000,
		.first_ns = given.epoch + n * 1000000 - 500000000,
		.last_ns = given.epoch + n * 1000000 - 1000000,
		.key = { .protocol = protocols[n % 4],
			 .src_port = (uint16_t)(1024 + n % 60000),
			 .dst_port = n % 2 ? 443 : 53 },
		.packets = n % 1000 + 1,
		.bytes = (n % 1000 + 1) * 100,
		.l3_bytes = (n % 1000 + 1) * 86,
		.total_packets = (n % 1000 + 1) * 3,
		.total_bytes = (n % 1000 + 1) * 300,
		.sampling = 1,
		.flags = n % 4 % 2 ? 0 : FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_FIN,
		.kind = (uint8_t)(n % 3),
		.verdict = FLOW_VERDICT_FORWARDED,
		.end_reason = n % 3 == FLOW_KIND_END ? FLOW_END_FIN : FLOW_END_NONE,
		.direction = FLOW_DIRECTION_INGRESS,
		.reply = n % 2 ? FLOW_REPLY_YES : FLOW_REPLY_NO,
		.point_count = 1,
		.eth_src = { 2, 0, 0, 0, 0, 1 },
		.eth_dst = { 2, 0, 0, 0, 0, 2 },
		.points = { { 2, FLOW_HOOK_TC_INGRESS, FLOW_DIRECTION_INGRESS, 0, "veth1" } },
		.node_name = given.node,
	};
	memcpy(src, address_mapped_prefix, 12);
	memcpy(dst, address_mapped_prefix, 12);
	memcpy(src + 12, (uint8_t[]){ 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }, 4);
	memcpy(dst + 12, (uint8_t[]){ 192, 168, (uint8_t)(n >> 4), 1 }, 4);
	if (n % 8 == 6) {
		memcpy(src, (uint8_t[]){ 0x20, 1, 0xd, 0xb8 }, 4);
		memset(src + 4, 0, 8);
		memcpy(dst, src, 12);
		record->key.scope = FLOW_SCOPE_IPV6;
	}
	if (record->key.protocol == 1) {
		record->key.src_port = 8;
		record->key.dst_port = 0;
		record->key.icmp_id = (uint16_t)n;
	}
}

/* feed_mix.h */
static void vary_record(struct flow_record *record, uint64_t n)
{
	if (given.mix)
		feed_mix(record, n);
	if (given.pairs) {
		make_record(record, n & ~UINT64_C(1));
		feed_pair(record, n);
	}
}

static void write_progress(struct exporters *exporters)
{
	struct exporter_stats stats[EXPORTERS_MAX];
	size_t count = exporters_stats(exporters, stats);
	uint64_t least = UINT64_MAX;
	char text[32], name[4096];
	FILE *file;

	if (!given.progress)
		return;
	for (size_t i = 0; i < count; i++)
		least = stats[i].received < least ? stats[i].received : least;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", given.start + least);
	snprintf(name, sizeof(name), "%s.new", given.progress);
	file = fopen(name, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) || rename(name, given.progress))
		die("cannot write the progress");
}

static void feed(struct history *history, struct exporters *exporters)
{
	uint64_t begun_ns = clock_monotonic_ns(), told_ns = 0;

	for (uint64_t made = 0; made < given.records && !stopped;) {
		uint64_t now_ns = clock_monotonic_ns();
		uint64_t due = given.rate ? (now_ns - begun_ns) / 1000 * given.rate / 1000000
					  : given.records;

		for (int i = 0; i < CHUNK && made < given.records && made < due; i++) {
			struct flow_record record;

			make_record(&record, given.start + made++);
			vary_record(&record, given.start + made - 1);
			history_append(history, &record);
		}
		while (exporters_pump(exporters) && !stopped)
			clock_sleep_ns(100000);
		if (reopen)
			exporters_reopen(exporters);
		reopen = 0;
		if (now_ns - told_ns > 20 * CLOCK_MS) {
			told_ns = now_ns;
			write_progress(exporters);
		}
		if (made >= due)
			clock_sleep_ns(CLOCK_MS);
	}
}

/* Until every exporter has what was made, in its backlog and at its target. */
static void settle(struct exporters *exporters)
{
	struct exporter_stats stats[EXPORTERS_MAX];
	bool busy = true;

	while (busy && !stopped) {
		size_t count = exporters_stats(exporters, stats);

		busy = false;
		for (size_t i = 0; i < count; i++)
			busy |= stats[i].waiting || stats[i].spooled;
		write_progress(exporters);
		clock_sleep_ns(CLOCK_MS);
	}
}

/* CPU time of this process's threads whose name begins with `start`. */
static double threads_cpu(const char *start)
{
	DIR *list = opendir("/proc/self/task");
	struct dirent *entry;
	uint64_t sum_ns = 0;

	while (list && (entry = readdir(list))) {
		char path[300], name[32] = "", used[64] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file || !fgets(name, sizeof(name), file) || fclose(file) ||
		    strncmp(name, start, strlen(start)))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(used, sizeof(used), file))
			sum_ns += strtoull(used, NULL, 10);
		if (file)
			fclose(file);
	}
	if (list)
		closedir(list);
	return (double)sum_ns / 1e9;
}

/* What making records and keeping them in history takes is not the exporters'. */
static void report(struct exporters *exporters, uint64_t took_ns)
{
	struct exporter_stats stats[EXPORTERS_MAX];
	size_t count = exporters_stats(exporters, stats);
	double all = threads_cpu(""), encode = threads_cpu("in/"), send = threads_cpu("out/"),
	       library = all - threads_cpu("export_feed") - encode - send;

	for (size_t i = 0; i < count; i++)
		printf("{\"name\":\"%s\",\"received\":%" PRIu64 ",\"sent\":%" PRIu64
		       ",\"acknowledged\":%" PRIu64 ",\"retried\":%" PRIu64 ",\"spooled\":%" PRIu64
		       ",\"lost\":%" PRIu64 ",\"failures\":%" PRIu64
		       ",\"seconds\":%.3f,\"encode_cpu\":%.3f,\"send_cpu\":%.3f,"
		       "\"library_cpu\":%.3f,\"rss\":%" PRIu64 "}\n",
		       stats[i].name, stats[i].received, stats[i].sent, stats[i].acknowledged,
		       stats[i].retried, stats[i].spooled, stats[i].lost, stats[i].failures,
		       (double)took_ns / 1e9, encode, send, library, usage_rss_bytes());
	fflush(stdout);
}

/* Positions go on from --start: ids are made of them. */
static struct history *open_history(void)
{
	struct flow_record record = { .node_name = given.node };
	struct history *history;

	if (history_open(&history, HISTORY, 1 << 20))
		die("no memory");
	for (uint64_t i = 1; i < given.start; i++)
		history_append(history, &record);
	return history;
}

static struct exporters *open_exporters(const struct config *config, struct history *history)
{
	struct exporter_options options[EXPORTERS_MAX];
	struct exporters *exporters;

	for (size_t i = 0; i < config->export.count; i++)
		options[i] =
			(struct exporter_options){ .kind = config->export.entry[i].kind,
						   .settings = config->export.entry[i].settings,
						   .node_name = given.node,
						   .epoch = given.epoch,
						   .position = given.start - 1 };
	if (exporters_open(&exporters, history, options, config->export.count))
		die("the exporters do not open");
	return exporters;
}

int main(int argc, char **argv)
{
	struct exporters *exporters;
	struct history *history;
	struct config *config;
	uint64_t begun_ns;
	char why[512];

	mallopt(M_ARENA_MAX, 2);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	if (config_open(&config))
		die("no memory");
	for (int i = 1; i + 1 < argc; i += 2)
		take_option(config, argv[i], argv[i + 1]);
	if (config_finish(config, why, sizeof(why)))
		die(why);
	history = open_history();
	exporters = open_exporters(config, history);
	begun_ns = clock_monotonic_ns();
	feed(history, exporters);
	settle(exporters);
	report(exporters, clock_monotonic_ns() - begun_ns);
	exporters_close(exporters);
	history_close(history);
	config_close(config);
	return 0;
}
