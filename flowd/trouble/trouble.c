/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/trouble/trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/flow/packet_rules.h"
#include "flowd/kernel/net_counters.h"
#include "flowd/kernel/trace.h"
#include "flowd/trouble/chain_names.h"
#include "flowd/trouble/incident.h"
#include "flowd/trouble/repeats.h"

#define TROUBLE_READ_NS	    (100 * CLOCK_MS)
#define TROUBLE_REPEAT_NS   (1 * CLOCK_S)
#define TROUBLE_COUNTERS_NS (5 * CLOCK_S)
#define TROUBLE_RING_BYTES  (1u << 20)
#define TROUBLE_NAMESPACES  TRACE_NAMESPACES_MAX
/* The kernel's numbers of TCP states: include/net/tcp_states.h */
#define TROUBLE_ESTABLISHED 1
#define TROUBLE_SYN_SENT    2
#define TROUBLE_CLOSE	    7
#define TROUBLE_LISTEN	    10

struct trouble {
	struct trouble_options options;
	struct btf_names *btf;
	struct incident_namer namer;
	struct repeats *repeats;
	struct trace *trace;
	struct net_counters *counters;
	struct chain_names *chains; /* NULL: switched off */
	struct loop_source *read_timer, *repeat_timer, *counter_timer;
	uint32_t namespaces[TROUBLE_NAMESPACES];
	size_t namespace_count;
	uint64_t drops, tcp_events, not_parsed, quiet, overflows, elsewhere;
	uint64_t told_suppressed, told_lost, told_ns; /* as of the last loss told */
};

/* ---- events --------------------------------------------------------------------------------- */

/* A reset without a socket: the kernel side does not know its namespace before the packet. */
static bool trouble_is_elsewhere(struct trouble *trouble, uint32_t netns)
{
	bool elsewhere = trouble->namespace_count != 0;

	for (size_t i = 0; i < trouble->namespace_count && elsewhere; i++)
		elsewhere = trouble->namespaces[i] != netns;
	return elsewhere;
}

