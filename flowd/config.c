/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/intern.h"
#include "flowd/base/log.h"
#include "flowd/metrics/flow_metrics.h"
#include "flowd/metrics/metrics.h"

#define AT(member)	  offsetof(struct config, member)
#define LISTEN_AT(member) offsetof(struct config_listen, member)
#define MS		  UINT64_C(1000000)
#define SECONDS(n)	  ((n)*UINT64_C(1000000000))
#define HOURS(n)	  SECONDS((n)*UINT64_C(3600))
#define PORTS(key, member, standard, what)                                                        \
	{                                                                                         \
		"tunnel_ports." key, OPTION_PORTS, AT(tunnel_ports.member), 0, 0, standard, NULL, \
			false, "UDP ports that carry " what                                       \
	}

static const char *const modes[] = { [ATTACH_AUTO] = "auto",
				     [ATTACH_TC] = "tc",
				     [ATTACH_XDP] = "xdp",
				     [ATTACH_XDP_GENERIC] = "xdp-generic",
				     NULL };
static const char *const levels[] = { [LOG_LEVEL_ERROR] = "error",
				      [LOG_LEVEL_WARNING] = "warning",
				      [LOG_LEVEL_INFO] = "info",
				      [LOG_LEVEL_DEBUG] = "debug",
				      NULL };

static const char *const kubernetes[] = { [KUBERNETES_OFF] = "off",
					  [KUBERNETES_LOCAL] = "local",
					  [KUBERNETES_CLUSTER] = "cluster",
					  NULL };
static const char *const verdicts[] = { "allow", "deny", NULL };
static const char *const tunnels[] = { [CONFIG_TUNNEL_INNER] = "inner",
				       [CONFIG_TUNNEL_OUTER] = "outer",
				       [CONFIG_TUNNEL_BOTH] = "both",
				       NULL };
static const char *const sampled[] = { "packet", "flow", NULL };

