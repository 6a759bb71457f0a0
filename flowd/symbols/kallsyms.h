/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of the kernel's functions by address, from /proc/kallsyms. Reading it takes a tenth of a
 * second, keeping it 5 MB: it is read when a name is asked for that is not known yet, and given
 * back when none was for a while; answers are kept. No log.
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
const char *kallsyms_name(struct kallsyms *symbols, uint64_t address);
/* Whether the kernel has a function of this name. */
bool kallsyms_has(struct kallsyms *symbols, const char *name);
/* Now and then: gives back what has not been needed of late. */
void kallsyms_rest(struct kallsyms *symbols);

#endif
