/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer of `why` as one JSON object; numbers of packets and bytes are texts, as in records. */
#ifndef FLOWCLI_WHY_JSON_H
#define FLOWCLI_WHY_JSON_H

#include "flowcli/output.h"
#include "flowcli/why_side.h"
#include "flowcli/why_verdict.h"

void why_write_json(const struct why_side *source, const struct why_side *destination,
		    const struct evidence *evidence, const struct why_verdict *verdict,
		    struct output *output);

#endif