static const struct option rows[] = {
	{ "interfaces.include", OPTION_GLOBS, AT(include), 0, 0, NULL, NULL, false,
	  "devices to watch, as globs; empty: all but lo" },
	{ "interfaces.exclude", OPTION_GLOBS, AT(exclude), 0, 0, NULL, NULL, false,
	  "devices to leave alone; wins over include" },
	{ "interfaces.modes", OPTION_BY_GLOB, AT(modes), 0, 0, NULL, modes, false,
	  "how to attach, by glob, first match: auto, tc, xdp or xdp-generic" },
	{ "tunnel", OPTION_NAME, AT(tunnel), 0, 0, "inner", tunnels, false,
	  "which packet of a tunnel is the flow; the outer one of inner flows is told with them" },
	PORTS("vxlan", vxlan, "4789,8472", "VXLAN"),
	PORTS("vxlan_gpe", vxlan_gpe, NULL, "VXLAN-GPE (IANA: 4790)"),
	PORTS("geneve", geneve, "6081", "Geneve"),
	PORTS("gtp_u", gtp_u, "2152", "GTP-U"),
	PORTS("gue", gue, "6080", "generic UDP encapsulation"),
	PORTS("gre", gre, "4754", "GRE in UDP"),
	PORTS("mpls", mpls, "6635", "MPLS in UDP"),
	{ "sampling.rate", OPTION_COUNT, AT(sampling.rate), 1, 65535, "1", NULL, false,
	  "count 1 in so many; SYN, FIN, RST and first packets always" },
	{ "sampling.by", OPTION_NAME, AT(sampling.flows), 0, 0, "packet", sampled, false,
	  "what is chosen: packets, or conversations with all their packets" },
	{ "sampling.interfaces", OPTION_BY_GLOB, AT(sampling.by_glob), 1, 65535, NULL, NULL, false,
	  "rates of devices, by glob, first match; the others have sampling.rate" },
	{ "flow.active_timeout", OPTION_DURATION, AT(flow.active_timeout), SECONDS(1), HOURS(24),
	  "15s", NULL, false, "a flow with traffic gives a record at least this often" },
	{ "flow.closed_timeout", OPTION_DURATION, AT(flow.closed_timeout), 0, SECONDS(60), "500ms",
	  NULL, false, "how long a closed TCP connection waits for stragglers" },
	{ "flow.tcp_idle_timeout", OPTION_DURATION, AT(flow.tcp_idle), SECONDS(1), HOURS(24), "5m",
	  NULL, false, "a silent TCP flow ends after this time" },
	{ "flow.udp_idle_timeout", OPTION_DURATION, AT(flow.udp_idle), SECONDS(1), HOURS(24), "1m",
	  NULL, false, "a silent UDP flow ends after this time" },
	{ "flow.icmp_idle_timeout", OPTION_DURATION, AT(flow.icmp_idle), SECONDS(1), HOURS(24),
	  "15s", NULL, false, "a silent ICMP flow ends after this time" },
	{ "flow.other_idle_timeout", OPTION_DURATION, AT(flow.other_idle), SECONDS(1), HOURS(24),
	  "1m", NULL, false, "a silent flow of another protocol ends after this time" },
	{ "flow.max_flows", OPTION_COUNT, AT(flow.max_flows), 1024, 16777216, "131072", NULL, false,
	  "flows held at once; beyond, the longest silent one ends" },
	{ "flow.table_flows", OPTION_COUNT, AT(flow.table_flows), 1024, 16777216, "65536", NULL,
	  false, "entries of the kernel's flow table, over all CPUs (128 bytes each)" },
	{ "flow.ring_bytes", OPTION_BYTES, AT(flow.ring_bytes), 4096, UINT64_C(1) << 30, "4MiB",
	  NULL, false, "size of the ring buffer from the kernel" },
	{ "flow.drain_interval", OPTION_DURATION, AT(flow.drain_interval), 100 * MS, SECONDS(1),
	  "500ms", NULL, true, "how often the kernel's table is read" },
	{ "filter.default", OPTION_NAME, AT(filter.deny), 0, 0, "allow", verdicts, true,
	  "what happens to packets that satisfy no rule" },
	{ "filter.pcap", OPTION_TEXT, AT(filter.pcap), 0, 0, NULL, NULL, true,
	  "count only packets that this pcap-filter(7) expression matches; empty: all" },
	{ "events.drops", OPTION_SWITCH, AT(events.drops), 0, 0, "true", NULL, false,
	  "tell of packets that the kernel drops" },
	{ "events.firewalls", OPTION_SWITCH, AT(events.firewalls), 0, 0, "true", NULL, false,
	  "tell table and chain of the firewall that dropped, where the kernel lets us (fentry)" },
	{ "events.tcp", OPTION_SWITCH, AT(events.tcp), 0, 0, "true", NULL, false,
	  "tell of retransmissions, resets, failed connects and round trip times" },
	{ "events.tcp_states", OPTION_SWITCH, AT(events.tcp_states), 0, 0, "false", NULL, false,
	  "a record for each change of a TCP socket's state" },
	{ "events.rate", OPTION_COUNT, AT(events.rate), 1, 100000, "1000", NULL, false,
	  "events a second of one reason on one CPU; above, they are only counted" },
	{ "events.namespaces", OPTION_TEXT, AT(events.namespaces), 0, 0, NULL, NULL, false,
	  "network namespaces to tell of, as inode numbers with commas; empty: all" },
	{ "events.quiet", OPTION_TEXT, AT(events.quiet), 0, 0, "OTHERHOST,ip6_mc_input,ping_rcv",
	  NULL, false,
	  "drop reasons and kernel functions whose drops are only counted, with commas" },
	{ "identity.enabled", OPTION_SWITCH, AT(identity.enabled), 0, 0, "true", NULL, false,
	  "say who both ends of a flow are" },
	{ "identity.host_root", OPTION_PATH, AT(identity.host_root), 0, 0, NULL, NULL, false,
	  "where the host's root is mounted, for a daemon in a container; empty: /" },
	{ "identity.networks", OPTION_PATH, AT(identity.networks), 0, 0, NULL, NULL, false,
	  "file of names for addresses: lines of ADDRESS[/PREFIX] NAME [KEY=VALUE ...]" },
	{ "identity.hosts", OPTION_PATH, AT(identity.hosts), 0, 0, "/etc/hosts", NULL, false,
	  "file of names in the format of hosts(5); empty: none" },
	{ "identity.max_owners", OPTION_COUNT, AT(identity.max_owners), 1024, 1048576, "32768",
	  NULL, false, "sockets whose owners are remembered, closed ones too" },
	{ "identity.keep", OPTION_DURATION, AT(identity.keep), SECONDS(1), HOURS(24), "10m", NULL,
	  false, "how long a container that has gone keeps its name" },
	{ "identity.ring_bytes", OPTION_BYTES, AT(identity.ring_bytes), 4096, UINT64_C(1) << 28,
	  "1MiB", NULL, false, "size of the ring buffer of sockets' owners from the kernel" },
	{ "identity.docker", OPTION_PATH, AT(identity.docker), 0, 0, "/var/lib/docker", NULL, false,
	  "data directory of dockerd" },
	{ "identity.containerd", OPTION_PATH, AT(identity.containerd), 0, 0, "/run/containerd",
	  NULL, false, "state directory of containerd" },
	{ "identity.runc", OPTION_PATH, AT(identity.runc), 0, 0, "/run/runc", NULL, false,
	  "state directory of runc" },
	{ "identity.storage", OPTION_PATH, AT(identity.storage), 0, 0,
	  "/var/lib/containers/storage", NULL, false, "storage of podman and CRI-O" },
	{ "identity.kubernetes", OPTION_NAME, AT(identity.kubernetes), 0, 0, "off", kubernetes,
	  false, "names from Kubernetes' API: pods of this node, or of the whole cluster" },
	{ "identity.kubeconfig", OPTION_PATH, AT(identity.kubeconfig), 0, 0, NULL, NULL, false,
	  "how to reach the API; empty: the pod's service account" },
	{ "identity.conntrack", OPTION_SWITCH, AT(identity.conntrack), 0, 0, "true", NULL, false,
	  "ask connection tracking for addresses behind NAT" },
	{ "identity.city", OPTION_PATH, AT(identity.city), 0, 0, NULL, NULL, false,
	  "MaxMind database of countries or cities; empty: none" },
	{ "identity.asn", OPTION_PATH, AT(identity.asn), 0, 0, NULL, NULL, false,
	  "MaxMind database of autonomous systems; empty: none" },
	{ "history.records", OPTION_COUNT, AT(history_records), 256, 67108864, "65536", NULL, false,
	  "records kept for queries (30 to 60 bytes each)" },
	{ "bus.query", OPTION_URL, AT(bus.query), 0, 0, "ipc:///run/flowd/flowd.sock", NULL, false,
	  "where flowcli asks" },
	{ "bus.events", OPTION_URL, AT(bus.events), 0, 0, "ipc:///run/flowd/events.sock", NULL,
	  false, "where records are published live" },
	{ "bus.socket_group", OPTION_TEXT, AT(bus.socket_group), 0, 0, "flowd", NULL, false,
	  "group that may use the local sockets; without it only root may" },
	{ "bus.max_waiting", OPTION_COUNT, AT(bus.max_waiting), 1, 4096, "32", NULL, false,
	  "queries that may wait for new records at once" },
	{ "bus.insecure_tcp", OPTION_SWITCH, AT(bus.insecure_tcp), 0, 0, "false", NULL, false,
	  "allow unencrypted tcp:// beyond loopback" },
	{ "metrics.listen", OPTION_TEXT, AT(metrics.listen), 0, 0, "127.0.0.1:9965", NULL, false,
	  "address of the page /metrics; empty: none" },
	{ "metrics.enable", OPTION_TEXT, AT(metrics.enable), 0, 0, FLOW_METRICS_ENABLE, NULL, false,
	  "metrics of flows, with Hubble's options" },
	{ "metrics.max_series", OPTION_COUNT, AT(metrics.max_series), 1, 1000000, "1000", NULL,
	  false, "series of a metric; the smallest beyond are told together as other" },
	{ "metrics.ttl", OPTION_DURATION, AT(metrics.ttl), 0, HOURS(24), "10m", NULL, false,
	  "series of who has gone are forgotten after this time; 0s: never" },
	{ "metrics.cert", OPTION_PATH, AT(metrics.cert), 0, 0, NULL, NULL, false,
	  "certificate for HTTPS (PEM file)" },
	{ "metrics.key", OPTION_PATH, AT(metrics.key), 0, 0, NULL, NULL, false,
	  "its private key (PEM file)" },
	{ "metrics.token_file", OPTION_PATH, AT(metrics.token_file), 0, 0, NULL, NULL, false,
	  "file with the bearer token that is asked for" },
	{ "budget.cpu", OPTION_PERCENT, AT(budget_cpu), 0, 6400, "0%", NULL, false,
	  "share of one CPU that the daemon may use; beyond, packets are sampled; 0: any" },
	{ "node_name", OPTION_TEXT, AT(node_name), 0, 0, NULL, NULL, false,
	  "name of this node in every record; empty: the host name" },
	{ "log_level", OPTION_NAME, AT(log_level), 0, 0, "info", levels, true,
	  "least important message that is logged" },
	{ "btf", OPTION_PATH, AT(btf), 0, 0, NULL, NULL, false,
	  "BTF file of the running kernel, for kernels without their own" },
};

