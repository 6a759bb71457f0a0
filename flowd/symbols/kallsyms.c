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

/* A name that was asked for. */
struct kallsyms_known {
	uint64_t address;
	char *name; /* NULL: none */
};

#define KALLSYMS_KNOWN 4096 /* a power of two; places where packets are dropped are some dozens */
#define KALLSYMS_REST  1    /* rests without a question until the table is given back */

struct kallsyms {
	const char *path;
	struct kallsyms_known known[KALLSYMS_KNOWN];
	size_t known_count;
	bool there; /* the table below is */
	unsigned int rests;
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
	*out = symbols;
	return 0;
}

static void kallsyms_drop(struct kallsyms *symbols)
{
	free(symbols->list);
	free(symbols->names);
	symbols->list = NULL;
	symbols->names = NULL;
	symbols->room = symbols->names_room = symbols->count = 0;
	symbols->there = false;
}

static void kallsyms_need(struct kallsyms *symbols)
{
	symbols->rests = 0;
	if (symbols->there)
		return;
	kallsyms_read(symbols);
	symbols->there = true;
}

void kallsyms_rest(struct kallsyms *symbols)
{
	if (symbols->there && ++symbols->rests > KALLSYMS_REST)
		kallsyms_drop(symbols);
}

void kallsyms_close(struct kallsyms *symbols)
{
	if (!symbols)
		return;
	for (size_t i = 0; i < KALLSYMS_KNOWN; i++)
		free(symbols->known[i].name);
	kallsyms_drop(symbols);
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

/* The address's place, or the empty one where it belongs. */
static struct kallsyms_known *kallsyms_place(struct kallsyms *symbols, uint64_t address)
{
	size_t slot = (address ^ address >> 12) & (KALLSYMS_KNOWN - 1);

	while (symbols->known[slot].address && symbols->known[slot].address != address)
		slot = (slot + 1) & (KALLSYMS_KNOWN - 1);
	return &symbols->known[slot];
}

const char *kallsyms_name(struct kallsyms *symbols, uint64_t address)
{
	struct kallsyms_known *known = kallsyms_place(symbols, address);
	const char *name;

	if (!address || known->address)
		return address ? known->name : NULL;
	if (symbols->known_count == KALLSYMS_KNOWN / 2)
		return NULL;
	kallsyms_need(symbols);
	name = kallsyms_find(symbols, address);
	known->address = address;
	known->name = name ? strdup(name) : NULL;
	symbols->known_count++;
	return known->name;
}

bool kallsyms_has(struct kallsyms *symbols, const char *name)
{
	kallsyms_need(symbols);
	for (size_t i = 0; i < symbols->count; i++)
		if (!strcmp(symbols->names + symbols->list[i].name, name))
			return true;
	return false;
}
