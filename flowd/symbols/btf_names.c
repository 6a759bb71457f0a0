/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/symbols/btf_names.h"

#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BTF_DIRECTORY	 "/sys/kernel/btf"
#define DROP_PREFIX	 "SKB_DROP_REASON_"
#define SUBSYSTEM_PREFIX "SKB_DROP_REASON_SUBSYS_"
#define RESET_PREFIX	 "SK_RST_REASON_"
#define TRACE_PREFIX	 "btf_trace_"
#define NAME_BYTES	 64

enum name_kind { NAME_DROP, NAME_SUBSYSTEM, NAME_RESET, NAME_TRACEPOINT };

struct btf_name {
	uint32_t number; /* of a tracepoint: its arguments */
	uint32_t kind;	 /* enum name_kind */
	char text[NAME_BYTES];
};

struct btf_names {
	struct btf_name *list;
	size_t count, capacity;
};

static int names_add(struct btf_names *names, enum name_kind kind, uint32_t number,
		     const char *text)
{
	struct btf_name *name;

	if (names->count == names->capacity) {
		size_t capacity = names->capacity ? names->capacity * 2 : 256;
		struct btf_name *list = realloc(names->list, capacity * sizeof(*list));

		if (!list)
			return -ENOMEM;
		names->list = list;
		names->capacity = capacity;
	}
	name = &names->list[names->count++];
	name->number = number;
	name->kind = kind;
	snprintf(name->text, sizeof(name->text), "%s", text);
	return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The values from `lowest` on. */
static int names_take_enum(struct btf_names *names, const struct btf *btf,
			   const struct btf_type *type, enum name_kind kind, uint32_t lowest)
{
	const struct btf_enum *values = btf_enum(type);
	int error = 0;

	for (unsigned i = 0; i < btf_vlen(type) && !error; i++)
		if ((uint32_t)values[i].val >= lowest)
			error = names_add(names, kind, (uint32_t)values[i].val,
					  btf__name_by_offset(btf, values[i].name_off));
	return error;
}

/*
 * enum skb_drop_reason, and the enums of subsystems, which are found by their names
 * (ovs_drop_reason, mac80211_drop_reason, qdisc_drop_reason): nothing else tells of them.
 */
static int names_take_enums(struct btf_names *names, const struct btf *btf,
			    const struct btf_type *type)
{
	const char *name = btf__name_by_offset(btf, type->name_off);

	if (!strcmp(name, "skb_drop_reason_subsys"))
		return names_take_enum(names, btf, type, NAME_SUBSYSTEM, 0);
	if (!strcmp(name, "sk_rst_reason"))
		return names_take_enum(names, btf, type, NAME_RESET, 0);
	if (!strcmp(name, "skb_drop_reason"))
		return names_take_enum(names, btf, type, NAME_DROP, 0);
	if (strstr(name, "drop_reason"))
		return names_take_enum(names, btf, type, NAME_DROP, 1u << 16);
	return 0;
}

/* typedef void (*btf_trace_NAME)(void *, ...) */
static int names_take_typedef(struct btf_names *names, const struct btf *btf,
			      const struct btf_type *type)
{
	const char *name = btf__name_by_offset(btf, type->name_off);
	const struct btf_type *pointer;

	if (strncmp(name, TRACE_PREFIX, strlen(TRACE_PREFIX)))
		return 0;
	pointer = btf__type_by_id(btf, type->type);
	if (!pointer || !btf_is_ptr(pointer))
		return 0;
	type = btf__type_by_id(btf, pointer->type);
	if (!type || !btf_is_func_proto(type) || !btf_vlen(type))
		return 0;
	return names_add(names, NAME_TRACEPOINT, btf_vlen(type) - 1u, name + strlen(TRACE_PREFIX));
}

/* The types from number `first` on. */
static int names_take_btf(struct btf_names *names, const struct btf *btf, unsigned first)
{
	int error = 0;

	for (unsigned id = first; id < btf__type_cnt(btf) && !error; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if (btf_is_enum(type))
			error = names_take_enums(names, btf, type);
		else if (btf_is_typedef(type))
			error = names_take_typedef(names, btf, type);
	}
	return error;
}

/* Modules may register reasons of their own. One that cannot be read is as if it were not there. */
static int names_take_modules(struct btf_names *names, struct btf *kernel)
{
	DIR *directory = opendir(BTF_DIRECTORY);
	struct dirent *entry;
	int error = 0;

	while (directory && !error && (entry = readdir(directory))) {
		char path[300];
		struct btf *module;

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "vmlinux"))
			continue;
		snprintf(path, sizeof(path), BTF_DIRECTORY "/%s", entry->d_name);
		module = btf__parse_split(path, kernel);
		if (!module)
			continue;
		error = names_take_btf(names, module, btf__type_cnt(kernel));
		btf__free(module);
	}
	if (directory)
		closedir(directory);
	return error;
}

