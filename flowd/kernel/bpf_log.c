/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/bpf_log.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/log.h"

#define BPF_LOG_LINES 12 /* of one message */

static _Thread_local bool bpf_log_is_quiet;

/* The last lines: the verifier tells its reason at the end of a log that may be megabytes long. */
static const char *bpf_log_tail(const char *text)
{
	const char *start = text + strlen(text);
	int lines = 0;

	while (start > text && (start[-1] != '\n' || ++lines <= BPF_LOG_LINES))
		start--;
	return start;
}

static void bpf_log_lines(enum log_level level, char *text)
{
	char *rest = text;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		if (*line)
			log_print(level, "%s", line);
}

static int __attribute__((format(printf, 2, 0)))
bpf_log_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	bool warning = level == LIBBPF_WARN && !bpf_log_is_quiet;
	char *text;

	if (!warning && log_level_get() < LOG_LEVEL_DEBUG)
		return 0;
	if (vasprintf(&text, format, arguments) < 0)
		return 0;
	bpf_log_lines(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
		      text + (bpf_log_tail(text) - text));
	free(text);
	return 0;
}

void bpf_log_install(void)
{
	libbpf_set_print(bpf_log_print);
}

bool bpf_log_quiet(bool quiet)
{
	bool was_quiet = bpf_log_is_quiet;

	bpf_log_is_quiet = quiet;
	return was_quiet;
}
