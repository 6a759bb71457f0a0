/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a terminal may be shown: escaped text and colours. */
#ifndef FLOWCLI_TERMINAL_H
#define FLOWCLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* paint, X(NAME, SGR code) */
#define PAINTS(X)	       X(NONE, 0) X(RED, 31) X(GREEN, 32) X(YELLOW, 33) X(MAGENTA, 35) X(CYAN, 36)
#define PAINT_ENUM(name, code) PAINT_##name = (code),
enum paint { PAINTS(PAINT_ENUM) };

/* `when` is "auto", "always" or "never"; auto: a terminal that can, and NO_COLOR is not set. */
bool terminal_wants_color(const char *when, int fd);

/*
 * Text from the wire without power over the terminal: ESC becomes ^[, CR \r, LF \n, TAB \t, other
 * control characters ^X, C1 controls and direction overrides \uXXXX, bytes that are no UTF-8 \xXX.
 * Always ends `out` (size at least 1), cutting where it is full; returns the length written.
 */
size_t terminal_escape(const char *text, char *out, size_t size);

/* Columns that escaped text takes: code points, all counted as one wide. */
size_t terminal_width(const char *text);

/* "ESC[36m" text "ESC[0m" when `color`; returns the length written, cut to size - 1. */
size_t terminal_paint(const char *text, enum paint paint, bool color, char *out, size_t size);

#endif
