/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `why` asks for: the records between two sides, each way, and those that may explain them. */
#ifndef FLOWCLI_WHY_QUESTION_H
#define FLOWCLI_WHY_QUESTION_H

#include "flowcli/why_side.h"

#define WHY_NAME_MAX 256

struct why_question {
	struct filter *there, *back;
	struct filter *lookups;	  /* DNS of the source: about the destination, or slow */
	struct filter *overflows; /* of sockets that may be the destination's */
	char name[WHY_NAME_MAX];  /* of the destination, as DNS would have it; "": none */
};

/* 0, -ENOMEM, or -EINVAL with a sentence in `why`. */
int why_question_open(struct why_question *question, const struct why_side *source,
		      const struct why_side *destination, char *why, size_t size);
/* Accepts a question that is all zeros. */
void why_question_close(struct why_question *question);
/* Both ways between the sides, and no more; owned by the caller; NULL: no memory. */
struct filter *why_question_ways(const struct why_question *question);
/* All of it as one filter, owned by the caller; NULL: no memory. */
struct filter *why_question_filter(const struct why_question *question);

#endif
