/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/base/pages.h"

#include <sys/mman.h>

#define PAGES_HUGE ((size_t)32 << 20)

void *pages_map(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	if (bytes >= PAGES_HUGE)
		madvise(pages, bytes, MADV_HUGEPAGE); /* a wish */
	return pages;
}

void pages_unmap(void *pages, size_t bytes)
{
	if (pages)
		munmap(pages, bytes);
}
