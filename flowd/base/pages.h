/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory for large tables, of which only the pages that are touched are taken. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* Zeroed; NULL when there is none. From 32 MiB on in huge pages where the kernel has them: touching
 * a large table for the first time else costs more in page faults than what it is touched for. */
void *pages_map(size_t bytes);
/* With the size that it was mapped with. */
void pages_unmap(void *pages, size_t bytes);

#endif
