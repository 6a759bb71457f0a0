/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/ledger.h"

#include <stddef.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"

#define LEDGER_QUIET_NS (10 * CLOCK_S) /* between two log lines of losses */

#define AT(member) offsetof(struct datapath_ledger, member)
#define NONE	   SIZE_MAX

/* Which counters tell of which loss. */
static const struct {
	const char *source;
	size_t records, packets, bytes;
} rows[] = {
	{ "ring_buffer", AT(kernel.evict_lost_flows), AT(kernel.evict_lost_packets),
	  AT(kernel.evict_lost_bytes) },
	{ "dns_ring_buffer", AT(kernel.dns_lost_events), NONE, NONE },
	{ "reentered", NONE, AT(kernel.reentered_packets), NONE },
	{ "event_gap", AT(event_gaps), NONE, NONE },
	{ "event_unknown", AT(events_unknown), NONE, NONE },
};

static uint64_t ledger_read(const struct datapath_ledger *ledger, size_t offset)
{
	return offset == NONE ? 0 : *(const uint64_t *)((const char *)ledger + offset);
}

static uint64_t ledger_gain(const struct ledger_watch *watch, const struct datapath_ledger *ledger,
			    size_t offset)
{
	return ledger_read(ledger, offset) - ledger_read(&watch->last, offset);
}

void ledger_watch_look(struct ledger_watch *watch, const struct datapath_ledger *ledger,
		       uint64_t now_ns, ledger_loss_fn tell, void *context)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow_loss loss = { .source = rows[i].source,
					  .records = ledger_gain(watch, ledger, rows[i].records),
					  .packets = ledger_gain(watch, ledger, rows[i].packets),
					  .bytes = ledger_gain(watch, ledger, rows[i].bytes),
					  .first_ns = watch->last_ns,
					  .last_ns = now_ns,
					  .node_name = watch->node_name };

		if (loss.records || loss.packets || loss.bytes)
			tell(context, &loss);
	}
	watch->last = *ledger;
	watch->last_ns = now_ns;
}

uint64_t ledger_packets_lost(const struct datapath_ledger *ledger)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		lost += ledger_read(ledger, rows[i].packets);
	return lost;
}

static const char *ledger_remedy(const char *source)
{
	if (!strcmp(source, "dns_pending"))
		return "a larger dns.max_pending";
	if (!strcmp(source, FLOW_LOSS_LIMIT))
		return "a higher events.rate, where each event is wanted";
	return strcmp(source, "event_ring") ? "a larger flow.table_flows or flow.ring_bytes"
					    : "a lower events.rate";
}

void ledger_log(const struct flow_loss *loss, uint64_t *logged_ns)
{
	if (loss->last_ns - *logged_ns < LEDGER_QUIET_NS)
		return;
	*logged_ns = loss->last_ns;
	log_warning("lost in %s: %llu records, %llu packets, %llu bytes; sums in flowcli status, "
		    "remedy: %s",
		    loss->source, (unsigned long long)loss->records,
		    (unsigned long long)loss->packets, (unsigned long long)loss->bytes,
		    ledger_remedy(loss->source));
}
