/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/name_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flowd/base/log.h"
#include "proto/address.h"

#define NAME_LINE      1024
#define NAME_TOLD_MOST 5 /* complaints about one reading of a file */
#define NAME_MOST      1000000

struct name_entry {
	uint8_t network[16];
	uint8_t prefix; /* of 128 */
	char name[ENDPOINT_TEXT_MAX + 1 - 64];
	char *labels; /* "static:key=value" strings; NULL: none */
	unsigned int label_count;
};

struct name_source {
	enum name_format format;
	const char *path;
	struct name_entry *entries; /* longest prefix first, then by address */
	size_t count, room;
	size_t begin[129]; /* of each prefix length, and... */
	size_t end[129];   /* ... behind the last */
	struct timespec changed;
	off_t size;
	bool absent;
};

/* ---- reading -------------------------------------------------------------------------------- */

static void name_forget(struct name_source *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->entries[i].labels);
	names->count = 0;
}

static void name_mask(uint8_t address[16], unsigned int prefix)
{
	for (unsigned int bit = prefix; bit < 128; bit = (bit | 7) + 1)
		address[bit / 8] &= (uint8_t) ~(0xff >> bit % 8);
}

static int name_parse_network(char *text, struct name_entry *entry)
{
	char *slash = strchr(text, '/'), *stop;
	unsigned long prefix;
	int version;

	if (slash)
		*slash = '\0';
	if (address_parse(text, entry->network, &version))
		return -EINVAL;
	prefix = version == 4 ? 32 : 128;
	if (slash) {
		unsigned long most = prefix;

		prefix = strtoul(slash + 1, &stop, 10);
		if (*stop || stop == slash + 1 || prefix > most)
			return -EINVAL;
	}
	entry->prefix = (uint8_t)(version == 4 ? 96 + prefix : prefix);
	name_mask(entry->network, entry->prefix);
	return 0;
}

