/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of the kernel's functions by address, from /proc/kallsyms: read once, because that takes
 * a tenth of a second and more, and kept (2 to 3 MB). Functions of modules that come later have no
 * name. No log.
 */
#ifndef SYMBOLS_KALLSYMS_H
#define SYMBOLS_KALLSYMS_H

#include <stdbool.h>
#include <stdint.h>

struct kallsyms;
/* `path` NULL: /proc/kallsyms. 0 or -ENOMEM. */
int kallsyms_open(struct kallsyms **out, const char *path);
/* Accepts NULL. */
void kallsyms_close(struct kallsyms *symbols);
/* The function around `address`; NULL: not known, or the kernel hides addresses (kptr_restrict).
 * The text lives as long as the symbols. */
const char *kallsyms_name(const struct kallsyms *symbols, uint64_t address);
/* Whether the kernel has a function of this name. */
bool kallsyms_has(const struct kallsyms *symbols, const char *name);

#endif
