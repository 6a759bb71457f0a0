/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/node_metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/metrics/series.h"

#define LINE_BYTES 8192

/* NAME{label="one"} VALUE, or with two labels. */
static int add(struct buffer *page, const char *name, const char *label, const char *one,
	       const char *second, const char *two, const char *value)
{
	size_t room = strlen(name) + strlen(one) + strlen(two) + strlen(value) + 64;

	if (buffer_reserve(page, 3 * room))
		return -ENOMEM;
	page->size += (size_t)snprintf((char *)page->data + page->size, room, "%s{%s=\"%s\"", name,
				       label, one);
	if (*second)
		page->size += (size_t)snprintf((char *)page->data + page->size, room, ",%s=\"%s\"",
					       second, two);
	page->size += (size_t)snprintf((char *)page->data + page->size, room, "} %s\n", value);
	return 0;
}

/* "Tcp: A B C" above "Tcp: 1 2 3", as in /proc/net/snmp and /proc/net/netstat. */
static int write_pairs(const char *path, struct buffer *page)
{
	FILE *file = fopen(path, "re");
	char names[LINE_BYTES], values[LINE_BYTES];
	int error = 0;

	while (file && !error && fgets(names, sizeof(names), file) &&
	       fgets(values, sizeof(values), file)) {
		char *name_at, *value_at;
		const char *group = strtok_r(names, ": \n", &name_at), *name, *value;

		strtok_r(values, ": \n", &value_at);
		while (group && !error && (name = strtok_r(NULL, " \n", &name_at)) &&
		       (value = strtok_r(NULL, " \n", &value_at)))
			error = add(page, "flowd_node_netstat", "group", group, "counter", name,
				    value);
	}
	if (file)
		fclose(file);
	return error;
}

static int write_netstat(bool openmetrics, struct buffer *page)
{
	int error = series_write_head(page, "flowd_node_netstat",
				      "Counters of /proc/net/snmp and /proc/net/netstat", "untyped",
				      openmetrics);

	if (!error)
		error = write_pairs("/proc/net/snmp", page);
	return error ? error : write_pairs("/proc/net/netstat", page);
}

/* /proc/net/softnet_stat: hexadecimal words, one line a CPU. */
static const struct {
	int column;
	const char *name, *help;
} softnet[] = {
	{ 0, "flowd_node_softnet_processed_total", "Packets that a CPU took from devices" },
	{ 1, "flowd_node_softnet_dropped_total", "Packets dropped because its queue was full" },
	{ 2, "flowd_node_softnet_squeezed_total", "Times that its time was up with packets left" },
};

static int write_softnet(size_t which, bool openmetrics, struct buffer *page)
{
	FILE *file = fopen("/proc/net/softnet_stat", "re");
	int error = series_write_head(page, softnet[which].name, softnet[which].help, "counter",
				      openmetrics);
	unsigned int word[3];
	char line[LINE_BYTES], cpu[16], value[16];

	for (int number = 0; file && !error && fgets(line, sizeof(line), file); number++) {
		if (sscanf(line, "%x %x %x", &word[0], &word[1], &word[2]) != 3)
			continue;
		snprintf(cpu, sizeof(cpu), "%d", number);
		snprintf(value, sizeof(value), "%u", word[softnet[which].column]);
		error = add(page, softnet[which].name, "cpu", cpu, "", "", value);
	}
	if (file)
		fclose(file);
	return error;
}

/* /proc/net/dev: name, then eight numbers received and eight sent. */
static const struct {
	int column;
	const char *name, *help;
} device[] = {
	{ 0, "flowd_node_receive_bytes_total", "Bytes received by an interface" },
	{ 1, "flowd_node_receive_packets_total", "Packets received by an interface" },
	{ 2, "flowd_node_receive_errors_total", "Errors in receiving" },
	{ 3, "flowd_node_receive_drop_total", "Packets dropped in receiving" },
	{ 8, "flowd_node_transmit_bytes_total", "Bytes sent by an interface" },
	{ 9, "flowd_node_transmit_packets_total", "Packets sent by an interface" },
	{ 10, "flowd_node_transmit_errors_total", "Errors in sending" },
	{ 11, "flowd_node_transmit_drop_total", "Packets dropped in sending" },
};

static const char *word_at(char *text, int column)
{
	char *place;
	const char *word = strtok_r(text, " \n", &place);

	while (word && column--)
		word = strtok_r(NULL, " \n", &place);
	return word;
}

static int write_device(size_t which, bool openmetrics, struct buffer *page)
{
	FILE *file = fopen("/proc/net/dev", "re");
	int error = series_write_head(page, device[which].name, device[which].help, "counter",
				      openmetrics);
	char line[LINE_BYTES], escaped[128];

	while (file && !error && fgets(line, sizeof(line), file)) {
		char *colon = strrchr(line, ':');
		const char *value, *name = line + strspn(line, " ");

		if (!colon)
			continue;
		*colon = 0;
		value = word_at(colon + 1, device[which].column);
		if (!value || strlen(name) > 32)
			continue;
		escaped[series_escape(escaped, name)] = 0;
		error = add(page, device[which].name, "interface", escaped, "", "", value);
	}
	if (file)
		fclose(file);
	return error;
}

int node_metrics_write(bool openmetrics, struct buffer *page)
{
	int error = write_netstat(openmetrics, page);

	for (size_t i = 0; i < sizeof(softnet) / sizeof(softnet[0]) && !error; i++)
		error = write_softnet(i, openmetrics, page);
	for (size_t i = 0; i < sizeof(device) / sizeof(device[0]) && !error; i++)
		error = write_device(i, openmetrics, page);
	return error;
}
