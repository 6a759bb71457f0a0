/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The judgement on evidence, in sentences: the first is the verdict, the others support it. Pure.
 */
#ifndef FLOWCLI_WHY_VERDICT_H
#define FLOWCLI_WHY_VERDICT_H

#include "flowcli/why_evidence.h"

enum why_outcome { WHY_FOUND, WHY_NOTHING_WRONG, WHY_NO_DATA };

#define WHY_SENTENCES 16
#define WHY_SENTENCE  400
struct why_verdict {
	enum why_outcome outcome;
	unsigned count;
	char sentences[WHY_SENTENCES][WHY_SENTENCE];
};

/* `source`, `destination`: as the user wrote them; `host`: the destination without its port. */
void why_judge(const struct evidence *evidence, const char *source, const char *destination,
	       const char *host, struct why_verdict *verdict);

#endif
