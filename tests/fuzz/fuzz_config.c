/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configuration files: whatever the bytes, either a sentence or settings that print and read back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reads_back(const struct config *config)
{
	struct config *again;
	char why[512] = "", *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out || config_open(&again))
		abort();
	config_print(config, out);
	fclose(out);
	if (config_read_text(again, "printed", text, size, why, sizeof(why)))
		abort();
	config_close(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config;
	char why[512] = "";

	if (config_open(&config))
		return 0;
	if (config_read_text(config, "input", (const char *)data, size, why, sizeof(why))) {
		if (!*why)
			abort();
	} else {
		check_reads_back(config);
	}
	config_close(config);
	return 0;
}
