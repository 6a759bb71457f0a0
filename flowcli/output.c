/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowcli/interrupt.h"

#define OUTPUT_CAPACITY (256 * 1024)

struct output {
	int fd;
	int error;
	size_t used;
	char data[OUTPUT_CAPACITY];
};

int output_open(struct output **out, int fd)
{
	struct output *output = malloc(sizeof(*output));
	if (!output)
		return -ENOMEM;
	output->fd = fd;
	output->error = 0;
	output->used = 0;
	*out = output;
	return 0;
}

void output_close(struct output *output)
{
	free(output);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t written = write(fd, data, size);
		if (written < 0 && errno == EINTR && !interrupt_requested())
			continue;
		if (written < 0)
			return -errno;
		data += written;
		size -= (size_t)written;
	}
	return 0;
}

/* A pipe without a reader shows before the next write fails. */
static int reader_gone(int fd)
{
	struct pollfd pipe_end = { .fd = fd };
	return poll(&pipe_end, 1, 0) > 0 && (pipe_end.revents & POLLERR) ? -EPIPE : 0;
}

int output_flush(struct output *output)
{
	if (!output->error)
		output->error = output->used ? write_all(output->fd, output->data, output->used)
					     : reader_gone(output->fd);
	output->used = 0;
	return output->error;
}

int output_error(const struct output *output)
{
	return output->error;
}

char *output_reserve(struct output *output, size_t bytes)
{
	if (OUTPUT_CAPACITY - output->used < bytes)
		output_flush(output);
	return output->data + output->used;
}

void output_commit(struct output *output, size_t bytes)
{
	output->used += bytes;
}

void output_bytes(struct output *output, const char *bytes, size_t count)
{
	while (count) {
		size_t part = count < OUTPUT_RESERVE_MAX ? count : OUTPUT_RESERVE_MAX;
		memcpy(output_reserve(output, part), bytes, part);
		output_commit(output, part);
		bytes += part;
		count -= part;
	}
}

void output_text(struct output *output, const char *text)
{
	output_bytes(output, text, strlen(text));
}

void output_print(struct output *output, const char *format, ...)
{
	char *room = output_reserve(output, OUTPUT_RESERVE_MAX);
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(room, OUTPUT_RESERVE_MAX, format, arguments);
	va_end(arguments);
	if (length > 0)
		output_commit(output, (size_t)length < OUTPUT_RESERVE_MAX ? (size_t)length
									  : OUTPUT_RESERVE_MAX - 1);
}
