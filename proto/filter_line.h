/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The filter flags: one row each, the same for `flowcli observe`, for every exporter's `filter` and
 * for metrics. A row names the fields that the flag tests; a new flag is a new row and nothing
 * else.
 */
#ifndef PROTO_FILTER_OPTIONS_H
#define PROTO_FILTER_OPTIONS_H

#include <stddef.h>

#include "proto/filter.h"

/*
 * flag, X(name, letter, argument, field, other field, operand when there is no argument, a number
 * alone means at least that, what completion offers, help)
 */
#define FILTER_OPTIONS(X)                                                                       \
	X("ip", 0, "ADDRESS", "source.ip", "destination.ip", NULL, false, NULL,                 \
	  "source or destination: address or CIDR")                                             \
	X("from-ip", 0, "ADDRESS", "source.ip", NULL, NULL, false, NULL,                        \
	  "source: address or CIDR")                                                            \
	X("to-ip", 0, "ADDRESS", "destination.ip", NULL, NULL, false, NULL,                     \
	  "destination: address or CIDR")                                                       \
	X("port", 0, "PORT", "source.port", "destination.port", NULL, false, NULL,              \
	  "source or destination: number, range (8000-8100) or list (80,443)")                  \
	X("from-port", 0, "PORT", "source.port", NULL, NULL, false, NULL,                       \
	  "source: number, range or list")                                                      \
	X("to-port", 0, "PORT", "destination.port", NULL, NULL, false, NULL,                    \
	  "destination: number, range or list")                                                 \
	X("protocol", 0, "NAME", "protocol", NULL, NULL, false, NULL,                           \
	  "tcp, udp, sctp, icmp (both versions), ... or a number")                              \
	X("node-name", 0, "NAME", "node", NULL, NULL, false, NULL,                              \
	  "the node that saw it; * and ? match")                                                \
	X("verdict", 0, "NAME", "verdict", NULL, NULL, false, NULL, "FORWARDED, DROPPED, ...")  \
	X("type", 't', "TYPE", "type", NULL, NULL, false, NULL,                                 \
	  "trace, drop, tcp, l7 or l7-dns: what the record is about")                           \
	X("drop-reason", 0, "NAME", "drop.reason", NULL, NULL, false, drop_reasons_offer,       \
	  "why the kernel dropped packets: NETFILTER_DROP, ...; * and ? match")                 \
	X("retransmits", 0, "N", "retransmits", NULL, NULL, true, NULL,                         \
	  "TCP with at least N retransmissions")                                                \
	X("min-rtt", 0, "TIME", "rtt", NULL, NULL, true, NULL,                                  \
	  "TCP with a round trip time of at least TIME (50ms)")                                 \
	X("interface", 0, "NAME", "interface", NULL, NULL, false, NULL,                         \
	  "an interface that saw the flow; * and ? match")                                      \
	X("traffic-direction", 0, "NAME", "direction", NULL, NULL, false, NULL,                 \
	  "ingress or egress, at the point that counted")                                       \
	X("ip-version", 0, "VERSION", "ip.version", NULL, NULL, false, NULL, "v4 or v6")        \
	X("ipv4", '4', NULL, "ip.version", NULL, "v4", false, NULL, "only IPv4")                \
	X("ipv6", '6', NULL, "ip.version", NULL, "v6", false, NULL, "only IPv6")                \
	X("tcp-flags", 0, "FLAGS", "tcp.flags", NULL, NULL, false, NULL,                        \
	  "SYN,ACK: all of these; any:FIN,RST: one of these; =SYN: exactly these")              \
	X("dns-query", 0, "REGEX", "dns.query", NULL, NULL, false, NULL,                        \
	  "the name that was asked for: Perl's regular expression, found anywhere in it")       \
	X("rcode", 0, "NAME", "dns.rcode", NULL, NULL, false, NULL,                             \
	  "outcome of a DNS answer: NXDOMAIN, SERVFAIL, ...")                                   \
	X("fqdn", 0, "NAME", "source.name", "destination.name", NULL, false, NULL,              \
	  "name that one end had looked up for the other; * and ? match")                       \
	X("from-fqdn", 0, "NAME", "source.name", NULL, NULL, false, NULL, "name of the source") \
	X("to-fqdn", 0, "NAME", "destination.name", NULL, NULL, false, NULL,                    \
	  "name of the destination")                                                            \
	X("min-latency", 0, "DURATION", "dns.latency", NULL, NULL, true, NULL,                  \
	  "DNS answers, and timeouts, that took so long or longer")                             \
	X("tunnel", 0, "TYPE", "tunnel.type", NULL, NULL, false, NULL,                          \
	  "vxlan, geneve, gre, ipip, ...: what the packets were wrapped in")                    \
	X("tunnel-id", 0, "NUMBER", "tunnel.id", NULL, NULL, false, NULL,                       \
	  "VNI, VSID, GRE key, TEID or session of the tunnel: number, range or list")           \
	X("outer-ip", 0, "ADDRESS", "outer.source", "outer.destination", NULL, false, NULL,     \
	  "either end of the tunnel: address or CIDR")                                          \
	X("icmp-error", 0, NULL, "icmp.error", NULL, "true", false, NULL,                       \
	  "only ICMP errors and the flows they were about")

