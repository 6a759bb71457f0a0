/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/store/losses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct noted {
	uint64_t number;
	uint64_t position;
	struct flow_loss loss;
};

struct losses {
	uint64_t newest;
	struct noted kept[LOSSES_KEPT];	   /* number n in slot n % LOSSES_KEPT */
	struct noted sums[LOSSES_SOURCES]; /* of those that left `kept`; source NULL = unused */
};

int losses_open(struct losses **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void losses_close(struct losses *losses)
{
	free(losses);
}

/* The sum of that source; the last one takes what finds no room. */
static struct noted *losses_sum_of(struct losses *losses, const char *source)
{
	struct noted *sum = losses->sums;

	while (sum < &losses->sums[LOSSES_SOURCES - 1] && sum->loss.source &&
	       strcmp(sum->loss.source, source))
		sum++;
	return sum;
}

static void losses_forget(struct losses *losses, const struct noted *old)
{
	struct noted *sum = losses_sum_of(losses, old->loss.source);
	uint64_t first_ns = sum->loss.source ? sum->loss.first_ns : old->loss.first_ns;

	sum->number = old->number;
	sum->position = old->position;
	sum->loss.source = old->loss.source;
	sum->loss.node_name = old->loss.node_name;
	sum->loss.records += old->loss.records;
	sum->loss.packets += old->loss.packets;
	sum->loss.bytes += old->loss.bytes;
	sum->loss.first_ns = first_ns;
	sum->loss.last_ns = old->loss.last_ns;
}

void losses_note(struct losses *losses, uint64_t position, const struct flow_loss *loss)
{
	struct noted *slot = &losses->kept[++losses->newest % LOSSES_KEPT];

	if (slot->number)
		losses_forget(losses, slot);
	*slot = (struct noted){ .number = losses->newest, .position = position, .loss = *loss };
}

uint64_t losses_newest(const struct losses *losses)
{
	return losses->newest;
}

static size_t losses_tell(const struct noted *noted, uint64_t told, uint64_t from,
			  struct flow_loss *out)
{
	if (noted->number <= told || noted->position < from)
		return 0;
	*out = noted->loss;
	return 1;
}

size_t losses_after(const struct losses *losses, uint64_t told, uint64_t from,
		    struct flow_loss *out)
{
	uint64_t first = losses->newest > LOSSES_KEPT ? losses->newest - LOSSES_KEPT + 1 : 1;
	size_t count = 0;

	for (size_t i = 0; i < LOSSES_SOURCES; i++)
		count += losses_tell(&losses->sums[i], told, from, &out[count]);
	for (uint64_t number = first; number <= losses->newest; number++)
		count += losses_tell(&losses->kept[number % LOSSES_KEPT], told, from, &out[count]);
	return count;
}
