/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Standard output with a large buffer. The first failed write is kept and everything after it is
 * dropped, so that callers look once per batch: -EPIPE is a reader that has seen enough, -EINTR an
 * interrupt (interrupt.h) while the reader was slow.
 */
#ifndef FLOWCLI_OUTPUT_H
#define FLOWCLI_OUTPUT_H

#include <stddef.h>

struct output;

/* 0 or -ENOMEM. */
int output_open(struct output **out, int fd);
/* Does not flush. Accepts NULL. */
void output_close(struct output *output);

/* Room for `bytes` (at most OUTPUT_RESERVE_MAX); output_commit says how much was used. */
#define OUTPUT_RESERVE_MAX 66560
char *output_reserve(struct output *output, size_t bytes);
void output_commit(struct output *output, size_t bytes);

void output_bytes(struct output *output, const char *bytes, size_t count);
void output_text(struct output *output, const char *text);
void output_print(struct output *output, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* 0 or the first error; with nothing to write it still notices a reader that went away. */
int output_flush(struct output *output);
int output_error(const struct output *output);

#endif
