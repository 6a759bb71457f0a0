/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/bpf_log.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "flowd/base/log.h"

static _Thread_local bool bpf_log_is_quiet;

static int __attribute__((format(printf, 2, 0)))
bpf_log_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char text[768];
	bool warning = level == LIBBPF_WARN && !bpf_log_is_quiet;

	if (!warning && log_level_get() < LOG_LEVEL_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_print(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "%s", text);
	return 0;
}

void bpf_log_install(void)
{
	libbpf_set_print(bpf_log_print);
}

void bpf_log_quiet(bool quiet)
{
	bpf_log_is_quiet = quiet;
}
