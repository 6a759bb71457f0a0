/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every setting, a row each: what config.c, the file's reader, --set, --help and the manual go by.
 */
#include "flowd/config.h"

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
	{ "dns.enabled", OPTION_SWITCH, AT(dns.enabled), 0, 0, "true", NULL, false,
	  "watch DNS: its messages as records, and its names on flows" },
	{ "dns.ports", OPTION_PORTS, AT(dns.ports), 0, 0, "53,5353,5355", NULL, false,
	  "UDP and TCP ports of DNS, mDNS and LLMNR" },
	{ "dns.timeout", OPTION_DURATION, AT(dns.timeout), 100 * MS, SECONDS(300), "5s", NULL,
	  false, "a query not answered by then is reported" },
	{ "dns.max_pending", OPTION_COUNT, AT(dns.max_pending), 1024, 4194304, "65536", NULL, false,
	  "transactions held at once (about 400 bytes each)" },
	{ "dns.name_grace", OPTION_DURATION, AT(dns.name_grace), 0, HOURS(24), "1m", NULL, false,
	  "how long a name is good for new flows beyond its TTL" },
	{ "dns.name_bytes", OPTION_BYTES, AT(dns.name_bytes), 65536, UINT64_C(1) << 32, "8MiB",
	  NULL, false, "memory for the names that clients have looked up" },
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
	  "2MiB", NULL, false, "size of the ring buffer of sockets' owners from the kernel" },
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
	{ "history.parts_bytes", OPTION_BYTES, AT(history_parts), 65536, UINT64_C(1) << 36, "32MiB",
	  NULL, false, "memory for what only some records have: DNS messages, names" },
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
	{ "metrics.push_url", OPTION_TEXT, AT(metrics.push_url), 0, 0, NULL, NULL, false,
	  "where metrics are pushed by OTLP/HTTP, with or without page; empty: nowhere" },
	{ "metrics.push_interval", OPTION_DURATION, AT(metrics.push_interval), SECONDS(1), HOURS(1),
	  "30s", NULL, false, "how often they are pushed" },
	{ "metrics.push_token_file", OPTION_PATH, AT(metrics.push_token_file), 0, 0, NULL, NULL,
	  false, "file with the bearer token that the receiver asks for" },
	{ "metrics.push_ca", OPTION_PATH, AT(metrics.push_ca), 0, 0, NULL, NULL, false,
	  "CA that the receiver's certificate must be signed by (PEM file); empty: the system's" },
	{ "metrics.push_cert", OPTION_PATH, AT(metrics.push_cert), 0, 0, NULL, NULL, false,
	  "our certificate, where the receiver asks for one (PEM file)" },
	{ "metrics.push_key", OPTION_PATH, AT(metrics.push_key), 0, 0, NULL, NULL, false,
	  "its private key (PEM file)" },
	{ "budget.cpu", OPTION_PERCENT, AT(budget.cpu), 0, 6400, "0%", NULL, false,
	  "share of one CPU that the daemon may use; beyond, packets are sampled; 0: any" },
	{ "budget.interval", OPTION_DURATION, AT(budget.interval), 100 * MS, SECONDS(60), "5s",
	  NULL, false, "how often its use of the CPU is looked at" },
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
