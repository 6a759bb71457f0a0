/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/settings.h"

#include <errno.h>

#include "flowd/base/log.h"
#include "flowd/flow/packet_rules.h"

void settings_flow_table(const struct config *config, struct flow_table_options *options)
{
	*options = (struct flow_table_options){
		.max_flows = (uint32_t)config->flow.max_flows,
		.timeouts = { .active_ns = config->flow.active_timeout,
			      .tcp_idle_ns = config->flow.tcp_idle,
			      .udp_idle_ns = config->flow.udp_idle,
			      .icmp_idle_ns = config->flow.icmp_idle,
			      .other_idle_ns = config->flow.other_idle,
			      .closed_ns = config->flow.closed_timeout },
		.publish_start = 1,
	};
}

static int settings_tunnel_ports(const struct config *config, struct packet_rules *rules)
{
	const struct {
		enum flow_tunnel tunnel;
		const struct config_ports *ports;
	} tunnels[] = {
		{ FLOW_TUNNEL_VXLAN, &config->tunnel_ports.vxlan },
		{ FLOW_TUNNEL_VXLAN_GPE, &config->tunnel_ports.vxlan_gpe },
		{ FLOW_TUNNEL_GENEVE, &config->tunnel_ports.geneve },
		{ FLOW_TUNNEL_GTP_U, &config->tunnel_ports.gtp_u },
		{ FLOW_TUNNEL_GUE, &config->tunnel_ports.gue },
		{ FLOW_TUNNEL_GRE, &config->tunnel_ports.gre },
		{ FLOW_TUNNEL_MPLS_IP, &config->tunnel_ports.mpls },
	};

	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		const struct config_ports *ports = tunnels[i].ports;
		int error =
			packet_rules_set_ports(rules, tunnels[i].tunnel, ports->port, ports->count);

		if (!error)
			continue;
		log_error("tunnel_ports: %s", error == -EEXIST
						      ? "one port is given to two tunnels; take it "
							"from one of them"
						      : "too many ports; take some out");
		return error;
	}
	return 0;
}

int settings_datapath(const struct config *config, struct datapath_options *options)
{
	int error = 0;

	*options = (struct datapath_options){
		.table_flows = (uint32_t)config->flow.table_flows,
		.table_grows = true,
		.ring_bytes = (uint32_t)config->flow.ring_bytes,
		.owner_ring_bytes =
			config->identity.enabled ? (uint32_t)config->identity.ring_bytes : 0,
		.tcp_watch = config->flow.tcp_connections != 0,
		.btf_path = config->btf,
	};
	packet_rules_default(&options->rules);
	if (config->tunnel == CONFIG_TUNNEL_OUTER)
		packet_rules_none(&options->rules);
	else
		error = settings_tunnel_ports(config, &options->rules);
	options->rules.both = config->tunnel == CONFIG_TUNNEL_BOTH;
	if (config->dns.enabled)
		packet_rules_set_dns(&options->rules, config->dns.ports.port,
				     config->dns.ports.count);
	return error;
}

void settings_dns(const struct config *config, struct dns_options *options)
{
	*options = (struct dns_options){
		.timeout_ns = config->dns.timeout,
		.max_pending = config->dns.max_pending,
		.name_grace_ns = config->dns.name_grace,
		.name_bytes = config->dns.name_bytes,
	};
}

void settings_interfaces(const struct config *config, struct interfaces_options *options)
{
	*options = (struct interfaces_options){
		.include = config->include.glob,
		.exclude = config->exclude.glob,
		.rules = config->modes.rule,
		.sampling = config->sampling.by_glob.rule,
		.sampling_rate = (uint16_t)config->sampling.rate,
		.sample_flows = config->sampling.flows,
	};
}
