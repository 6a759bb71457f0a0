/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Growing memory for packed messages. A failed call leaves the buffer as it was. */
#ifndef PROTO_BUFFER_H
#define PROTO_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* A packed message; `data` from malloc, freed by buffer_fini(). Starts as zeros. */
struct buffer {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

/* Room for `bytes` more. 0 or -ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t bytes);
int buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_fini(struct buffer *buffer);

#endif
