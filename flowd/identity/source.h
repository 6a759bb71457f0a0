/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every source of identity is to the resolver (identity.c): one question, one draft that is
 * passed from source to source in order of trust. A source fills what it knows and leaves alone
 * what is filled. docs/decisions/identity.md tells the order.
 */
#ifndef IDENTITY_SOURCE_H
#define IDENTITY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/flow_record.h"

/* Who is at this end? Times are CLOCK_MONOTONIC ns: the question is about that span. */
struct identity_ask {
	const struct flow_record *record;
	enum flow_side side;
	const uint8_t *address, *peer; /* 16 bytes, IPv4 mapped */
	uint16_t port, peer_port;
	uint64_t first_ns, last_ns, now_ns;
};

#define IDENTITY_LABELS_SIZE 8192
#define IDENTITY_JOINED_SIZE (2 * (ENDPOINT_TEXT_MAX + 1))

/* Texts are borrowed from the source until the next question. */
struct identity_draft {
	struct flow_endpoint endpoint;
	struct flow_end *end;	/* from, missing, pid, uid, comm */
	const uint8_t *address; /* the end's own; behind NAT not that of the record */
	uint16_t port;
	bool has_own;		 /* conntrack knows it: */
	struct flow_key own_key; /* the tuple of the end's own socket, as it sends */
	const uint8_t *asked;	 /* where the connection was meant to go; NULL: not known */
	uint16_t asked_port;
	uint64_t cookie;
	char comm[16]; /* with pid */
	bool local;    /* its address is one of this machine's namespaces */
	bool conflict; /* a source saw the address change hands: the others must not guess */
	char joined[ENDPOINT_TEXT_COUNT][IDENTITY_JOINED_SIZE];
	char labels[IDENTITY_LABELS_SIZE];
	size_t labels_used;
};

struct identity_source {
	const char *name;
	/* Answers; called for each new flow, so it neither blocks nor reads files as a rule. */
	void (*fill)(void *self, const struct identity_ask *ask, struct identity_draft *draft);
	void (*tick)(void *self, uint64_t now_ns); /* once a second; may be NULL */
	void (*close)(void *self);
	void *self;
};

/* identity_draft.c: set what is not set. */
void identity_draft_text(struct identity_draft *draft, enum endpoint_text which, const char *text);
/* "first/second", or the second alone */
void identity_draft_join(struct identity_draft *draft, enum endpoint_text which, const char *first,
			 const char *second);
/* "prefix:key=value" as it is */
void identity_draft_label(struct identity_draft *draft, const char *label);
void identity_draft_labels(struct identity_draft *draft, const char *labels, unsigned int count);
void identity_draft_from(struct identity_draft *draft, enum identity_from from);
void identity_draft_missing(struct identity_draft *draft, enum identity_missing why);
/* The key of packets that the end sends: those of the record, or their answers. */
struct flow_key identity_draft_key(const struct identity_draft *draft,
				   const struct identity_ask *ask);
/* A number of our own for what the draft says, unless it has one. */
void identity_draft_number(struct identity_draft *draft);

#endif
