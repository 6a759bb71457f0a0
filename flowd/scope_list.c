/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/scope_list.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define SCOPE_ID_DIGITS 12 /* as engines shorten ids */
#define SCOPE_LEVELS	8  /* FLOW_FILTER_LEVELS */

static const struct {
	const char *word, *form;
} kinds[] = {
#define SCOPE_KIND_ROW(name, word, form) { word, form },
	SCOPE_KINDS(SCOPE_KIND_ROW)
};

const char *scope_kind_word(enum scope_kind kind)
{
	return kinds[kind].word;
}

int scope_kind_find(const char *word)
{
	for (int kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		if (!strcmp(kinds[kind].word, word))
			return kind;
	return -1;
}

/* The root is not narrower than everything; ".." and "//" are no names of cgroups. */
static bool scope_is_path(const char *text)
{
	unsigned int levels = 0;

	while (*text == '/') {
		size_t length = strcspn(++text, "/");

		if (!length || (length <= 2 && !strncmp(text, "..", length)))
			return false;
		text += length;
		levels++;
	}
	return !*text && levels && levels < SCOPE_LEVELS;
}

static size_t scope_list_find(const struct scope_list *list, enum scope_kind kind, const char *name)
{
	size_t i = 0;

	while (i < list->count &&
	       (list->entry[i].kind != kind || strcmp(list->entry[i].name, name)))
		i++;
	return i;
}

int scope_list_add(struct scope_list *list, enum scope_kind kind, const char *name, char *why,
		   size_t why_size)
{
	struct scope_entry *entry = &list->entry[list->count];

	if (!*name || strlen(name) >= SCOPE_NAME_MAX ||
	    (kind == SCOPE_CGROUP && !scope_is_path(name))) {
		snprintf(why, why_size, "\"%s\" cannot be used; write %s", name, kinds[kind].form);
		return -EINVAL;
	}
	if (scope_list_find(list, kind, name) < list->count)
		return -EEXIST;
	if (list->count == SCOPE_ENTRIES_MAX) {
		snprintf(why, why_size, "a scope has %d entries at most; join some with * and ?",
			 SCOPE_ENTRIES_MAX);
		return -E2BIG;
	}
	entry->kind = kind;
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	list->count++;
	return 0;
}

int scope_list_remove(struct scope_list *list, enum scope_kind kind, const char *name)
{
	size_t at = scope_list_find(list, kind, name);

	if (at == list->count)
		return -ENOENT;
	memmove(&list->entry[at], &list->entry[at + 1],
		(--list->count - at) * sizeof(list->entry[0]));
	return 0;
}

/* ---- what they mean ------------------------------------------------------------------------- */

bool scope_names_container(const char *name, const char *container, const char *id)
{
	size_t length = strlen(name);

	if (container && *container && !fnmatch(name, container, 0))
		return true;
	return id && *id &&
	       (!strcmp(id, name) || (length >= SCOPE_ID_DIGITS && !strncmp(id, name, length)));
}

bool scope_names_pod(const char *name, const char *namespace, const char *pod)
{
	char whole[SCOPE_NAME_MAX];

	if (!pod || !*pod)
		return false;
	if (!strchr(name, '/'))
		return !fnmatch(name, pod, 0);
	snprintf(whole, sizeof(whole), "%s/%s", namespace ? namespace : "", pod);
	return !fnmatch(name, whole, 0);
}

bool scope_names_cgroup(const char *name, const char *path)
{
	size_t length = strlen(name);

	return !strncmp(path, name, length) && (!path[length] || path[length] == '/');
}

static bool scope_covers_end(const struct scope_entry *entry, const struct flow_endpoint *end)
{
	const char *const *text = end->text;
	const char *pod = text[ENDPOINT_POD], *cgroup = text[ENDPOINT_CGROUP];
	char netns[16];

	switch (entry->kind) {
	case SCOPE_CONTAINER:
		return scope_names_container(entry->name, text[ENDPOINT_CONTAINER_NAME],
					     text[ENDPOINT_CONTAINER_ID]);
	case SCOPE_POD: /* "namespace/name" */
		return pod && scope_names_pod(entry->name, text[ENDPOINT_NAMESPACE],
					      strrchr(pod, '/') ? strrchr(pod, '/') + 1 : pod);
	case SCOPE_CGROUP:
		return cgroup && scope_names_cgroup(entry->name, cgroup);
	case SCOPE_NETNS:
		snprintf(netns, sizeof(netns), "%u", end->netns);
		return !strcmp(netns, entry->name);
	case SCOPE_KIND_COUNT:
		break;
	}
	return false;
}

bool scope_list_covers(const struct scope_list *list, const struct flow_record *record)
{
	for (size_t i = 0; i < list->count; i++)
		for (int side = 0; side < 2; side++)
			if (record->ends[side].endpoint &&
			    scope_covers_end(&list->entry[i], record->ends[side].endpoint))
				return true;
	return false;
}
