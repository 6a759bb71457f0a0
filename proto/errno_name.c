/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/errno_name.h"

#include <stdio.h>
#include <string.h>

const char *errno_name(uint32_t error)
{
	static _Thread_local char number[24];
	const char *name = strerrorname_np((int)error);

	if (name)
		return name;
	snprintf(number, sizeof(number), "error %u", error);
	return number;
}
