/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of the field table about who the ends are, each for source and destination; for field.c. */
#ifndef PROTO_FIELD_IDENTITY_H
#define PROTO_FIELD_IDENTITY_H

#include "proto/field.h"

#define IDENTITY_GETTERS(X) \
	X(pod)              \
	X(namespace)        \
	X(label)            \
	X(workload)         \
	X(service)          \
	X(identity)         \
	X(container)        \
	X(image)            \
	X(process)          \
	X(pid)              \
	X(uid)              \
	X(unit)             \
	X(cgroup)           \
	X(netns)            \
	X(host)             \
	X(node)             \
	X(country)          \
	X(asn)              \
	X(cluster)          \
	X(xlated)           \
	X(identity_from)    \
	X(identity_missing)
#define IDENTITY_DECLARE(name)                                                                 \
	void field_source_##name(const struct flow_record *record, struct field_value *value); \
	void field_destination_##name(const struct flow_record *record, struct field_value *value);
IDENTITY_GETTERS(IDENTITY_DECLARE)
#undef IDENTITY_DECLARE

extern const struct field_name field_identity_names[], field_from_names[], field_missing_names[];

/* Both ends' rows: what stands behind "source." and "destination." */
#define END_ROWS(title, kind, getter, key, text, ...)                                          \
	ROW("source." title, kind, field_source_##getter, "source" key, "source: " text,       \
	    ##__VA_ARGS__),                                                                    \
		ROW("destination." title, kind, field_destination_##getter, "destination" key, \
		    "destination: " text, ##__VA_ARGS__)
#define END_FACTS(title, kind, getter, key, text, ...)                                         \
	ROW("source." title, kind, field_source_##getter, FACTS "source" key, "source: " text, \
	    ##__VA_ARGS__),                                                                    \
		ROW("destination." title, kind, field_destination_##getter,                    \
		    FACTS "destination" key, "destination: " text, ##__VA_ARGS__)

#define FIELD_IDENTITY_ROWS                                                                        \
	END_ROWS("pod", FIELD_TEXT, pod, ".pod_name", "[namespace/]pod", .values = 2,              \
		 .prefix = true),                                                                  \
		END_ROWS("namespace", FIELD_TEXT, namespace, ".namespace",                         \
			 "Kubernetes namespace"),                                                  \
		END_ROWS("label", FIELD_TEXT, label, ".labels",                                    \
			 "KEY=VALUE or KEY, with or without where it is from (k8s:, ...)",         \
			 .values = 3 * ENDPOINT_LABELS_MAX),                                       \
		END_ROWS("workload", FIELD_TEXT, workload, ".workloads", "[kind/]workload",        \
			 .values = 2, .prefix = true),                                             \
		END_ROWS("service", FIELD_TEXT, service, "_service", "[namespace/]service",        \
			 .values = 2, .prefix = true),                                             \
		END_ROWS("identity", FIELD_NAME, identity, ".identity",                            \
			 "number, or host, world, kube-apiserver, ...",                            \
			 .names = field_identity_names, .max = UINT32_MAX),                        \
		END_ROWS("cluster", FIELD_TEXT, cluster, ".cluster_name", "cluster"),              \
		END_FACTS("container", FIELD_TEXT, container, "_container.name",                   \
			  "container: name, or beginning of its id", .values = 2, .prefix = true), \
		END_FACTS("image", FIELD_TEXT, image, "_container.image", "container image"),      \
		END_FACTS("process", FIELD_TEXT, process, "_process.comm", "process name"),        \
		END_FACTS("pid", FIELD_NUMBER, pid, "_process.pid", "process number",              \
			  .max = UINT32_MAX),                                                      \
		END_FACTS("uid", FIELD_NUMBER, uid, "_process.uid", "user of the process",         \
			  .max = UINT32_MAX),                                                      \
		END_FACTS("unit", FIELD_TEXT, unit, "_process.unit", "systemd unit"),              \
		END_FACTS("cgroup", FIELD_TEXT, cgroup, "_container.cgroup", "cgroup (v2) path",   \
			  .path = true),                                                           \
		END_FACTS("netns", FIELD_NUMBER, netns, "_container.netns",                        \
			  "network namespace, by inode", .max = UINT32_MAX),                       \
		END_FACTS("host", FIELD_TEXT, host, "_host",                                       \
			  "name of the address: configured, or of /etc/hosts"),                    \
		END_FACTS("node", FIELD_TEXT, node, "_node", "node it runs on, or is"),            \
		END_FACTS("country", FIELD_TEXT, country, "_location.country", "ISO country"),     \
		END_FACTS("asn", FIELD_NUMBER, asn, "_location.asn", "autonomous system",          \
			  .max = UINT32_MAX),                                                      \
		END_FACTS("xlated", FIELD_ADDRESS, xlated, "_xlated",                              \
			  "address on the other side of NAT"),                                     \
		ROW("source.identity.from", FIELD_NAME, field_source_identity_from,                \
		    FACTS "identity_source.source", "source: what identified it",                  \
		    .names = field_from_names, .max = IDENTITY_FROM_COUNT - 1),                    \
		ROW("destination.identity.from", FIELD_NAME, field_destination_identity_from,      \
		    FACTS "identity_source.destination", "destination: what identified it",        \
		    .names = field_from_names, .max = IDENTITY_FROM_COUNT - 1),                    \
		ROW("source.identity.missing", FIELD_NAME, field_source_identity_missing,          \
		    FACTS "identity_missing_reason.source", "source: why it is not named",         \
		    .names = field_missing_names + 1, .max = IDENTITY_MISSING_COUNT - 1),          \
		ROW("destination.identity.missing", FIELD_NAME,                                    \
		    field_destination_identity_missing,                                            \
		    FACTS "identity_missing_reason.destination",                                   \
		    "destination: why it is not named", .names = field_missing_names + 1,          \
		    .max = IDENTITY_MISSING_COUNT - 1)

#endif
