/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The running kernel's reasons for drops, as words for completion. */
#ifndef FLOWCLI_DROP_REASONS_H
#define FLOWCLI_DROP_REASONS_H

/* Nothing where the kernel tells none. */
void drop_reasons_offer(void (*take)(void *context, const char *word), void *context);

#endif
