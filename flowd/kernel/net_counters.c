/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/net_counters.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/kernel/device_counters.h"

#define COUNTERS_MAX   1024
#define NAMESPACES_MAX 256
#define LINE_BYTES     4096
#define TCP_LISTEN     10

/* The counters of snmp and netstat that mean a loss. */
static const char *const wanted[] = {
	"Ip.InHdrErrors",
	"Ip.InAddrErrors",
	"Ip.InDiscards",
	"Ip.OutDiscards",
	"Ip.OutNoRoutes",
	"Ip.ReasmFails",
	"Ip.FragFails",
	"Udp.InErrors",
	"Udp.RcvbufErrors",
	"Udp.SndbufErrors",
	"Udp.InCsumErrors",
	"Udp.MemErrors",
	"Tcp.InErrs",
	"Tcp.InCsumErrors",
	"TcpExt.ListenOverflows",
	"TcpExt.ListenDrops",
	"TcpExt.TCPBacklogDrop",
	"TcpExt.TCPReqQFullDrop",
	"TcpExt.RcvPruned",
	"TcpExt.TCPRcvQDrop",
	"TcpExt.TCPOFODrop",
	"TcpExt.TCPZeroWindowDrop",
	"TcpExt.PFMemallocDrop",
	"TcpExt.IPReversePathFilter",
	"IpExt.InNoRoutes",
	"IpExt.InTruncatedPkts",
};

struct net_namespace {
	uint32_t inode;
	pid_t process; /* one that is in it */
};

struct net_counters {
	const uint32_t *only;
	size_t only_count;
	struct net_namespace namespaces[NAMESPACES_MAX];
	size_t namespace_count;
	uint64_t reads, untold;
	size_t count;
	struct net_counter list[COUNTERS_MAX];
};

int net_counters_open(struct net_counters **out, const uint32_t *namespaces, size_t count)
{
	struct net_counters *counters = calloc(1, sizeof(*counters));

	if (!counters)
		return -ENOMEM;
	counters->only = namespaces;
	counters->only_count = count;
	*out = counters;
	return 0;
}

void net_counters_close(struct net_counters *counters)
{
	free(counters);
}

/* ---- namespaces ----------------------------------------------------------------------------- */

static bool namespace_is_new(const struct net_counters *counters, uint32_t inode)
{
	bool asked = !counters->only_count;

	for (size_t i = 0; i < counters->only_count && !asked; i++)
		asked = counters->only[i] == inode;
	for (size_t i = 0; i < counters->namespace_count && asked; i++)
		asked = counters->namespaces[i].inode != inode;
	return asked && inode && counters->namespace_count < NAMESPACES_MAX;
}

static uint32_t namespace_of(const char *process)
{
	char path[64], link[64];
	unsigned int inode = 0;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", process);
	length = readlink(path, link, sizeof(link) - 1);
	if (length <= 0)
		return 0;
	link[length] = '\0';
	return sscanf(link, "net:[%u]", &inode) == 1 ? inode : 0;
}

static void namespaces_find(struct net_counters *counters)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	counters->namespace_count = 0;
	while (directory && (entry = readdir(directory))) {
		uint32_t inode;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		inode = namespace_of(entry->d_name);
		if (namespace_is_new(counters, inode))
			counters->namespaces[counters->namespace_count++] =
				(struct net_namespace){ inode, atoi(entry->d_name) };
	}
	if (directory)
		closedir(directory);
}

static FILE *namespace_file(const struct net_namespace *namespace, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)namespace->process, name);
	return fopen(path, "re");
}

/* ---- counters ------------------------------------------------------------------------------- */

static void counter_set(struct net_counters *counters, uint32_t netns, const char *name,
			uint64_t value)
{
	struct net_counter *counter = counters->list;

	if (!value)
		return;
	for (size_t i = 0; i < counters->count; i++, counter++) {
		if (counter->netns != netns || strcmp(counter->name, name))
			continue;
		counter->gain = value > counter->value ? value - counter->value : 0;
		counter->value = value;
		return;
	}
	if (counters->count == COUNTERS_MAX) {
		counters->untold++;
		return;
	}
	counters->count++;
	*counter = (struct net_counter){ .netns = netns, .value = value };
	if (counters->reads) /* it was zero, or its namespace is new */
		counter->gain = value;
	snprintf(counter->name, sizeof(counter->name), "%s", name);
}

static bool counter_is_wanted(const char *name)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strcmp(wanted[i], name))
			return true;
	return false;
}

/* A line of names and one of values, both behind "TcpExt:". */
static void read_pair(struct net_counters *counters, uint32_t netns, char *names, char *values)
{
	char *names_rest, *values_rest, name[60];
	char *group = strtok_r(names, ": ", &names_rest);
	char *word, *number;

	strtok_r(values, ": ", &values_rest);
	while (group && (word = strtok_r(NULL, " \n", &names_rest)) &&
	       (number = strtok_r(NULL, " \n", &values_rest))) {
		snprintf(name, sizeof(name), "%s.%s", group, word);
		if (counter_is_wanted(name))
			counter_set(counters, netns, name, strtoull(number, NULL, 10));
	}
}

static void read_pairs(struct net_counters *counters, const struct net_namespace *namespace,
		       const char *file_name)
{
	FILE *file = namespace_file(namespace, file_name);
	char names[LINE_BYTES], values[LINE_BYTES];

	while (file && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file))
		read_pair(counters, namespace->inode, names, values);
	if (file)
		fclose(file);
}

