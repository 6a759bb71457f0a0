/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of the errors that a connection can fail with. */
#ifndef PROTO_ERRNO_NAME_H
#define PROTO_ERRNO_NAME_H

#include <stdint.h>

/* "ECONNREFUSED"; "error 7" where it is none of those. The text lasts until the next call of this
 * thread. */
const char *errno_name(uint32_t error);

#endif