static const struct option listen_rows[] = {
	{ "query", OPTION_URL, LISTEN_AT(query), 0, 0, NULL, NULL, false,
	  "remote address of the query service" },
	{ "events", OPTION_URL, LISTEN_AT(events), 0, 0, NULL, NULL, false,
	  "remote address of the live publication" },
	{ "cert", OPTION_PATH, LISTEN_AT(cert), 0, 0, NULL, NULL, false,
	  "certificate of this node (PEM file), for tls+tcp://" },
	{ "key", OPTION_PATH, LISTEN_AT(key), 0, 0, NULL, NULL, false,
	  "its private key (PEM file)" },
	{ "ca", OPTION_PATH, LISTEN_AT(ca), 0, 0, NULL, NULL, false,
	  "CA that clients' certificates must be signed by (PEM file)" },
};

#define ROWS	    (sizeof(rows) / sizeof(rows[0]))
#define LISTEN_ROWS (sizeof(listen_rows) / sizeof(listen_rows[0]))

const struct option *config_rows(size_t *count)
{
	*count = ROWS;
	return rows;
}

const struct option *config_listen_rows(size_t *count)
{
	*count = LISTEN_ROWS;
	return listen_rows;
}

static const struct option *config_find_in(const struct option *table, size_t count,
					   const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(table[i].key, key))
			return &table[i];
	}
	return NULL;
}

