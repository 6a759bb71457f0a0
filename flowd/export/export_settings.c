/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What all exporters' settings have in common, and the list of kinds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/export_kind.h"
#include "flowd/export/summary.h"
#include "proto/filter_line.h"

#define AT(member)  offsetof(struct export_settings, member)
#define SECONDS(n)  ((n)*UINT64_C(1000000000))
#define BATCH_USUAL 1000
#define MIB(n)	    ((uint64_t)(n) << 20)

#define FORMAT_TEXT(name, text) text,
static const char *const formats[] = { EXPORT_FORMATS(FORMAT_TEXT) NULL };

static const struct option rows[] = {
	{ "filter", OPTION_TEXT, AT(filter), 0, 0, NULL, NULL, false,
	  "only records that these flags of flowcli observe select" },
	{ "fields", OPTION_TEXT, AT(fields), 0, 0, NULL, NULL, false,
	  "only these fields, as paths with commas; empty: all" },
	{ "format", OPTION_NAME, AT(format), 0, 0, "auto", formats, false,
	  "what a record looks like" },
	{ "interval", OPTION_DURATION, AT(interval), 0, SECONDS(3600), "0s", NULL, false,
	  "summaries of this time instead of records; 0s: records" },
	{ "by", OPTION_TEXT, AT(by), 0, 0, NULL, NULL, false,
	  "what summaries are made of: fields with commas" },
	{ "batch", OPTION_COUNT, AT(batch), 0, 65536, "0", NULL, false,
	  "records sent at once, at most; 0: as many as suit the target" },
	{ "delay", OPTION_DURATION, AT(delay), 0, SECONDS(60), "200ms", NULL, false,
	  "how long records wait for company" },
	{ "queue", OPTION_COUNT, AT(queue), 256, 1048576, "16384", NULL, false,
	  "records held in memory for a slow target; history holds more" },
	{ "spool", OPTION_PATH, AT(spool), 0, 0, NULL, NULL, false,
	  "directory that keeps records until the target has them; empty: none" },
	{ "spool_size", OPTION_BYTES, AT(spool_size), MIB(1), MIB(1) << 20, "256MiB", NULL, false,
	  "largest spool; beyond, the oldest records are given up" },
	{ "spool_age", OPTION_DURATION, AT(spool_age), 0, SECONDS(86400) * 365, "24h", NULL, false,
	  "oldest records that are kept; 0s: any" },
	{ "ca", OPTION_PATH, AT(ca), 0, 0, NULL, NULL, false,
	  "CA that the target's certificate must be signed by (PEM file); empty: the system's" },
	{ "cert", OPTION_PATH, AT(cert), 0, 0, NULL, NULL, false,
	  "our certificate, where the target asks for one (PEM file)" },
	{ "key", OPTION_PATH, AT(key), 0, 0, NULL, NULL, false, "its private key (PEM file)" },
	{ "server_name", OPTION_TEXT, AT(server_name), 0, 0, NULL, NULL, false,
	  "name in the target's certificate; empty: the host's" },
};

const struct option *export_common_rows(size_t *count)
{
	*count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const struct export_kind *export_kind_find(const char *name)
{
	for (const struct export_kind *const *kind = export_kinds; *kind; kind++) {
		if (!strcmp((*kind)->name, name))
			return *kind;
	}
	return NULL;
}

enum export_format_id export_format_of(const struct export_kind *kind,
				       const struct export_settings *settings)
{
	if (settings->format != EXPORT_FORMAT_AUTO)
		return (enum export_format_id)settings->format;
	return kind->format ? kind->format(settings) : EXPORT_FORMAT_NATIVE;
}

size_t export_batch_of(const struct export_kind *kind, const struct export_settings *settings)
{
	if (settings->batch)
		return settings->batch;
	return kind->batch ? kind->batch : BATCH_USUAL;
}

static int check_filter(const struct export_settings *settings, char *why, size_t why_size)
{
	struct filter *filter = NULL;
	char detail[512];
	int error = filter_line_parse(settings->filter ? settings->filter : "", &filter, detail,
				      sizeof(detail));

	filter_free(filter);
	if (error)
		snprintf(why, why_size, "filter: %s", error == -ENOMEM ? "no memory" : detail);
	return error;
}

static const char *check_complaint(const struct export_kind *kind,
				   const struct export_settings *settings)
{
	if (settings->spool && !kind->acknowledges)
		return "spool: this target acknowledges nothing; leave the spool out";
	if (!settings->cert != !settings->key)
		return "cert and key belong together; name both files";
	if (settings->by && !settings->interval)
		return "by: without an interval there are no summaries; set interval";
	if (settings->interval && kind->encode)
		return "interval: this target takes records only; leave it out";
	if (settings->interval && settings->format != EXPORT_FORMAT_AUTO &&
	    settings->format != EXPORT_FORMAT_NATIVE)
		return "interval: summaries are JSON of their own; leave format out";
	return NULL;
}

int export_check(const struct export_kind *kind, const struct export_settings *settings, char *why,
		 size_t why_size)
{
	const char *complaint = check_complaint(kind, settings);
	int error;

	if (complaint) {
		snprintf(why, why_size, "%s", complaint);
		return -EINVAL;
	}
	error = check_filter(settings, why, why_size);
	if (!error && settings->interval)
		error = summary_check(settings->by, why, why_size);
	if (!error && kind->check)
		error = kind->check(settings, why, why_size);
	return error;
}

#define EXPORT_FILE_MAX (1u << 20)

int export_read_file(const char *path, char **out, char *why, size_t why_size)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(EXPORT_FILE_MAX) : NULL;
	size_t size;
	int error = file ? text ? 0 : -ENOMEM : -errno;

	if (!error) {
		size = fread(text, 1, EXPORT_FILE_MAX - 1, file);
		error = ferror(file) ? -EIO : 0;
		while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
			size--;
		text[size] = 0;
	}
	if (file)
		fclose(file);
	if (error) {
		snprintf(why, why_size, "%s: cannot be read: %s", path, strerror(-error));
		free(text);
		return error;
	}
	*out = text;
	return 0;
}

size_t export_list_next(const char **list, const char **item)
{
	size_t length;

	if (!*list)
		return 0;
	*list += strspn(*list, ", \n");
	*item = *list;
	length = strcspn(*list, ",\n");
	*list += length;
	while (length && (*item)[length - 1] == ' ')
		length--;
	return length;
}