/* --name, --from-name and --to-name */
#define FILTER_ENDS(X, option, word, name, text) FILTER_ENDS_BY(X, option, 0, word, name, text)
/* the first with a letter */
#define FILTER_ENDS_BY(X, option, letter, word, name, text)                                  \
	X(option, letter, word, "source." name, "destination." name, NULL, false, NULL,      \
	  "source or destination: " text)                                                    \
	X("from-" option, 0, word, "source." name, NULL, NULL, false, NULL, "source: " text) \
	X("to-" option, 0, word, "destination." name, NULL, NULL, false, NULL, "destination: " text)

/* who, X as above */
#define IDENTITY_OPTIONS(X)                                                                      \
	FILTER_ENDS(X, "pod", "NAME", "pod", "[namespace/]pod, or how it begins; any namespace") \
	FILTER_ENDS_BY(X, "namespace", 'n', "NAME", "namespace",                                 \
		       "Kubernetes namespace; * and ? match")                                    \
	FILTER_ENDS_BY(X, "label", 'l', "LABEL", "label", "KEY=VALUE or KEY; * and ? match")     \
	FILTER_ENDS(X, "workload", "NAME", "workload", "[kind/]workload, or how it begins")      \
	FILTER_ENDS(X, "service", "NAME", "service", "[namespace/]service, or how it begins")    \
	FILTER_ENDS(X, "identity", "NAME", "identity",                                           \
		    "number, or host, world, kube-apiserver, ...")                               \
	FILTER_ENDS(X, "container", "NAME", "container",                                         \
		    "container, or how its name or id begins")                                   \
	FILTER_ENDS(X, "process", "NAME", "process", "process name; * and ? match")              \
	X("pid", 0, "NUMBER", "source.pid", "destination.pid", NULL, false, NULL,                \
	  "process number, range or list")                                                       \
	X("uid", 0, "NUMBER", "source.uid", "destination.uid", NULL, false, NULL,                \
	  "user number, range or list")                                                          \
	X("unit", 0, "NAME", "source.unit", "destination.unit", NULL, false, NULL,               \
	  "systemd unit; * and ? match")                                                         \
	X("cgroup", 0, "PATH", "source.cgroup", "destination.cgroup", NULL, false, NULL,         \
	  "cgroup (v2) path and what lies below it")

/*
 * The filter that a line of flags makes ("--protocol tcp --not --port 22"), words and quotes as in
 * a shell; an empty line matches everything (*out NULL). 0, -ENOMEM, or -EINVAL with a sentence in
 * `why`.
 */
int filter_line_parse(const char *text, struct filter **out, char *why, size_t why_size);

#endif