int btf_names_open(struct btf_names **out, const char *btf_path)
{
	struct btf *kernel = btf_path ? btf__parse(btf_path, NULL) : btf__load_vmlinux_btf();
	struct btf_names *names;
	int error;

	if (!kernel)
		return errno ? -errno : -ENOENT;
	names = calloc(1, sizeof(*names));
	error = names ? names_take_btf(names, kernel, 1) : -ENOMEM;
	if (!error)
		error = names_take_modules(names, kernel);
	btf__free(kernel);
	if (error) {
		btf_names_close(names);
		return error;
	}
	*out = names;
	return 0;
}

void btf_names_close(struct btf_names *names)
{
	if (!names)
		return;
	free(names->list);
	free(names);
}

/* ---- asking --------------------------------------------------------------------------------- */

static const char *names_text(const struct btf_names *names, enum name_kind kind, uint32_t number)
{
	for (size_t i = 0; names && i < names->count; i++)
		if (names->list[i].kind == kind && names->list[i].number == number)
			return names->list[i].text;
	return NULL;
}

static const char *names_strip(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return text && !strncmp(text, prefix, length) ? text + length : text;
}

const char *btf_names_drop(const struct btf_names *names, uint32_t reason, const char **subsystem)
{
	if (subsystem)
		*subsystem = names_strip(names_text(names, NAME_SUBSYSTEM, reason >> 16),
					 SUBSYSTEM_PREFIX);
	return names_strip(names_text(names, NAME_DROP, reason), DROP_PREFIX);
}

const char *btf_names_reset(const struct btf_names *names, uint32_t reason)
{
	return names_strip(names_text(names, NAME_RESET, reason), RESET_PREFIX);
}

int64_t btf_names_find(const struct btf_names *names, const char *kernel_name)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->list[i].kind == NAME_DROP && !strcmp(names->list[i].text, kernel_name))
			return names->list[i].number;
	return -1;
}

/* SKB_NOT_DROPPED_YET and the like are no reasons, nor are the ends of ranges. */
static bool names_is_reason(const struct btf_name *name)
{
	const char *text = name->text;

	if (name->kind != NAME_DROP)
		return false;
	if (name->number >> 16)
		return strncmp(text, "__", 2) && name->number != UINT32_C(0xffff0000);
	return !strncmp(text, DROP_PREFIX, strlen(DROP_PREFIX)) &&
	       strcmp(text, DROP_PREFIX "MAX") && strcmp(text, DROP_PREFIX "SUBSYS_MASK");
}

void btf_names_each_drop(const struct btf_names *names, btf_names_fn visit, void *context)
{
	for (size_t i = 0; names && i < names->count; i++)
		if (names_is_reason(&names->list[i]))
			visit(context, names_strip(names->list[i].text, DROP_PREFIX));
}

unsigned btf_names_arguments(const struct btf_names *names, const char *tracepoint)
{
	for (size_t i = 0; names && i < names->count; i++)
		if (names->list[i].kind == NAME_TRACEPOINT &&
		    !strcmp(names->list[i].text, tracepoint))
			return names->list[i].number;
	return 0;
}
