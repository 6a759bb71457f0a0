/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the engines' own files say of a container: no engine is asked, no library of theirs linked.
 * Docker's config.v2.json, containerd's and runc's bundles, podman's and CRI-O's containers.json
 * and config.json; for pods of other engines, what kubelets' log files are called. All below a host
 * root, so that a daemon in a container reads the host's.
 */
#ifndef IDENTITY_CONTAINER_FILES_H
#define IDENTITY_CONTAINER_FILES_H

#include <stddef.h>

#include "flowd/identity/cgroup_grammar.h"
#include "proto/endpoint.h"

#define CONTAINER_LABELS_SIZE 8192

/* Where files lie, without the host root. */
struct container_paths {
	const char *host_root;		       /* "" or "/host" */
	const char *docker;		       /* /var/lib/docker */
	const char *containerd;		       /* /run/containerd */
	const char *runc;		       /* /run/runc */
	const char *storage;		       /* /var/lib/containers/storage */
	const char *pod_logs, *container_logs; /* /var/log/pods, /var/log/containers */
};

struct container_facts {
	char runtime[16];
	char id[129];
	char name[ENDPOINT_TEXT_MAX + 1];
	char image[ENDPOINT_TEXT_MAX + 1];
	char pod[ENDPOINT_TEXT_MAX + 1]; /* name alone */
	char pod_uid[64];
	char namespace[ENDPOINT_TEXT_MAX + 1]; /* Kubernetes' */
	bool sandbox;			       /* the pod's own, that holds its namespaces */
	unsigned int label_count;
	size_t labels_used;
	char labels[CONTAINER_LABELS_SIZE]; /* last: "container:KEY=VALUE" strings with their NULs;
					       copies have only what is used */
};

/*
 * Fills what is found; `path` is the cgroup's, for engines whose paths say nothing. 0, or -ENOENT:
 * no file of any engine knows it. What the name said is filled in either case.
 */
int container_files_read(const struct container_paths *paths, const struct cgroup_name *name,
			 const char *path, struct container_facts *facts);

/* For the readers: adds "PREFIX:KEY=VALUE" while there is room. */
void container_facts_label(struct container_facts *facts, const char *prefix, const char *key,
			   const char *value);
struct json_object;
/* The members of an object of texts: what is known goes where it belongs, the rest are labels. */
void container_facts_labels(struct container_facts *facts, struct json_object *labels);

#endif
