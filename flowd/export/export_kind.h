/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an exporter is. Each kind is one file, export_NAME.c, that defines `export_kind_NAME` and
 * the rows of its own settings; NAME in the list of meson.build makes it known to the
 * configuration, the manual's test and the daemon. Filters, formats, batches, waiting, trying
 * again, the spool and the counters are everybody's (exporter.h): a kind only takes a batch to its
 * target.
 */
#ifndef EXPORT_KIND_H
#define EXPORT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/export/item.h"
#include "flowd/option.h"

/* format, X(NAME, name): how a record becomes the body of an item */
#define EXPORT_FORMATS(X)   \
	X(AUTO, "auto")     \
	X(NATIVE, "native") \
	X(ECS, "ecs")       \
	X(OCSF, "ocsf")     \
	X(CEF, "cef")       \
	X(KV, "kv")         \
	X(FLAT, "flat")     \
	X(PROTOBUF, "protobuf")
#define EXPORT_FORMAT_ENUM(name, text) EXPORT_FORMAT_##name,
enum export_format_id { EXPORT_FORMATS(EXPORT_FORMAT_ENUM) EXPORT_FORMAT_COUNT };

/* The settings that all kinds have; the first member of each kind's own. Texts may be NULL. */
struct export_settings {
	const char *name;
	const char *filter; /* flags, as flowcli observe takes them */
	const char *fields; /* mask: paths with commas */
	uint64_t format;    /* enum export_format_id */
	uint64_t interval;  /* of summaries, ns; 0 = every record by itself */
	const char *by;	    /* keys of summaries, with commas */
	uint64_t batch, delay, queue;
	const char *spool; /* directory */
	uint64_t spool_size, spool_age;
	const char *ca, *cert, *key, *server_name;
	unsigned int line; /* where it began in the file */
};

/* What an exporter is opened with. */
struct export_setup {
	const struct export_settings *settings;
	const char *node_name;
	uint64_t epoch;
	enum export_format_id format; /* as chosen; never AUTO */
	size_t batch;		      /* items that send() gets, at most */
	bool summaries;
};

struct export_target; /* the kind's own */

struct export_kind {
	const char *name;
	const char *help;
	const struct option *rows; /* offsets count from the whole of the settings */
	size_t row_count;
	size_t settings_size;
	size_t batch;	   /* items at once unless the operator says so; 0: the usual number */
	bool acknowledges; /* a sent item is known to have arrived: it may be spooled */
	/* What AUTO means for these settings. NULL: NATIVE. */
	enum export_format_id (*format)(const struct export_settings *settings);
	/* Before anything starts: 0, or -EINVAL with what is wrong and the remedy. May be NULL. */
	int (*check)(const struct export_settings *settings, char *why, size_t why_size);
	/* No network yet: an unreachable target is send()'s business. 0 or negative errno. */
	int (*open)(struct export_target **out, const struct export_setup *setup, char *why,
		    size_t why_size);
	/* Instead of the format: appends the body, sets item->type. On the intake's thread, while
	 * send() may run. NULL for most. */
	int (*encode)(struct export_target *target, const struct flow_record *record,
		      struct export_item *item, struct buffer *body);
	/* Appends what stands before the format's body; `record` NULL: before a loss or summary. On
	 * the intake's thread. NULL for most. */
	int (*prefix)(struct export_target *target, const struct flow_record *record,
		      const char *id, struct buffer *body);
	/*
	 * Takes items in order, waiting seconds at most; *done says how many, from the first, have
	 * arrived. 0 = all. -EBADMSG: the target refuses the first after *done for good. Any other
	 * error: the rest is tried again after a while. The reason goes to `why`.
	 */
	int (*send)(struct export_target *target, const struct export_item *items, size_t count,
		    size_t *done, char *why, size_t why_size);
	/* How many items of those that the last send() took the target did not want after all,
	 * where it says so. NULL for most. */
	size_t (*unwanted)(struct export_target *target);
	/* Every second without items, and on SIGHUP; on send()'s thread. May be NULL. */
	void (*idle)(struct export_target *target);
	void (*reopen)(struct export_target *target);
	/* Accepts NULL. */
	void (*close)(struct export_target *target);
};

/* EXPORT_KINDS(X) is meson.build's list, where kinds are compiled. */
#ifdef EXPORT_KINDS
#define EXPORT_DECLARE(name) extern const struct export_kind export_kind_##name;
EXPORT_KINDS(EXPORT_DECLARE)
#endif

/* All kinds, in the order of meson.build; ends with NULL. */
extern const struct export_kind *const export_kinds[];
const struct export_kind *export_kind_find(const char *name);
/* The rows of struct export_settings. */
const struct option *export_common_rows(size_t *count);
/* What no single setting can see: 0, or -EINVAL with the sentence. */
int export_check(const struct export_kind *kind, const struct export_settings *settings, char *why,
		 size_t why_size);
enum export_format_id export_format_of(const struct export_kind *kind,
				       const struct export_settings *settings);

size_t export_batch_of(const struct export_kind *kind, const struct export_settings *settings);

/* A secret or certificate: the content of a file without its last newline, from malloc. 0, negative
 * errno with `why` naming the file. */
int export_read_file(const char *path, char **out, char *why, size_t why_size);
/* The next item of a list with commas or newlines, from *list on: its length, 0 at the end. */
size_t export_list_next(const char **list, const char **item);

#endif
