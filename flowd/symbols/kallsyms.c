/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/symbols/kallsyms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KALLSYMS_KEPT  1024 /* addresses; a kernel has some hundred places that drop */
#define KALLSYMS_BYTES 56

struct kallsyms_known {
	uint64_t address;
	char name[KALLSYMS_BYTES]; /* empty: there is none */
};

struct kallsyms {
	const char *path;
	size_t count;
	struct kallsyms_known known[KALLSYMS_KEPT];
};

int kallsyms_open(struct kallsyms **out, const char *path)
{
	struct kallsyms *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return -ENOMEM;
	symbols->path = path ? path : "/proc/kallsyms";
	*out = symbols;
	return 0;
}

void kallsyms_close(struct kallsyms *symbols)
{
	free(symbols);
}

/* GCC's parts of a function (".cold", ".isra.0", ".part.0") are that function. */
static void kallsyms_take(struct kallsyms_known *known, const char *name)
{
	snprintf(known->name, sizeof(known->name), "%.*s", (int)strcspn(name, ".\t\n "), name);
}

/* The nearest symbol at or below the address: lines are "address type name [module]", unsorted. */
static void kallsyms_search(const struct kallsyms *symbols, struct kallsyms_known *known)
{
	FILE *file = fopen(symbols->path, "re");
	uint64_t best = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		char *rest;
		uint64_t address = strtoull(line, &rest, 16);

		if (address > known->address || address <= best || strlen(rest) < 4 ||
		    !strchr("tTwW", rest[1]))
			continue;
		best = address;
		kallsyms_take(known, rest + 3);
	}
	if (file)
		fclose(file);
}

const char *kallsyms_name(struct kallsyms *symbols, uint64_t address)
{
	struct kallsyms_known *known;

	if (!address)
		return NULL;
	for (size_t i = 0; i < symbols->count; i++)
		if (symbols->known[i].address == address)
			return *symbols->known[i].name ? symbols->known[i].name : NULL;
	if (symbols->count == KALLSYMS_KEPT)
		return NULL;
	known = &symbols->known[symbols->count++];
	known->address = address;
	kallsyms_search(symbols, known);
	return *known->name ? known->name : NULL;
}