static int name_add(struct name_source *names, const struct name_entry *entry)
{
	if (names->count == names->room) {
		size_t room = names->room ? names->room * 2 : 64;
		struct name_entry *more =
			room > NAME_MOST ? NULL : realloc(names->entries, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->entries = more;
		names->room = room;
	}
	names->entries[names->count++] = *entry;
	return 0;
}

/* "key=value key=value" as labels of their own kind. */
static void name_parse_labels(char *rest, struct name_entry *entry)
{
	size_t size = 1;
	char *at, *word, *state;

	for (const char *c = rest; *c; c++)
		size += 9; /* "static:" and a NUL for each, at most */
	at = entry->labels = calloc(1, size + strlen(rest));
	for (word = strtok_r(rest, " \t\n", &state); at && word && strchr(word, '=');
	     word = strtok_r(NULL, " \t\n", &state)) {
		at += sprintf(at, "static:%s", word) + 1;
		entry->label_count++;
	}
	if (!entry->label_count) {
		free(entry->labels);
		entry->labels = NULL;
	}
}

/* 0, or -EINVAL: the line says nothing that can be used. Empty lines and comments are fine. */
static int name_parse_line(struct name_source *names, char *line)
{
	struct name_entry entry = { .prefix = 0 };
	char *state, *address, *name, *rest;

	line[strcspn(line, "#\n")] = '\0';
	address = strtok_r(line, " \t", &state);
	if (!address)
		return 0;
	name = strtok_r(NULL, " \t", &state);
	rest = strtok_r(NULL, "", &state);
	if (!name || (names->format == NAME_HOSTS && strchr(address, '/')) ||
	    name_parse_network(address, &entry))
		return -EINVAL;
	snprintf(entry.name, sizeof(entry.name), "%s", name);
	if (rest && names->format == NAME_NETWORKS)
		name_parse_labels(rest, &entry);
	return name_add(names, &entry);
}

static int name_compare(const void *left, const void *right)
{
	const struct name_entry *a = left, *b = right;

	if (a->prefix != b->prefix)
		return b->prefix - a->prefix;
	return memcmp(a->network, b->network, 16);
}

static void name_index(struct name_source *names)
{
	memset(names->begin, 0, sizeof(names->begin));
	memset(names->end, 0, sizeof(names->end));
	if (names->count)
		qsort(names->entries, names->count, sizeof(*names->entries), name_compare);
	for (size_t i = 0; i < names->count; i++) {
		unsigned int prefix = names->entries[i].prefix;

		if (!names->end[prefix])
			names->begin[prefix] = i;
		names->end[prefix] = i + 1;
	}
}

static void name_read(struct name_source *names, FILE *file)
{
	char line[NAME_LINE];
	unsigned int number = 0, told = 0;

	name_forget(names);
	while (fgets(line, sizeof(line), file)) {
		int err = (number++, name_parse_line(names, line));

		if (err && told++ < NAME_TOLD_MOST && names->format == NAME_NETWORKS)
			log_warning("%s:%u: left out: expected ADDRESS[/PREFIX] NAME "
				    "[KEY=VALUE ...]",
				    names->path, number);
	}
	name_index(names);
	log_info("%s: %zu names of addresses", names->path, names->count);
}

static void name_tick(void *self, uint64_t now_ns)
{
	struct name_source *names = self;
	struct stat status;
	FILE *file;

	(void)now_ns;
	if (stat(names->path, &status)) {
		if (!names->absent && names->format == NAME_NETWORKS)
			log_warning("%s: %s; addresses get no names from it", names->path,
				    strerror(errno));
		names->absent = true;
		return;
	}
	if (!names->absent && status.st_size == names->size &&
	    !memcmp(&status.st_mtim, &names->changed, sizeof(names->changed)))
		return;
	file = fopen(names->path, "re");
	if (!file)
		return;
	names->absent = false;
	names->size = status.st_size;
	names->changed = status.st_mtim;
	name_read(names, file);
	fclose(file);
}

/* ---- answering ------------------------------------------------------------------------------ */

static const struct name_entry *name_find_prefix(const struct name_source *names,
						 const uint8_t address[16], unsigned int prefix)
{
	struct name_entry wanted = { .prefix = (uint8_t)prefix };

	memcpy(wanted.network, address, 16);
	name_mask(wanted.network, prefix);
	return bsearch(&wanted, names->entries + names->begin[prefix],
		       names->end[prefix] - names->begin[prefix], sizeof(wanted), name_compare);
}

static const struct name_entry *name_find(const struct name_source *names,
					  const uint8_t address[16])
{
	const struct name_entry *found = NULL;
	/* IPv6 networks above the mapped prefix do not hold IPv4 addresses. */
	int least = address_is_mapped(address) ? 96 : 0;

	for (int prefix = 128; prefix >= least && !found; prefix--)
		if (names->end[prefix])
			found = name_find_prefix(names, address, (unsigned int)prefix);
	return found;
}

static void name_fill(void *self, const struct identity_ask *ask, struct identity_draft *draft)
{
	const struct name_source *names = self;
	const struct name_entry *entry = names->count ? name_find(names, draft->address) : NULL;

	(void)ask;
	if (!entry || (names->format == NAME_HOSTS && draft->local))
		return;
	identity_draft_text(draft, ENDPOINT_HOST, entry->name);
	if (entry->labels)
		identity_draft_labels(draft, entry->labels, entry->label_count);
	identity_draft_from(draft, names->format == NAME_HOSTS ? IDENTITY_FROM_HOSTS
							       : IDENTITY_FROM_STATIC);
}

static void name_close(void *self)
{
	struct name_source *names = self;

	name_forget(names);
	free(names->entries);
	free(names);
}

int name_source_open(struct identity_source *source, enum name_format format, const char *path)
{
	struct name_source *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	names->format = format;
	names->path = path;
	*source = (struct identity_source){ .name = format == NAME_HOSTS ? "hosts" : "static",
					    .fill = name_fill,
					    .tick = name_tick,
					    .close = name_close,
					    .self = names };
	name_tick(names, 0);
	return 0;
}
