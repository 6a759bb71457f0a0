/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known to be missing from history, as a bounded list: each loss is noted at the position
 * where it happened, and a reader is told each one once. Losses have numbers from 1; a reader
 * remembers the last it was told. When the list is full, the oldest losses are added up per
 * source, so that nothing is forgotten silently.
 */
#ifndef STORE_LOSSES_H
#define STORE_LOSSES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/flow_record.h"

#define LOSSES_KEPT    128
#define LOSSES_SOURCES 8 /* sums of forgotten ones */
#define LOSSES_TOLD    (LOSSES_KEPT + LOSSES_SOURCES)

struct losses;

int losses_open(struct losses **out);
void losses_close(struct losses *losses);

/* `position`: the newest record when the loss was noticed. Texts are borrowed and must outlive the
 * list. */
void losses_note(struct losses *losses, uint64_t position, const struct flow_loss *loss);
/* Number of the newest loss = losses noted so far. */
uint64_t losses_newest(const struct losses *losses);

/*
 * Copies the losses after number `told` that were noted at position `from` or later, at most
 * LOSSES_TOLD, oldest first; returns how many.
 */
size_t losses_after(const struct losses *losses, uint64_t told, uint64_t from,
		    struct flow_loss *out);

#endif
