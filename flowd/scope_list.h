/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the operator wants looked at, as it was written: containers, pods, cgroups, network
 * namespaces. Pure: what the words stand for now is scope.c's matter.
 */
#ifndef FLOWD_SCOPE_LIST_H
#define FLOWD_SCOPE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/flow_record.h"

#define SCOPE_ENTRIES_MAX 64
#define SCOPE_NAME_MAX	  512

/* kind, X(NAME, word, form) */
#define SCOPE_KINDS(X)                                                                        \
	X(CONTAINER, "container", "its name, a glob, or the beginning of its id (12 digits)") \
	X(POD, "pod", "[NAMESPACE/]NAME, or a glob")                                          \
	X(CGROUP, "cgroup", "its path from the root of the hierarchy, at most 7 deep")        \
	X(NETNS, "netns", "its inode, its name in /run/netns, or the path of its file")
#define SCOPE_KIND_ENUM(name, word, form) SCOPE_##name,
enum scope_kind { SCOPE_KINDS(SCOPE_KIND_ENUM) SCOPE_KIND_COUNT };

struct scope_entry {
	enum scope_kind kind;
	char name[SCOPE_NAME_MAX];
};

struct scope_list {
	struct scope_entry entry[SCOPE_ENTRIES_MAX];
	size_t count;
};

const char *scope_kind_word(enum scope_kind kind);
/* -1: there is no such kind. */
int scope_kind_find(const char *word);
/* 0, -EEXIST, or -EINVAL and -E2BIG with what to write in `why`. */
int scope_list_add(struct scope_list *list, enum scope_kind kind, const char *name, char *why,
		   size_t why_size);
/* 0 or -ENOENT. */
int scope_list_remove(struct scope_list *list, enum scope_kind kind, const char *name);

/* Whether `name`, as written, means the thing of this name or id; either may be NULL or empty. */
bool scope_names_container(const char *name, const char *container, const char *id);
bool scope_names_pod(const char *name, const char *namespace, const char *pod);
/* Whether the cgroup lies there or below. */
bool scope_names_cgroup(const char *name, const char *path);
/* Whether one of the record's ends, as they are named, is meant. */
bool scope_list_covers(const struct scope_list *list, const struct flow_record *record);

#endif
