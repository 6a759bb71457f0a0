/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an engine's API says of one container; Docker's and podman's answers have one form. Pure. */
#ifndef IDENTITY_ENGINE_ANSWER_H
#define IDENTITY_ENGINE_ANSWER_H

#include "flowd/identity/container_files.h"

/* Of GET /containers/ID/json. 0, or -EINVAL: it is not about a container. */
int engine_answer_read(const char *text, struct container_facts *facts);

#endif
