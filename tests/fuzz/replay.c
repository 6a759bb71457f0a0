/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A main for a fuzz target that is built without libFuzzer: hands every file below the directories
 * on the command line to the target, as TAP, one case a directory. A crash or a sanitizer's report
 * ends the program, and so the test; so does a directory without a file.
 */
#include <errno.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0;
	int err = file ? 0 : -errno;

	if (!err && (fseek(file, 0, SEEK_END) || ftell(file) < 0))
		err = -EIO;
	if (!err) {
		size = ftell(file);
		rewind(file);
		data = malloc(size ? size : 1);
		err = data ? 0 : -ENOMEM;
	}
	if (!err && fread(data, 1, size, file) != size)
		err = -EIO;
	if (!err)
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	if (file)
		fclose(file);
	return err;
}

static int compare_names(const FTSENT **left, const FTSENT **right)
{
	return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* The number of files, or a negative errno. */
static int replay_directory(char *directory)
{
	char *roots[] = { directory, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_names);
	int count = 0, err = 0;
	FTSENT *entry;

	if (!tree)
		return -errno;
	while (!err && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR)
			err = -entry->fts_errno;
		if (entry->fts_info != FTS_F)
			continue;
		err = replay_file(entry->fts_path);
		count++;
	}
	fts_close(tree);
	return err ? err : count;
}

int main(int argc, char **argv)
{
	int failed = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		int count = replay_directory(argv[i]);

		if (count > 0) {
			printf("ok %d - %d inputs of %s\n", i, count, argv[i]);
			continue;
		}
		printf("not ok %d - %s: %s\n", i, argv[i], count ? strerror(-count) : "no inputs");
		failed = 1;
	}
	return failed || argc < 2;
}
