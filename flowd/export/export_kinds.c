/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/export_kind.h"

#define EXPORT_ENTRY(name) &export_kind_##name,
const struct export_kind *const export_kinds[] = { EXPORT_KINDS(EXPORT_ENTRY) NULL };