const struct option *config_find(const char *key)
{
	return config_find_in(rows, ROWS, key);
}

const struct option *config_listen_find(const char *key)
{
	return config_find_in(listen_rows, LISTEN_ROWS, key);
}

int config_open(struct config **out)
{
	struct config *config = calloc(1, sizeof(*config));
	char why[128];
	int error = 0;

	if (!config)
		return -ENOMEM;
	error = intern_open(&config->texts);
	for (size_t i = 0; i < ROWS && !error; i++) {
		if (rows[i].standard)
			error = config_set(config, rows[i].key, rows[i].standard, why, sizeof(why));
	}
	if (error) {
		config_close(config);
		return error;
	}
	*out = config;
	return 0;
}

void config_close(struct config *config)
{
	if (!config)
		return;
	config_export_clear(config);
	intern_close(config->texts);
	free(config);
}

const char *config_text(struct config *config, const char *text)
{
	return *text ? intern_text(config->texts, text) : NULL;
}

int config_set_scalar(struct config *config, void *base, const struct option *option,
		      const char *text, char *why, size_t why_size)
{
	void *place = (char *)base + option->offset;
	int error;

	if (option_is_number(option))
		return option_parse_number(option, text, place, why, why_size);
	error = option_check_text(option, text, why, why_size);
	if (!error)
		*(const char **)place = config_text(config, text);
	return error;
}

