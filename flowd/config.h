/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the operator wants: defaults, then the configuration file, then the command line. Every
 * mistake is one sentence that names place, key and remedy. Lists that are given on the command
 * line replace those of the file.
 */
#ifndef FLOWD_CONFIG_H
#define FLOWD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "flowd/export/exporters.h"
#include "flowd/flow/flow_table.h"
#include "flowd/kernel/filter_rules.h"
#include "flowd/kernel/interfaces.h"
#include "flowd/option.h"
#include "flowd/scope_list.h"

#define CONFIG_FILE	  "/etc/flowd/flowd.yaml"
#define CONFIG_ITEMS_MAX  256 /* of a list */
#define CONFIG_LISTEN_MAX 16

struct config_globs {
	const char *glob[CONFIG_ITEMS_MAX + 1]; /* NULL-terminated */
	size_t count;
};

struct config_by_glob {
	struct interface_rule rule[CONFIG_ITEMS_MAX + 1]; /* last glob NULL */
	size_t count;
};

#define CONFIG_PORTS_MAX 4
struct config_ports {
	uint16_t port[CONFIG_PORTS_MAX];
	unsigned int count;
};

/* A remote entrance: the query service, the publication or both. */
struct config_listen {
	const char *query, *events;
	const char *cert, *key, *ca;
	unsigned int line; /* where it began in the file */
};

/* Which packet of a tunnel is the flow. */
enum config_tunnel { CONFIG_TUNNEL_INNER, CONFIG_TUNNEL_OUTER, CONFIG_TUNNEL_BOTH };

struct config_export {
	const struct export_kind *kind;
	struct export_settings *settings; /* the kind's, owned */
};

/* Which pods are asked for. */
enum config_kubernetes { KUBERNETES_OFF, KUBERNETES_LOCAL, KUBERNETES_CLUSTER };

struct intern;
struct config {
	const char *file; /* what was read, for config_finish(); the caller's. NULL: none */
	struct config_globs include, exclude;
	struct config_by_glob modes;
	uint64_t tunnel; /* enum config_tunnel */
	struct {
		struct config_ports vxlan, vxlan_gpe, geneve, gtp_u, gue, gre, mpls;
	} tunnel_ports;
	struct {
		uint64_t rate, flows;	       /* 1 in `rate`; 1: flows instead of packets */
		struct config_by_glob by_glob; /* rates of devices */
	} sampling;
	struct {
		uint64_t active_timeout, closed_timeout;
		uint64_t tcp_connections;
		uint64_t tcp_idle, udp_idle, icmp_idle, other_idle;
		uint64_t max_flows, table_flows, ring_bytes, drain_interval;
	} flow;
	struct {
		uint64_t deny;		   /* 1: what no rule matches does not count */
		const char *pcap;	   /* expression; NULL: none */
		struct filter_rules rules; /* deny_others is set by config_finish() */
	} filter;
	struct config_globs scope[SCOPE_KIND_COUNT]; /* by enum scope_kind */
	struct {
		uint64_t enabled, max_owners, ring_bytes, keep;
		const char *host_root, *networks, *hosts;
		const char *docker, *containerd, *runc, *storage;
		const char *pod_logs, *container_logs;
		const char *docker_socket, *podman_socket; /* NULL: not asked */
		uint64_t kubernetes;			   /* enum config_kubernetes */
		const char *kubeconfig;
		const char *city, *asn; /* MaxMind databases */
		uint64_t conntrack;
	} identity;
	struct {
		uint64_t enabled;
		struct config_ports ports;
		uint64_t timeout, max_pending, name_grace, name_bytes;
	} dns;
	uint64_t history_records, history_parts;
	struct {
		uint64_t drops, firewalls, nftrace, tcp, tcp_states, rate;
		uint64_t tracepoints; /* enum trace_manner of kernel/trace.h */
		const char *namespaces, *quiet;
	} events;
	struct {
		const char *query, *events, *socket_group;
		uint64_t max_waiting, insecure_tcp;
		struct config_listen listen[CONFIG_LISTEN_MAX];
		size_t listen_count;
	} bus;
	struct {
		struct config_export entry[EXPORTERS_MAX];
		size_t count;
	} export;
	struct {
		const char *listen; /* NULL: no page */
		const char *enable, *cert, *key, *token_file;
		const char *push_url, *push_token_file, *push_ca, *push_cert, *push_key;
		uint64_t max_series, ttl, push_interval;
	} metrics;
	struct {
		uint64_t cpu; /* percent of one CPU; 0: no bound */
		uint64_t interval;
	} budget;
	const char *node_name; /* never NULL after config_finish() */
	const char *btf;
	uint64_t log_level; /* enum log_level */
	struct intern *texts;
};

