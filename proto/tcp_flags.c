/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/tcp_flags.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bpf-common/flow_abi.h"

#define TCP_FLAG_ROW(name) { #name, FLOW_TCP_##name },

static const struct {
	const char *name;
	uint16_t flag;
} rows[] = { TCP_FLAGS_SUMMARY(TCP_FLAG_ROW) };

#define ROW_COUNT (sizeof(rows) / sizeof(*rows))

char *tcp_flags_write(char *out, uint16_t flags, const char *separator)
{
	char *start = out;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!(flags & rows[i].flag))
			continue;
		if (out != start)
			out = stpcpy(out, separator);
		out = stpcpy(out, rows[i].name);
	}
	*out = '\0';
	return out;
}

int tcp_flags_find(const char *name, size_t length, uint16_t *flag)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strlen(rows[i].name) == length &&
		    strncasecmp(name, rows[i].name, length) == 0) {
			*flag = rows[i].flag;
			return 0;
		}
	}
	return -EINVAL;
}
