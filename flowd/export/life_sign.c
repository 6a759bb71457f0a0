/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/life_sign.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

struct life_sign {
	int file;
	char path[PATH_MAX];
};

struct life_line {
	struct life_note note;
	uint64_t crc;
};

static uint64_t life_crc(const struct life_note *note)
{
	return crc32_z(0, (const Bytef *)note, sizeof(*note));
}

int life_sign_open(struct life_sign **out, const char *directory, struct life_note *left,
		   bool *killed)
{
	struct life_sign *sign = calloc(1, sizeof(*sign));
	struct life_line line = { .crc = 0 };

	if (!sign)
		return -ENOMEM;
	snprintf(sign->path, sizeof(sign->path), "%s/alive", directory);
	sign->file = open(sign->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (sign->file < 0) {
		int error = -errno;

		free(sign);
		return error;
	}
	*killed = pread(sign->file, &line, sizeof(line), 0) == sizeof(line) &&
		  line.crc == life_crc(&line.note);
	*left = line.note;
	*out = sign;
	return 0;
}

/* One that cannot be written, on a full disk, is followed by another. */
void life_sign_tell(struct life_sign *sign, const struct life_note *note)
{
	const struct life_line line = { *note, life_crc(note) };

	if (pwrite(sign->file, &line, sizeof(line), 0) != sizeof(line))
		return;
}

void life_sign_end(struct life_sign *sign)
{
	if (sign)
		unlink(sign->path);
}

void life_sign_close(struct life_sign *sign)
{
	if (!sign)
		return;
	close(sign->file);
	free(sign);
}
