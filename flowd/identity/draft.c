/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "flowd/identity/source.h"
#include "proto/protocol.h"

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

/* Of an echo the other type is what the other end sends; other messages have no answer. */
static void draft_answer_key(struct flow_key *key, const struct flow_key *sent)
{
	uint16_t type = sent->src_port;
	bool echo = key->protocol == PROTOCOL_ICMP ? type == 0 || type == 8
						   : type == 128 || type == 129;

	key->src_port = echo ? (type == 0 || type == 8 ? 8 - type : 257 - type) : type;
	key->dst_port = sent->dst_port;
}

struct flow_key identity_draft_key(const struct identity_draft *draft,
				   const struct identity_ask *ask)
{
	struct flow_key key = ask->record->key;

	if (draft->has_own)
		return draft->own_key;
	if (ask->side == FLOW_SOURCE)
		return key;
	memcpy(key.src, ask->record->key.dst, 16);
	memcpy(key.dst, ask->record->key.src, 16);
	key.src_port = ask->record->key.dst_port;
	key.dst_port = ask->record->key.src_port;
	if (protocol_is_icmp(key.protocol))
		draft_answer_key(&key, &ask->record->key);
	return key;
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
