/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who one end of a flow is: Hubble's Endpoint and what we know beyond it. Immutable once made, and
 * shared by all records that say the same; what differs from connection to connection (process,
 * where the knowledge came from) is in struct flow_end. Texts are borrowed like those of a record.
 */
#ifndef PROTO_ENDPOINT_H
#define PROTO_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * text, X(NAME, json_name): NULL where not known. Pod and service are "namespace/name", or the name
 * alone where there is no namespace; workload is "Kind/name".
 */
#define ENDPOINT_TEXTS(X)               \
	X(CLUSTER, "cluster")           \
	X(NAMESPACE, "namespace")       \
	X(POD, "pod")                   \
	X(POD_UID, "pod_uid")           \
	X(WORKLOAD, "workload")         \
	X(SERVICE, "service")           \
	X(NODE, "node")                 \
	X(CONTAINER_ID, "container_id") \
	X(CONTAINER_NAME, "container")  \
	X(IMAGE, "image")               \
	X(RUNTIME, "runtime")           \
	X(UNIT, "unit")                 \
	X(CGROUP, "cgroup")             \
	X(HOST, "host")                 \
	X(COUNTRY, "country")           \
	X(AS_NAME, "as_name")
#define ENDPOINT_TEXT_ENUM(name, json_name) ENDPOINT_##name,
enum endpoint_text { ENDPOINT_TEXTS(ENDPOINT_TEXT_ENUM) ENDPOINT_TEXT_COUNT };

/* Bytes of a text; longer ones are cut. Joined ones have two such parts. */
#define ENDPOINT_TEXT_MAX   255
#define ENDPOINT_CGROUP_MAX 1023 /* of a cgroup's path */
#define ENDPOINT_LABELS_MAX 32

struct flow_endpoint {
	const char *text[ENDPOINT_TEXT_COUNT];
	const char *labels;   /* "k8s:app=web\0container:tier=db\0": label_count strings */
	uint32_t label_count; /* at most ENDPOINT_LABELS_MAX */
	uint32_t id;	      /* of a container or unit on its node; 0: none */
	uint32_t identity;    /* one of IDENTITY_RESERVED, else a hash of namespace and labels */
	uint32_t asn;	      /* 0: not known */
	uint32_t netns;	      /* inode of the network namespace; 0: not known */
	uint64_t cgroup_id;   /* 0: not known */
};

/* Numbers and names of Hubble's reserved identities, X(NAME, number, text) */
#define IDENTITY_RESERVED(X)                   \
	X(UNKNOWN, 0, "unknown")               \
	X(HOST, 1, "host")                     \
	X(WORLD, 2, "world")                   \
	X(UNMANAGED, 3, "unmanaged")           \
	X(REMOTE_NODE, 6, "remote-node")       \
	X(KUBE_APISERVER, 7, "kube-apiserver") \
	X(WORLD_IPV4, 9, "world-ipv4")         \
	X(WORLD_IPV6, 10, "world-ipv6")        \
	X(MULTICAST, 100, "multicast")         \
	X(BROADCAST, 101, "broadcast")         \
	X(LINK_LOCAL, 102, "link-local")       \
	X(PRIVATE, 103, "private")
#define IDENTITY_RESERVED_ENUM(name, number, text) IDENTITY_##name = (number),
enum identity_reserved { IDENTITY_RESERVED(IDENTITY_RESERVED_ENUM) IDENTITY_FIRST_OWN = 256 };

/* Where the knowledge came from, most trusted first, X(NAME, json_name) */
#define IDENTITY_SOURCES(X)         \
	X(NONE, "none")             \
	X(SOCKET, "socket")         \
	X(INTERFACE, "interface")   \
	X(NAMESPACE, "netns")       \
	X(KUBERNETES, "kubernetes") \
	X(STATIC, "static")         \
	X(HOSTS, "hosts")           \
	X(NODE, "node")             \
	X(GEO, "geo")               \
	X(RESERVED, "reserved")
#define IDENTITY_SOURCE_ENUM(name, json_name) IDENTITY_FROM_##name,
enum identity_from { IDENTITY_SOURCES(IDENTITY_SOURCE_ENUM) IDENTITY_FROM_COUNT };

/* Why an end has no process, container, pod or name, X(NAME, json_name) */
#define IDENTITY_REASONS(X)                     \
	X(NONE, "")                             \
	X(DISABLED, "disabled")                 \
	X(REMOTE, "remote_address")             \
	X(KERNEL, "sent_by_the_kernel")         \
	X(NO_SOCKET, "no_socket_seen")          \
	X(BEFORE_START, "before_flowd_started") \
	X(CGROUP_GONE, "cgroup_gone")           \
	X(NO_METADATA, "no_container_metadata") \
	X(ADDRESS_MOVED, "address_moved")       \
	X(AMBIGUOUS, "ambiguous_address")       \
	X(EVENTS_LOST, "owner_events_lost")
#define IDENTITY_REASON_ENUM(name, json_name) IDENTITY_MISSING_##name,
enum identity_missing { IDENTITY_REASONS(IDENTITY_REASON_ENUM) IDENTITY_MISSING_COUNT };

/* The record shows the end as NAT does, `xlated` is its own; or the other way round. */
#define END_XLATED_NO	 0
#define END_XLATED_OWN	 1
#define END_XLATED_SHOWN 2

/* One end of one record. All zeros: nothing is known, and nobody was asked. */
struct flow_end {
	const struct flow_endpoint *endpoint; /* borrowed; NULL: nothing is known */
	const char *comm;		      /* of the process; NULL: not known */
	uint32_t pid;			      /* thread group; 0: not known */
	uint32_t uid;			      /* valid where pid is */
	uint8_t xlated[16]; /* the address on the other side of NAT, as is_xlated says */
	uint16_t xlated_port;
	uint8_t is_xlated; /* END_XLATED_* */
	uint8_t from;	   /* enum identity_from: of what identifies the end */
	uint8_t missing;   /* enum identity_missing */
	uint8_t pad[3];
};

static inline const char *flow_end_text(const struct flow_end *end, enum endpoint_text text)
{
	return end->endpoint ? end->endpoint->text[text] : (const char *)0;
}

/* The label with this index, or NULL. */
const char *endpoint_label(const struct flow_endpoint *endpoint, unsigned index);
/* The part behind the slash of "namespace/name", or the whole; NULL for NULL. */
const char *endpoint_name_of(const char *joined);
/* Name of a reserved identity, or NULL. */
const char *identity_reserved_name(uint32_t identity);

#endif
