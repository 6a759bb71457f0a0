/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/symbols/kallsyms.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KALLSYMS_FAR 65536 /* bytes; a function is not so long: the symbol is not of the table */

struct kallsyms_symbol {
	uint64_t address;
	uint32_t name; /* place in `names` */
};

struct kallsyms {
	const char *path;
	struct kallsyms_symbol *list; /* by address */
	size_t count, room;
	char *names;
	size_t names_size, names_room;
};

/* What is kept of a name: GCC's parts of a function (".cold", ".isra.0") are that function. */
static size_t kallsyms_length(const char *name)
{
	return strcspn(name, ".\t\n ");
}

static bool kallsyms_grow(void **memory, size_t *room, size_t needed, size_t unit)
{
	size_t more = *room ? *room * 2 : 65536;
	void *grown;

	if (needed <= *room)
		return true;
	grown = realloc(*memory, more * unit);
	if (!grown)
		return false;
	*memory = grown;
	*room = more;
	return true;
}

static bool kallsyms_add(struct kallsyms *symbols, uint64_t address, const char *name)
{
	size_t length = kallsyms_length(name);

	if (!kallsyms_grow((void **)&symbols->list, &symbols->room, symbols->count + 1,
			   sizeof(*symbols->list)) ||
	    !kallsyms_grow((void **)&symbols->names, &symbols->names_room,
			   symbols->names_size + length + 1, 1))
		return false;
	symbols->list[symbols->count++] =
		(struct kallsyms_symbol){ address, (uint32_t)symbols->names_size };
	memcpy(symbols->names + symbols->names_size, name, length);
	symbols->names[symbols->names_size + length] = '\0';
	symbols->names_size += length + 1;
	return true;
}

static int kallsyms_order(const void *left, const void *right)
{
	const struct kallsyms_symbol *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* Lines are "address type name [module]", not in order; functions are of type t or w. Addresses are
 * 0 where the kernel hides them. */
static void kallsyms_read(struct kallsyms *symbols)
{
	FILE *file = fopen(symbols->path, "re");
	char line[512];

	symbols->count = symbols->names_size = 0;
	while (file && fgets(line, sizeof(line), file)) {
		char *rest;
		uint64_t address = strtoull(line, &rest, 16);

		if (address && strlen(rest) > 3 && strchr("tTwW", rest[1]) &&
		    !kallsyms_add(symbols, address, rest + 3))
			break;
	}
	if (file)
		fclose(file);
	if (symbols->count)
		qsort(symbols->list, symbols->count, sizeof(*symbols->list), kallsyms_order);
}

int kallsyms_open(struct kallsyms **out, const char *path)
{
	struct kallsyms *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return -ENOMEM;
	symbols->path = path ? path : "/proc/kallsyms";
	kallsyms_read(symbols);
	*out = symbols;
	return 0;
}

void kallsyms_close(struct kallsyms *symbols)
{
	if (!symbols)
		return;
	free(symbols->list);
	free(symbols->names);
	free(symbols);
}

/* The nearest symbol at or below the address, unless it is too far. */
static const char *kallsyms_find(const struct kallsyms *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - symbols->list[low - 1].address > KALLSYMS_FAR)
		return NULL;
	return symbols->names + symbols->list[low - 1].name;
}

const char *kallsyms_name(const struct kallsyms *symbols, uint64_t address)
{
	return address ? kallsyms_find(symbols, address) : NULL;
}

bool kallsyms_has(const struct kallsyms *symbols, const char *name)
{
	for (size_t i = 0; i < symbols->count; i++)
		if (!strcmp(symbols->names + symbols->list[i].name, name))
			return true;
	return false;
}