/* One of the words between commas. */
static bool trouble_lists(const char *list, const char *word)
{
	size_t length = word ? strlen(word) : 0;

	for (; list && length; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
		if (!strncmp(list, word, length) && (!list[length] || list[length] == ','))
			return true;
	return false;
}

static void trouble_take_drop(struct trouble *trouble, const struct trace_drop *drop)
{
	struct flow_record record;
	struct flow_drop joined;

	if (incident_of_drop(&trouble->namer, drop, &record)) {
		trouble->not_parsed++;
		return;
	}
	trouble->drops++;
	if (trouble_lists(trouble->options.quiet, record.drops[0].reason) ||
	    trouble_lists(trouble->options.quiet, record.drops[0].site)) {
		trouble->quiet++;
		return;
	}
	chain_names_tell(trouble->chains, drop, &record);
	joined = record.drops[0];
	joined.first_ns = joined.last_ns = drop->event.time_ns;
	flow_table_drop(trouble->options.table, &record.key, &joined);
	repeats_take(trouble->repeats, &record);
}

/* What kind of record the event deserves; 0: none, it is joined to its flow alone. */
static enum flow_kind trouble_tcp_kind(const struct trouble *trouble, const struct trace_tcp *tcp)
{
	switch ((enum flow_event_type)tcp->event.type) {
	case FLOW_EVENT_TCP_RETRANSMIT:
		return FLOW_KIND_TCP_RETRANSMIT;
	case FLOW_EVENT_TCP_RESET_SENT:
	case FLOW_EVENT_TCP_RESET_RECEIVED:
		return FLOW_KIND_TCP_RESET;
	case FLOW_EVENT_TCP_STATE:
		if (tcp->old_state == TROUBLE_SYN_SENT && tcp->new_state == TROUBLE_CLOSE)
			return FLOW_KIND_TCP_CONNECT;
		return trouble->options.tcp_states ? FLOW_KIND_TCP_STATE : FLOW_KIND_START;
	default:
		return FLOW_KIND_START;
	}
}

/* Counts and times for the flow; of a connection that was opened here, how long that took. */
static void trouble_join_tcp(const struct trouble *trouble, const struct trace_tcp *tcp,
			     const struct flow_record *record)
{
	struct flow_tcp joined = record->tcp;

	joined.by_socket =
		tcp->event.type != FLOW_EVENT_TCP_RESET_RECEIVED; /* that is the peer's */
	if (tcp->event.type == FLOW_EVENT_TCP_STATE && tcp->old_state == TROUBLE_SYN_SENT &&
	    tcp->new_state == TROUBLE_ESTABLISHED)
		joined.handshake_ns = tcp->since_ns;
	else if (tcp->event.type == FLOW_EVENT_TCP_STATE && tcp->new_state != TROUBLE_CLOSE)
		return;
	flow_table_tcp(trouble->options.table, &record->key, &joined);
}

static void trouble_take_tcp(struct trouble *trouble, const struct trace_tcp *tcp)
{
	enum flow_kind kind = trouble_tcp_kind(trouble, tcp);
	struct flow_record record;

	if (trouble_is_elsewhere(trouble, tcp->netns)) {
		trouble->elsewhere++;
		return;
	}
	if (incident_of_tcp(&trouble->namer, tcp, kind, &record)) {
		trouble->not_parsed++;
		return;
	}
	trouble->tcp_events++;
	trouble_join_tcp(trouble, tcp, &record);
	if (flow_kind_is_event((uint8_t)kind))
		trouble->options.tell(trouble->options.context, &record);
}

static void trouble_take_xdp(struct trouble *trouble, const struct trace_xdp *xdp)
{
	struct flow_record record;

	incident_of_xdp(&trouble->namer, xdp, &record);
	trouble->drops += xdp->packets;
	repeats_take(trouble->repeats, &record);
}

static void trouble_take(void *context, const struct flow_event *event)
{
	struct trouble *trouble = context;

	switch ((enum flow_event_type)event->type) {
	case FLOW_EVENT_DROP:
		trouble_take_drop(trouble, (const struct trace_drop *)event);
		break;
	case FLOW_EVENT_TCP_RETRANSMIT:
	case FLOW_EVENT_TCP_RESET_SENT:
	case FLOW_EVENT_TCP_RESET_RECEIVED:
	case FLOW_EVENT_TCP_STATE:
	case FLOW_EVENT_TCP_RTT:
		trouble_take_tcp(trouble, (const struct trace_tcp *)event);
		break;
	case FLOW_EVENT_XDP_ERROR:
		trouble_take_xdp(trouble, (const struct trace_xdp *)event);
		break;
	case FLOW_EVENT_FLOW_EVICTED:
	case FLOW_EVENT_FLOW_MALFORMED:
	case FLOW_EVENT_DNS:
		break;
	}
}

void trouble_read(struct trouble *trouble)
{
	if (!trouble->trace)
		return;
	clock_wall_offset_moved(&trouble->namer.wall_offset_ns);
	chain_names_read(trouble->chains);
	trace_read(trouble->trace, trouble_take, trouble);
}

static void trouble_on_timer(void *context)
{
	trouble_read(context);
}

/* ---- what was not told ---------------------------------------------------------------------- */

static void trouble_tell_loss(struct trouble *trouble, const char *source, uint64_t now,
			      uint64_t *told)
{
	struct flow_loss loss = { .source = source,
				  .records = now - *told,
				  .first_ns = trouble->told_ns,
				  .last_ns = clock_realtime_ns(),
				  .node_name = trouble->options.node_name };

	*told = now;
	if (loss.records)
		trouble->options.lost(trouble->options.context, &loss);
}

static void trouble_on_interval(void *context)
{
	struct trouble *trouble = context;
	struct trace_counts counts;

	trouble_read(trouble);
	repeats_flush(trouble->repeats, clock_realtime_ns());
	if (!trouble->trace)
		return;
	trace_count(trouble->trace, &counts);
	trouble_tell_loss(trouble, FLOW_LOSS_LIMIT, counts.suppressed, &trouble->told_suppressed);
	trouble_tell_loss(trouble, "event_ring", counts.lost, &trouble->told_lost);
	trouble->told_ns = clock_realtime_ns();
}

/* ---- counters of the kernel ----------------------------------------------------------------- */

/* SYNs that a listening socket had no room for pass no tracepoint: the counter grows, and the
 * socket with the longest queue is the one. */
static void trouble_take_counter(void *context, const struct net_counter *counter)
{
	struct trouble *trouble = context;
	struct flow_record record = { .kind = FLOW_KIND_TCP_OVERFLOW,
				      .verdict = FLOW_VERDICT_DROPPED,
				      .direction = FLOW_DIRECTION_INGRESS,
				      .node_name = trouble->options.node_name };

	if (!counter->gain || strcmp(counter->name, "TcpExt.ListenOverflows") ||
	    net_counters_listener(trouble->counters, counter->netns, &record.key))
		return;
	record.time_ns = record.last_ns = clock_realtime_ns();
	record.first_ns = record.time_ns - TROUBLE_COUNTERS_NS;
	record.dropped = counter->gain;
	record.drops[0] = (struct flow_drop){ .reason = "LISTEN_OVERFLOW",
					      .packets = counter->gain,
					      .first_ns = record.first_ns,
					      .last_ns = record.last_ns };
	record.incident.netns = counter->netns;
	record.incident.new_state = record.incident.old_state = TROUBLE_LISTEN;
	trouble->overflows += counter->gain;
	trouble->options.tell(trouble->options.context, &record);
}

static void trouble_on_counters(void *context)
{
	struct trouble *trouble = context;

	kallsyms_rest(trouble->namer.symbols);
	net_counters_read(trouble->counters);
	chain_names_follow(trouble->chains, trouble->counters);
	if (trouble->options.tcp)
		net_counters_each(trouble->counters, trouble_take_counter, trouble);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int trouble_parse_namespaces(struct trouble *trouble)
{
	const char *rest = trouble->options.namespaces;

	while (rest && *rest) {
		char *end;
		unsigned long number = strtoul(rest, &end, 10);

		if (end == rest || (*end && *end != ',') || !number || number > UINT32_MAX ||
		    trouble->namespace_count == TROUBLE_NAMESPACES) {
			log_error("events.namespaces: '%s': up to %d inode numbers with commas "
				  "(ls -Li /run/netns), or nothing for all",
				  trouble->options.namespaces, TROUBLE_NAMESPACES);
			return -EINVAL;
		}
		trouble->namespaces[trouble->namespace_count++] = (uint32_t)number;
		rest = *end ? end + 1 : end;
	}
	return 0;
}

static void trouble_count_hook(void *context, const char *tracepoint, const char *why_not)
{
	uint64_t *attached = context;

	(void)tracepoint;
	*attached += !why_not;
}

static void trouble_hook_refused(void *context, const char *tracepoint, const char *why_not)
{
	(void)context;
	if (why_not && strcmp(why_not, "switched off"))
		log_warning("events: tracepoint %s: %s; what it tells is missing", tracepoint,
			    why_not);
}

/* Without the kernel's names or its tracepoints there are no events, and a log line that says so.
 */
static void trouble_open_trace(struct trouble *trouble)
{
	struct trace_options options = { .manner = (enum trace_manner)trouble->options.manner,
					 .drops = trouble->options.drops,
					 .tcp = trouble->options.tcp,
					 .firewalls = trouble->options.firewalls
							      ? trouble->namer.symbols
							      : NULL,
					 .rate = (uint32_t)trouble->options.rate,
					 .ring_bytes = TROUBLE_RING_BYTES,
					 .btf_path = trouble->options.btf_path,
					 .namespaces = trouble->namespaces,
					 .namespace_count = trouble->namespace_count };
	int error = btf_names_open(&trouble->btf, trouble->options.btf_path);

	if (error) {
		log_warning("events: no BTF of the kernel: %s; drops and TCP events are not traced",
			    strerror(-error));
		return;
	}
	trouble->namer.btf = options.names = trouble->btf;
	if (!trace_open(&trouble->trace, &options))
		trace_hooks(trouble->trace, trouble_hook_refused, NULL);
}

static void trouble_tell_drop(void *context, const struct flow_record *record)
{
	struct trouble *trouble = context;

	trouble->options.tell(trouble->options.context, record);
}

static int trouble_open_parts(struct trouble *trouble, struct loop *loop)
{
	int error = trouble_parse_namespaces(trouble);

	if (!error)
		error = intern_open(&trouble->namer.texts);
	if (!error)
		error = kallsyms_open(&trouble->namer.symbols, NULL);
	if (!error)
		error = repeats_open(&trouble->repeats, trouble_tell_drop, trouble);
	if (!error)
		error = net_counters_open(&trouble->counters, trouble->namespaces,
					  trouble->namespace_count);
	if (!error && trouble->options.nftrace)
		error = chain_names_open(&trouble->chains, trouble->namer.texts);
	if (!error)
		error = loop_add_timer(loop, TROUBLE_COUNTERS_NS, trouble_on_counters, trouble,
				       &trouble->counter_timer);
	if (!error)
		error = loop_add_timer(loop, TROUBLE_READ_NS, trouble_on_timer, trouble,
				       &trouble->read_timer);
	if (!error)
		error = loop_add_timer(loop, TROUBLE_REPEAT_NS, trouble_on_interval, trouble,
				       &trouble->repeat_timer);
	return error;
}

int trouble_open(struct trouble **out, struct loop *loop, const struct trouble_options *options)
{
	struct trouble *trouble = calloc(1, sizeof(*trouble));
	int error;

	if (!trouble)
		return -ENOMEM;
	trouble->options = *options;
	trouble->told_ns = clock_realtime_ns();
	trouble->namer.node_name = options->node_name;
	trouble->namer.wall_offset_ns = clock_wall_offset_ns();
	packet_rules_default(&trouble->namer.rules);
	error = trouble_open_parts(trouble, loop);
	if (error) {
		trouble_close(trouble);
		return error;
	}
	net_counters_read(trouble->counters);
	chain_names_follow(trouble->chains, trouble->counters);
	if (options->drops || options->tcp)
		trouble_open_trace(trouble);
	*out = trouble;
	return 0;
}

void trouble_close(struct trouble *trouble)
{
	if (!trouble)
		return;
	loop_source_free(trouble->read_timer);
	loop_source_free(trouble->repeat_timer);
	loop_source_free(trouble->counter_timer);
	net_counters_close(trouble->counters);
	chain_names_close(trouble->chains);
	trace_close(trouble->trace);
	repeats_close(trouble->repeats);
	kallsyms_close(trouble->namer.symbols);
	intern_close(trouble->namer.texts);
	btf_names_close(trouble->btf);
	free(trouble);
}

/* ---- counters ------------------------------------------------------------------------------- */

void trouble_counters(const struct trouble *trouble, trouble_count_fn visit, void *context)
{
	struct trace_counts counts = { 0 };
	uint64_t attached = 0;
	bool raw = false;

	if (trouble->trace) {
		trace_count(trouble->trace, &counts);
		trace_hooks(trouble->trace, trouble_count_hook, &attached);
		raw = trace_manner(trouble->trace) == TRACE_RAW;
	}
	visit(context, "tracepoints_btf", raw ? 0 : attached,
	      "tracepoints attached by BTF (tp_btf)");
	visit(context, "tracepoints_raw", raw ? attached : 0, "tracepoints attached raw");
	visit(context, "firewalls_named", trouble->trace ? trace_firewall_names(trouble->trace) : 0,
	      "firewalls whose tables and chains are told (needs fentry)");
	chain_names_count(trouble->chains, visit, context);
	visit(context, "events_seen", counts.seen, "drops and TCP events in the kernel");
	visit(context, "events_suppressed", counts.suppressed,
	      "of those, not told: above events.rate of one reason on one CPU");
	visit(context, "events_taken", counts.taken, "of those, taken from the ring");
	visit(context, "events_elsewhere", trouble->elsewhere,
	      "of those, of other network namespaces than events.namespaces");
	visit(context, "events_lost", counts.lost, "of those, not told: the ring was full");
	visit(context, "events_missed", counts.missed,
	      "events not seen, inside the handling of another one");
	visit(context, "events_unknown_type", counts.unknown, "events of unknown type or size");
	visit(context, "events_not_ip", trouble->not_parsed, "drops of what is no IP packet");
	visit(context, "freed_not_packets", counts.not_packets,
	      "freed buffers that were no packets (unix, netlink)");
	visit(context, "drops", trouble->drops, "drop events taken");
	visit(context, "drops_quiet", trouble->quiet, "of those, only counted (events.quiet)");
	visit(context, "tcp_events", trouble->tcp_events, "TCP events taken");
	visit(context, "kernel_counters_untold", net_counters_untold(trouble->counters),
	      "counters of devices and namespaces that there was no room for");
	visit(context, "listen_overflows", trouble->overflows,
	      "connections that found a listening socket's queue full");
}

struct trouble_visit {
	trouble_net_fn visit;
	void *context;
};

static void trouble_visit_counter(void *context, const struct net_counter *counter)
{
	const struct trouble_visit *to = context;

	to->visit(to->context, counter->netns, counter->name, counter->value);
}

void trouble_net_counters(const struct trouble *trouble, trouble_net_fn visit, void *context)
{
	struct trouble_visit to = { visit, context };

	net_counters_each(trouble->counters, trouble_visit_counter, &to);
}