/* All settings at their defaults. 0 or -ENOMEM. */
int config_open(struct config **out);
/* Accepts NULL. */
void config_close(struct config *config);

/* Reads a YAML file over what is there. 0, or negative errno with the sentence in `why`. */
int config_read(struct config *config, const char *path, char *why, size_t why_size);
/* The same for text in memory, named `name` in messages. */
int config_read_text(struct config *config, const char *name, const char *text, size_t size,
		     char *why, size_t why_size);
/* One setting, as in --set: lists with commas, "interfaces.modes.GLOB", "bus.listen.0.query". */
int config_set(struct config *config, const char *key, const char *text, char *why,
	       size_t why_size);
/* What no single setting can see, and what the machine adds (the node's name). After the last
 * source, before use. */
int config_finish(struct config *config, char *why, size_t why_size);

/* For the readers of files and of the command line: */
const char *config_text(struct config *config, const char *text);
int config_add_glob(struct config *config, struct config_globs *globs, const char *glob, char *why,
		    size_t why_size);
int config_add_by_glob(struct config *config, const struct option *option, const char *glob,
		       const char *value, char *why, size_t why_size);
int config_add_port(struct config_ports *ports, const char *text, char *why, size_t why_size);
/* One scalar of a row, not of a list; `base` is the structure that the row's offset counts from. */
int config_set_scalar(struct config *config, void *base, const struct option *option,
		      const char *text, char *why, size_t why_size);
/* `key` is "filter.rules.N.name" without its beginning. */
int config_filter_set(struct config *config, const char *key, const char *text, char *why,
		      size_t why_size);
/* The same for "export.N.name". */
int config_export_set(struct config *config, const char *key, const char *text, char *why,
		      size_t why_size);
int config_export_finish(const struct config *config, char *why, size_t why_size);
bool config_export_differs(const struct config *a, const struct config *b);
void config_export_clear(struct config *config);
/* `a` and `b` are what the row's offset counts from. */
bool config_differs(const void *a, const void *b, const struct option *option);
/* Takes over the rules, texts and all. */
void config_filter_copy(struct config *config, const struct config *fresh);
void config_no_such_key(const char *key, char *why, size_t why_size);

/* The rows; those of an entry of bus.listen apart. */
const struct option *config_rows(size_t *count);
const struct option *config_listen_rows(size_t *count);
const struct option *config_find(const char *key);
const struct option *config_listen_find(const char *key);

/* The settings as a configuration file, with the help as comments. */
void config_print(const struct config *config, FILE *out);
/* The rows for --help. */
void config_print_help(FILE *out);
/* For these: a YAML scalar; a row; filter.rules and export. */
void config_print_text(FILE *out, const char *text);
void config_print_value(FILE *out, const void *base, const struct option *option);
void config_print_help_row(FILE *out, const char *prefix, const struct option *option);
void config_export_print(const struct config *config, FILE *out);
void config_export_print_help(FILE *out);
void config_filter_print(const struct config *config, FILE *out);
void config_filter_print_help(FILE *out);
/* Takes over what may change while running (rows with `reload`); prints to `changed` the keys that
 * differ and need a restart. */
void config_reload(struct config *config, const struct config *fresh, char *changed, size_t size);

#endif
