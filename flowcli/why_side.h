/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One of the two sides that `why` is asked about, as the user wrote it: an address, a name that a
 * pod, service, workload, container, process, unit or host may have or that was looked up in DNS,
 * or KEY=VALUE with one of these words. Makes the tests that find its records, and remembers who
 * they were about.
 */
#ifndef FLOWCLI_WHY_SIDE_H
#define FLOWCLI_WHY_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/filter.h"

#define WHY_SIDE_KINDS	 8
#define WHY_SIDE_MATCHES 8
#define WHY_SIDE_TEXT	 400

/* What the word may mean; its tests as the source and as the destination of a record. */
struct why_side_kind {
	const char *title;
	struct filter *tests[2]; /* [enum flow_side] */
};

struct why_side {
	const char *text;	  /* as written */
	char host[256], port[16]; /* the parts; port is empty where none was given */
	const char *name;	  /* what the tests look for: host, or what stands behind its '=' */
	bool is_address;
	struct why_side_kind kinds[WHY_SIDE_KINDS];
	unsigned kind_count;
	char matches[WHY_SIDE_MATCHES][WHY_SIDE_TEXT]; /* "pod default/web (10.0.0.2)" */
	unsigned match_count;
	bool more_matches; /* than there is room for */
};

/* `with_port`: the text may end in ":PORT". 0, -ENOMEM, or -EINVAL with a sentence in `why`. */
int why_side_open(struct why_side *side, const char *text, bool with_port, char *why, size_t size);
/* Accepts a side that is all zeros. */
void why_side_close(struct why_side *side);

/* Records of which that end is the side; NULL only when memory is short. */
struct filter *why_side_filter(const struct why_side *side, enum flow_side end);
/* Remembers who that end of the record is. */
void why_side_note(struct why_side *side, const struct flow_record *record, enum flow_side end);

#endif
