/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/flow/flow_errors.h"

#include "flowd/flow/flow_life.h"
#include "flowd/flow/flow_sampled.h"

#define ERRORS_HELD_MAX 4096u /* flows that tell of errors, at a time */
#define ROUNDS_MAX	2u

/* The outer flow of a tunnel may be kept as a carrier; an error does not say so. */
static uint32_t quoted_find(const struct flow_table *table, const struct flow_key *quoted)
{
	uint32_t number =
		flow_pool_find(&table->pool, quoted, flow_pool_hash(&table->pool, quoted));
	struct flow_key carrier = *quoted;

	if (number || !table->carrier_packets)
		return number;
	carrier.scope |= FLOW_SCOPE_CARRIER;
	return flow_pool_find(&table->pool, &carrier, flow_pool_hash(&table->pool, &carrier));
}

/* The flow's note; NULL: as many flows as may tell of errors already. */
static struct flow_note *note_take(struct flow_table *table, struct flow *flow)
{
	struct flow_note *note = flow->noted ? flow_notes_find(&table->notes, flow->id) : NULL;

	if (note && note->error.packets)
		return note;
	if (table->errors.held >= ERRORS_HELD_MAX)
		return NULL;
	note = flow_sampled_note(table, flow);
	if (note)
		table->errors.held++;
	return note;
}

static bool error_join(struct flow_table *table, const struct flow_key *quoted,
		       const struct flow_icmp_error *error)
{
	uint32_t number = quoted_find(table, quoted);
	struct flow_note *note;

	if (!number)
		return false;
	note = note_take(table, flow_state_at(table, number));
	if (!note) {
		table->errors.unjoined += error->packets;
		return true;
	}
	table->errors.joined += error->packets;
	uint32_t before = note->error.packets;
	note->error = *error;
	note->error.packets += before;
	if (!flow_state_at(table, number)->packets)
		flow_life_wake(table, number);
	return true;
}

void flow_errors_take(struct flow_table *table, const struct flow_delta *delta)
{
	struct flow_errors *errors = &table->errors;
	struct flow_icmp_error error = { .packets = (uint32_t)delta->packets,
					 .type = (uint8_t)delta->key.src_port,
					 .code = (uint8_t)delta->key.dst_port };

	memcpy(error.reporter, delta->key.src, sizeof(error.reporter));
	if (error_join(table, &delta->quoted, &error))
		return;
	if (errors->count == FLOW_ERRORS_WAITING) {
		errors->unjoined += error.packets;
		return;
	}
	errors->waiting[errors->count++] =
		(struct flow_error_waiting){ .quoted = delta->quoted, .error = error };
}

void flow_errors_retry(struct flow_table *table)
{
	struct flow_errors *errors = &table->errors;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < errors->count; i++) {
		struct flow_error_waiting *waiting = &errors->waiting[i];

		if (error_join(table, &waiting->quoted, &waiting->error))
			continue;
		if (++waiting->rounds < ROUNDS_MAX)
			errors->waiting[kept++] = *waiting;
		else
			errors->unjoined += waiting->error.packets;
	}
	errors->count = kept;
}
