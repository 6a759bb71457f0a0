/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of the kernel's functions by address, from /proc/kallsyms. The file is read when an address
 * is asked for that is not known yet (it takes tens of milliseconds; the places that drop packets
 * are few), so that the table need not be kept. Not thread-safe; no log.
 */
#ifndef SYMBOLS_KALLSYMS_H
#define SYMBOLS_KALLSYMS_H

#include <stdint.h>

struct kallsyms;
/* `path` NULL: /proc/kallsyms. 0 or -ENOMEM. */
int kallsyms_open(struct kallsyms **out, const char *path);
/* Accepts NULL. */
void kallsyms_close(struct kallsyms *symbols);
/* The function around `address`; NULL: not known, or the kernel hides addresses (kptr_restrict).
 * The text lives as long as the symbols. */
const char *kallsyms_name(struct kallsyms *symbols, uint64_t address);

#endif