int config_add_glob(struct config *config, struct config_globs *globs, const char *glob, char *why,
		    size_t why_size)
{
	if (!*glob || globs->count == CONFIG_ITEMS_MAX) {
		snprintf(why, why_size, "%s",
			 *glob ? "too many items; join some with * and ?"
			       : "an empty name matches no device; leave it out");
		return -EINVAL;
	}
	globs->glob[globs->count++] = config_text(config, glob);
	return 0;
}

int config_add_by_glob(struct config *config, const struct option *option, const char *glob,
		       const char *value, char *why, size_t why_size)
{
	struct config_by_glob *list = (void *)((char *)config + option->offset);
	struct option one = *option;
	uint64_t number;
	int error;

	one.type = option->names ? OPTION_NAME : OPTION_COUNT;
	error = option_parse_number(&one, value, &number, why, why_size);
	if (error)
		return error;
	if (!*glob || list->count == CONFIG_ITEMS_MAX) {
		snprintf(why, why_size, "%s",
			 *glob ? "too many items; join some with * and ?"
			       : "an empty name matches no device; leave it out");
		return -EINVAL;
	}
	list->rule[list->count++] = (struct interface_rule){ .glob = config_text(config, glob),
							     .value = (unsigned int)number };
	return 0;
}

int config_add_port(struct config_ports *ports, const char *text, char *why, size_t why_size)
{
	static const struct option one = { .type = OPTION_COUNT, .low = 1, .high = 65535 };
	uint64_t port;
	int error = option_parse_number(&one, text, &port, why, why_size);

	if (error)
		return error;
	if (ports->count == CONFIG_PORTS_MAX) {
		snprintf(why, why_size, "too many ports; %d are the most", CONFIG_PORTS_MAX);
		return -EINVAL;
	}
	ports->port[ports->count++] = (uint16_t)port;
	return 0;
}

void config_no_such_key(const char *key, char *why, size_t why_size)
{
	const struct option *guess = option_guess(rows, ROWS, key);

	if (guess)
		snprintf(why, why_size, "there is no such key; did you mean %s?", guess->key);
	else
		snprintf(why, why_size, "there is no such key; flowd --help lists them");
}

static int config_finish_name(struct config *config, char *why, size_t why_size)
{
	char name[256] = "";

	if (!config->node_name && !gethostname(name, sizeof(name) - 1))
		config->node_name = config_text(config, name);
	if (config->node_name)
		return 0;
	snprintf(why, why_size, "this machine has no host name; set node_name");
	return -EINVAL;
}

static bool config_needs_tls(const char *url)
{
	return url && !strncmp(url, "tls+tcp://", strlen("tls+tcp://"));
}

static int config_check_listen(const struct config_listen *listen, size_t index, char *why,
			       size_t why_size)
{
	const char *complaint = NULL;

	if (!listen->query && !listen->events)
		complaint = "neither query nor events is given; give the address of one";
	else if ((config_needs_tls(listen->query) || config_needs_tls(listen->events)) &&
		 (!listen->cert || !listen->key || !listen->ca))
		complaint = "tls+tcp:// needs cert, key and ca; name the three PEM files";
	if (!complaint)
		return 0;
	if (listen->line)
		snprintf(why, why_size, "line %u: bus.listen.%zu: %s", listen->line, index,
			 complaint);
	else
		snprintf(why, why_size, "bus.listen.%zu: %s", index, complaint);
	return -EINVAL;
}