/* "eth0: rx_bytes packets errs drop fifo frame compressed multicast tx_bytes packets errs drop". */
static void read_device(struct net_counters *counters, uint32_t netns, const char *line)
{
	unsigned long long value[12] = { 0 };
	char device[24], name[60];

	if (sscanf(line, " %20[^:]: %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu",
		   device, &value[0], &value[1], &value[2], &value[3], &value[4], &value[5],
		   &value[6], &value[7], &value[8], &value[9], &value[10], &value[11]) != 13)
		return;
	snprintf(name, sizeof(name), "%s.rx_errors", device);
	counter_set(counters, netns, name, value[2]);
	snprintf(name, sizeof(name), "%s.rx_dropped", device);
	counter_set(counters, netns, name, value[3]);
	snprintf(name, sizeof(name), "%s.rx_fifo", device);
	counter_set(counters, netns, name, value[4]);
	snprintf(name, sizeof(name), "%s.tx_errors", device);
	counter_set(counters, netns, name, value[10]);
	snprintf(name, sizeof(name), "%s.tx_dropped", device);
	counter_set(counters, netns, name, value[11]);
}

struct read_device_context {
	struct net_counters *counters;
	uint32_t netns;
};

static void read_device_counter(void *context, const char *device, const char *counter,
				uint64_t value)
{
	const struct read_device_context *to = context;
	char name[60];

	snprintf(name, sizeof(name), "%s.%s", device, counter);
	counter_set(to->counters, to->netns, name, value);
}

/* What may be read from outside, where we may not go in: without queues, and rx_dropped is the sum
 * of dropped and missed. */
static void read_device_file(struct net_counters *counters, const struct net_namespace *namespace)
{
	FILE *file = namespace_file(namespace, "dev");
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		read_device(counters, namespace->inode, line);
	if (file)
		fclose(file);
}

static void read_devices(struct net_counters *counters, const struct net_namespace *namespace)
{
	struct read_device_context to = { counters, namespace->inode };

	if (device_counters_read(namespace->process, read_device_counter, &to))
		read_device_file(counters, namespace);
}

/* A line a CPU, hexadecimal: packets, dropped (the backlog was full), budget used up ... */
static void read_softnet(struct net_counters *counters)
{
	FILE *file = fopen("/proc/net/softnet_stat", "re");
	unsigned int packets, dropped, squeezed;
	uint64_t drops = 0, squeezes = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%x %x %x", &packets, &dropped, &squeezed) != 3)
			continue;
		drops += dropped;
		squeezes += squeezed;
	}
	if (file)
		fclose(file);
	counter_set(counters, 0, "softnet.dropped", drops);
	counter_set(counters, 0, "softnet.time_squeeze", squeezes);
}

void net_counters_read(struct net_counters *counters)
{
	for (size_t i = 0; i < counters->count; i++)
		counters->list[i].gain = 0;
	counters->untold = 0;
	namespaces_find(counters);
	for (size_t i = 0; i < counters->namespace_count; i++) {
		const struct net_namespace *namespace = &counters->namespaces[i];

		read_pairs(counters, namespace, "snmp");
		read_pairs(counters, namespace, "netstat");
		read_devices(counters, namespace);
	}
	read_softnet(counters);
	counters->reads++;
}

void net_counters_each(const struct net_counters *counters, net_counter_fn visit, void *context)
{
	for (size_t i = 0; i < counters->count; i++)
		visit(context, &counters->list[i]);
}

void net_counters_spaces(const struct net_counters *counters, net_space_fn visit, void *context)
{
	for (size_t i = 0; i < counters->namespace_count; i++)
		visit(context, counters->namespaces[i].inode, counters->namespaces[i].process);
}

uint64_t net_counters_untold(const struct net_counters *counters)
{
	return counters->untold;
}

/* ---- listeners ------------------------------------------------------------------------------ */

/* Words of an address as /proc/net/tcp{,6} prints them: in host order. */
static void listener_address(const char *text, uint8_t address[16], uint8_t *scope)
{
	uint32_t words[4] = { 0, 0, htonl(0xffff), 0 };

	if (strcspn(text, ":") == 8) {
		sscanf(text, "%8x", &words[3]);
	} else {
		sscanf(text, "%8x%8x%8x%8x", &words[0], &words[1], &words[2], &words[3]);
		*scope = FLOW_SCOPE_IPV6;
	}
	memcpy(address, words, sizeof(words));
}

static unsigned int listener_search(const struct net_namespace *namespace, const char *file_name,
				    unsigned int longest, struct flow_key *key)
{
	FILE *file = namespace_file(namespace, file_name);
	char line[512], local[48];
	unsigned int port, state, queue;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*d: %40[^:]:%x %*s %x %*x:%x", local, &port, &state, &queue) !=
			    4 ||
		    state != TCP_LISTEN || queue < longest || !queue)
			continue;
		longest = queue;
		*key = (struct flow_key){ .src_port = (uint16_t)port, .protocol = IPPROTO_TCP };
		listener_address(local, key->src, &key->scope);
		if (!key->scope)
			memcpy(key->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	}
	if (file)
		fclose(file);
	return longest;
}

int net_counters_listener(const struct net_counters *counters, uint32_t netns, struct flow_key *key)
{
	unsigned int longest = 0;

	for (size_t i = 0; i < counters->namespace_count; i++) {
		const struct net_namespace *namespace = &counters->namespaces[i];

		if (namespace->inode != netns)
			continue;
		longest = listener_search(namespace, "tcp", longest, key);
		longest = listener_search(namespace, "tcp6", longest, key);
	}
	return longest ? 0 : -ENOENT;
}
