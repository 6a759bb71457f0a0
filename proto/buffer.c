/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_FIRST 512

int buffer_reserve(struct buffer *buffer, size_t bytes)
{
	if (bytes > SIZE_MAX / 2 - buffer->size)
		return -ENOMEM;
	size_t need = buffer->size + bytes;
	if (need <= buffer->capacity)
		return 0;
	size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_FIRST;
	while (capacity < need)
		capacity *= 2;
	uint8_t *data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t size)
{
	if (buffer_reserve(buffer, size))
		return -ENOMEM;
	if (size)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	return 0;
}

void buffer_fini(struct buffer *buffer)
{
	if (!buffer)
		return;
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}