int config_finish(struct config *config, char *why, size_t why_size)
{
	int error = config_finish_name(config, why, why_size);

	config->filter.rules.deny_others = config->filter.deny;
	for (size_t i = 0; i < config->bus.listen_count && !error; i++)
		error = config_check_listen(&config->bus.listen[i], i, why, why_size);
	if (!error)
		error = config_export_finish(config, why, why_size);
	if (!error && config->metrics.listen)
		error = metrics_check(&(struct metrics_options){ .listen = config->metrics.listen,
								 .enable = config->metrics.enable,
								 .cert = config->metrics.cert,
								 .key = config->metrics.key },
				      why, why_size);
	if (!error &&
	    (config_needs_tls(config->bus.query) || config_needs_tls(config->bus.events))) {
		snprintf(why, why_size,
			 "bus.query and bus.events are the local entrances; put tls+tcp:// under "
			 "bus.listen, with its certificate files");
		return -EINVAL;
	}
	if (!error && (!config->bus.query || !config->bus.events)) {
		snprintf(why, why_size, "bus.query and bus.events must not be empty; write %s",
			 "ipc:///run/flowd/flowd.sock and ipc:///run/flowd/events.sock");
		return -EINVAL;
	}
	return error;
}

static bool config_lists_differ(const struct config_globs *a, const struct config_globs *b)
{
	bool differ = a->count != b->count;

	for (size_t i = 0; i < a->count && !differ; i++)
		differ = strcmp(a->glob[i], b->glob[i]);
	return differ;
}

static bool config_by_glob_differ(const struct config_by_glob *a, const struct config_by_glob *b)
{
	bool differ = a->count != b->count;

	for (size_t i = 0; i < a->count && !differ; i++)
		differ = a->rule[i].value != b->rule[i].value ||
			 strcmp(a->rule[i].glob, b->rule[i].glob);
	return differ;
}

static bool config_texts_differ(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

bool config_differs(const void *a, const void *b, const struct option *option)
{
	const void *left = (const char *)a + option->offset;
	const void *right = (const char *)b + option->offset;

	switch (option->type) {
	case OPTION_GLOBS:
		return config_lists_differ(left, right);
	case OPTION_BY_GLOB:
		return config_by_glob_differ(left, right);
	case OPTION_PORTS:
		return memcmp(left, right, sizeof(struct config_ports));
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL:
		return config_texts_differ(*(const char *const *)left, *(const char *const *)right);
	case OPTION_DURATION:
	case OPTION_COUNT:
	case OPTION_PERCENT:
	case OPTION_BYTES:
	case OPTION_SWITCH:
	case OPTION_NAME:
		break;
	}
	return *(const uint64_t *)left != *(const uint64_t *)right;
}

static void config_note(char *changed, size_t size, const char *key)
{
	size_t used = strlen(changed);

	snprintf(changed + used, size - used, "%s%s", used ? ", " : "", key);
}

/* The text of `fresh` goes with it. */
static void config_take_text(struct config *config, const struct config *fresh,
			     const struct option *option)
{
	const char *text = *(const char *const *)((const char *)fresh + option->offset);

	*(const char **)((char *)config + option->offset) = config_text(config, text ? text : "");
}

void config_reload(struct config *config, const struct config *fresh, char *changed, size_t size)
{
	*changed = 0;
	for (size_t i = 0; i < ROWS; i++) {
		if (!config_differs(config, fresh, &rows[i]))
			continue;
		if (rows[i].reload && rows[i].type == OPTION_TEXT)
			config_take_text(config, fresh, &rows[i]);
		else if (rows[i].reload)
			memcpy((char *)config + rows[i].offset,
			       (const char *)fresh + rows[i].offset, sizeof(uint64_t));
		else
			config_note(changed, size, rows[i].key);
	}
	config_filter_copy(config, fresh);
	if (config_export_differs(config, fresh))
		config_note(changed, size, "export");
}
