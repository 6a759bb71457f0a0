/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "flowd/identity/source.h"

void identity_draft_text(struct identity_draft *draft, enum endpoint_text which, const char *text)
{
	if (text && *text && !draft->endpoint.text[which])
		draft->endpoint.text[which] = text;
}

void identity_draft_join(struct identity_draft *draft, enum endpoint_text which, const char *first,
			 const char *second)
{
	char *joined = draft->joined[which];

	if (draft->endpoint.text[which] || !second || !*second)
		return;
	snprintf(joined, IDENTITY_JOINED_SIZE, "%s%s%s", first ? first : "",
		 first && *first ? "/" : "", second);
	draft->endpoint.text[which] = joined;
}

void identity_draft_label(struct identity_draft *draft, const char *label)
{
	size_t size = strlen(label) + 1;

	if (draft->endpoint.label_count == ENDPOINT_LABELS_MAX ||
	    size > sizeof(draft->labels) - draft->labels_used)
		return;
	memcpy(draft->labels + draft->labels_used, label, size);
	draft->labels_used += size;
	draft->endpoint.label_count++;
	draft->endpoint.labels = draft->labels;
}

void identity_draft_labels(struct identity_draft *draft, const char *labels, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		identity_draft_label(draft, labels);
		labels += strlen(labels) + 1;
	}
}

void identity_draft_from(struct identity_draft *draft, enum identity_from from)
{
	if (draft->end->from == IDENTITY_FROM_NONE)
		draft->end->from = (uint8_t)from;
}

void identity_draft_missing(struct identity_draft *draft, enum identity_missing why)
{
	if (draft->end->missing == IDENTITY_MISSING_NONE)
		draft->end->missing = (uint8_t)why;
}

static uint32_t draft_hash(uint32_t hash, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619u; /* FNV-1a */
	return hash;
}

static uint32_t draft_hash_text(uint32_t hash, const struct identity_draft *draft,
				enum endpoint_text which)
{
	const char *text = draft->endpoint.text[which];

	return text ? draft_hash(hash, text, strlen(text) + 1) : hash;
}

/* 24 bits, as Cilium's; the same on every node for the same namespace and labels. */
void identity_draft_number(struct identity_draft *draft)
{
	const struct flow_endpoint *endpoint = &draft->endpoint;
	uint32_t hash = draft_hash_text(2166136261u, draft, ENDPOINT_NAMESPACE);

	if (endpoint->identity)
		return;
	hash = draft_hash(hash, draft->labels, draft->labels_used);
	if (!draft->labels_used)
		hash = draft_hash_text(draft_hash_text(hash, draft, ENDPOINT_CONTAINER_NAME), draft,
				       ENDPOINT_POD);
	hash ^= hash >> 24;
	draft->endpoint.identity = IDENTITY_FIRST_OWN + (hash & 0xffffff) % 0xffff00;
}
