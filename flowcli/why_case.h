/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the judgement share: the evidence, the names of the two sides, and a mouth. */
#ifndef FLOWCLI_WHY_CASE_H
#define FLOWCLI_WHY_CASE_H

#include "flowcli/why_verdict.h"

struct why_case {
	const struct evidence *evidence;
	const char *source, *destination; /* as written */
	const char *host;		  /* the destination without its port */
	struct why_verdict *verdict;
};

/* One sentence more; the outcome is that something was found. */
void why_say(struct why_case *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A sentence that leaves the outcome as it is. */
void why_note(struct why_case *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "packet" or "packets", "time" or "times" ... */
const char *why_plural(uint64_t count, const char *one, const char *many);

/* A sentence for each kind of drop, the largest first (why_drops.c). */
void why_judge_drops(struct why_case *why);
/* What was dropped and is no fault. */
void why_note_drops(struct why_case *why);
/* The name that was asked about could not be found in DNS (why_names.c). */
void why_judge_lookup(struct why_case *why);
/* How much of the time until a connection was open went into DNS. */
void why_judge_waiting(struct why_case *why);

#endif
