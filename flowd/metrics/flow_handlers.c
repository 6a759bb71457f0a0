/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hubble counts events of packets, we have records of flows: what it counts per packet is counted
 * by the packets of the record, what it counts per flow by the record that begins or ends it.
 */
#include "flowd/metrics/flow_handlers.h"

#include <stdio.h>
#include <string.h>

#include "proto/dns_words.h"
#include "proto/json.h"
#include "proto/protocol.h"

#define KIND_TEXT(name, text) text,
static const char *const kind_texts[] = { FLOW_KINDS(KIND_TEXT) };
#define VERDICT_NAME(name, value) [value] = #name,
static const char *const verdict_names[] = { FLOW_VERDICTS(VERDICT_NAME) };
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_kind(const struct flow_record *record, const char *kind)
{
	return record->kind < COUNT(kind_texts) && !strcmp(kind_texts[record->kind], kind);
}

static const char *verdict_of(const struct flow_record *record)
{
	return record->verdict < COUNT(verdict_names) ? verdict_names[record->verdict] : "";
}

static const char *protocol_of(const struct flow_record *record)
{
	const char *name = protocol_name(record->key.protocol);

	return name ? name : "unknown";
}

static const char *family_of(const struct flow_record *record)
{
	return record->key.scope & FLOW_SCOPE_IPV6 ? "IPv6" : "IPv4";
}

/* A field's text, "" where the record, or this program, does not have it. */
static const char *text_of(const struct flow_record *record, const char *name, char *text,
			   size_t size)
{
	const struct field *field = field_find(name);
	struct field_value value = { .present = false };

	*text = 0;
	if (field)
		field_get(field, record, 0, &value);
	if (value.present)
		field_format(field, &value, text, size);
	return text;
}

static bool number_of(const struct flow_record *record, const char *name, uint64_t *number)
{
	const struct field *field = field_find(name);
	struct field_value value = { .present = false };

	if (field)
		field_get(field, record, 0, &value);
	*number = value.number;
	return value.present;
}

static void values_fill(const struct handler *handler, const struct flow_record *record,
			size_t family, const char *const *own, const char **values,
			char texts[][CONTEXT_TEXT_MAX])
{
	size_t count = 0;

	for (; handler->row->families[family].labels[count]; count++)
		values[count] = own[count];
	if (handler->switches & (HANDLER_QUERY | HANDLER_PORT)) {
		values[count] = own[count];
		count++;
	}
	metric_context_values(&handler->context, record, texts, values + count);
}

void handler_count(struct handler *handler, size_t family, const struct flow_record *record,
		   const char *const *values, uint64_t count)
{
	const char *all[SERIES_LABELS_MAX];
	char texts[CONTEXT_LABELS_MAX][CONTEXT_TEXT_MAX];

	values_fill(handler, record, family, values, all, texts);
	series_add(handler->family[family], all, count, handler->now_ns);
}

void handler_observe(struct handler *handler, size_t family, const struct flow_record *record,
		     const char *const *values, uint64_t value_ns)
{
	const char *all[SERIES_LABELS_MAX];
	char texts[CONTEXT_LABELS_MAX][CONTEXT_TEXT_MAX];

	values_fill(handler, record, family, values, all, texts);
	series_observe(handler->family[family], all, value_ns, handler->now_ns);
}

/* ---- handlers -------------------------------------------------------------------------------- */

static void count_drop(struct handler *handler, const struct flow_record *record)
{
	char reason[128];

	if (record->kind != FLOW_KIND_DROP)
		return;
	text_of(record, "drop.reason", reason, sizeof(reason));
	handler_count(handler, 0, record, (const char *[]){ reason, protocol_of(record) },
		      record->dropped ? record->dropped : 1);
}

/* Hubble's words of event_type: the numbers are those of json.c. */
static const char *type_word(int type)
{
	switch (type) {
	case 1:
		return "Drop";
	case 4:
		return "Trace";
	case 5:
		return "PolicyVerdict";
	case 129:
		return "L7";
	default:
		return "Unknown";
	}
}

static void count_flow(struct handler *handler, const struct flow_record *record)
{
	int type, sub_type;
	const char *word = flow_record_type(record, &type, &sub_type);

	handler_count(handler, 0, record,
		      (const char *[]){ protocol_of(record), type == 129 ? "DNS" : word,
					type_word(type), verdict_of(record) },
		      1);
}

static void count_answer_types(struct handler *handler, const struct flow_record *record,
			       const char *qtype, const char *query)
{
	const uint16_t *types = flow_dns_rrtypes(record->dns);

	for (unsigned i = 0; i < record->dns->rrtype_count; i++) {
		char type[DNS_TYPE_TEXT_MAX];

		*dns_type_write(type, types[i]) = 0;
		handler_count(handler, 2, record, (const char *[]){ type, qtype, query }, 1);
	}
}

static void count_dns(struct handler *handler, const struct flow_record *record)
{
	char query[256], qtype[64], number[12], ips[12];
	const struct flow_dns *dns = record->dns;
	const char *rcode;

	if (!dns)
		return;
	text_of(record, "dns.query", query, sizeof(query));
	text_of(record, "dns.qtype", qtype, sizeof(qtype));
	if (handler->switches & HANDLER_IGNORE_AAAA && !strcmp(qtype, "AAAA"))
		return;
	if (dns->event == FLOW_DNS_EVENT_REQUEST)
		handler_count(handler, 0, record, (const char *[]){ "", qtype, "0", query }, 1);
	if (dns->event != FLOW_DNS_EVENT_RESPONSE)
		return;
	snprintf(number, sizeof(number), "%u", dns->rcode);
	snprintf(ips, sizeof(ips), "%u", dns->ip_count);
	rcode = dns_rcode_words(dns->rcode);
	handler_count(handler, 1, record,
		      (const char *[]){ rcode ? rcode : number, qtype, ips, query }, 1);
	count_answer_types(handler, record, qtype, query);
}

/* The flags of a record are those of its flow so far: each counts once, where it can first be seen.
 */
static void count_tcp(struct handler *handler, const struct flow_record *record)
{
	const char *family = family_of(record);

	if (record->key.protocol != PROTOCOL_TCP)
		return;
	if (record->kind == FLOW_KIND_START && record->flags & FLOW_TCP_SYN)
		handler_count(handler, 0, record,
			      (const char *[]){ record->reply == FLOW_REPLY_YES ? "SYN-ACK" : "SYN",
						family },
			      1);
	if (record->kind == FLOW_KIND_END && record->flags & FLOW_TCP_FIN)
		handler_count(handler, 0, record, (const char *[]){ "FIN", family }, 1);
	if (record->kind == FLOW_KIND_END && record->flags & FLOW_TCP_RST)
		handler_count(handler, 0, record, (const char *[]){ "RST", family }, 1);
}

static void count_icmp(struct handler *handler, const struct flow_record *record)
{
	char type[256];
	size_t length;

	if (!protocol_is_icmp(record->key.protocol) || !record->packets ||
	    flow_kind_is_event(record->kind))
		return;
	/* "ICMPv4 EchoRequest; 3 packets ..." */
	flow_record_summary(record, type, sizeof(type));
	length = strcspn(type, ";");
	type[length] = 0;
	handler_count(handler, 0, record,
		      (const char *[]){ family_of(record),
					strchr(type, ' ') ? strchr(type, ' ') + 1 : type },
		      record->packets);
}

static bool begins(const struct flow_record *record)
{
	return record->kind == FLOW_KIND_START && record->reply != FLOW_REPLY_YES;
}

static void count_port(struct handler *handler, const struct flow_record *record)
{
	char port[8] = "0";

	if (!begins(record))
		return;
	if (protocol_has_ports(record->key.protocol))
		snprintf(port, sizeof(port), "%u", record->key.dst_port);
	handler_count(handler, 0, record, (const char *[]){ protocol_of(record), port }, 1);
}

/* Not private (RFC 1918, RFC 4193), link-local, loopback or multicast. */
static bool is_world(const struct flow_record *record)
{
	const uint8_t *ip = record->key.dst;

	if (record->key.scope & FLOW_SCOPE_IPV6)
		return (ip[0] & 0xfe) != 0xfc && ip[0] != 0xff && (ip[0] != 0xfe || ip[1] < 0x80) &&
		       (ip[0] || ip[1]);
	ip += 12;
	return ip[0] != 10 && ip[0] != 127 && ip[0] != 0 && ip[0] < 224 &&
	       (ip[0] != 172 || (ip[1] & 0xf0) != 16) && (ip[0] != 192 || ip[1] != 168) &&
	       (ip[0] != 169 || ip[1] != 254) && (ip[0] != 100 || (ip[1] & 0xc0) != 64);
}

static void count_world(struct handler *handler, const struct flow_record *record)
{
	bool dropped = record->verdict == FLOW_VERDICT_DROPPED;
	char port[8] = "0";

	if (!is_world(record) || record->reply == FLOW_REPLY_YES ||
	    (record->kind != FLOW_KIND_START && !dropped) ||
	    (dropped && !begins(record) && !(handler->switches & HANDLER_ANY_DROP)))
		return;
	if (handler->switches & HANDLER_SYN_ONLY && record->key.protocol == PROTOCOL_TCP &&
	    !(record->flags & FLOW_TCP_SYN))
		return;
	if (protocol_has_ports(record->key.protocol))
		snprintf(port, sizeof(port), "%u", record->key.dst_port);
	handler_count(handler, 0, record,
		      (const char *[]){ protocol_of(record), verdict_of(record), port }, 1);
}

static const char *direction_of(const struct flow_record *record)
{
	static const char *const names[] = { "unknown", "ingress", "egress" };

	return names[record->direction < COUNT(names) ? record->direction : 0];
}

static void count_traffic(struct handler *handler, const struct flow_record *record)
{
	const char *labels[] = { protocol_of(record), direction_of(record) };

	if (flow_kind_is_event(record->kind))
		return;
	handler_count(handler, 0, record, labels, record->packets);
	handler_count(handler, 1, record, labels, record->bytes);
	if (record->tcp.retransmits)
		handler_count(handler, 2, record, (const char *[]){ "retransmit" },
			      record->tcp.retransmits);
	if (record->tcp.resets_sent + record->tcp.resets_received)
		handler_count(handler, 2, record, (const char *[]){ "reset" },
			      record->tcp.resets_sent + record->tcp.resets_received);
	if (record->tcp.zero_windows)
		handler_count(handler, 2, record, (const char *[]){ "zero_window" },
			      record->tcp.zero_windows);
}

static void count_latency(struct handler *handler, const struct flow_record *record)
{
	static const char *const none[] = { NULL };
	uint64_t ns;

	if (record->kind == FLOW_KIND_END && record->tcp.handshake_ns)
		handler_observe(handler, 0, record, none, record->tcp.handshake_ns);
	if (record->kind == FLOW_KIND_END && record->tcp.srtt_avg_us)
		handler_observe(handler, 1, record, none, record->tcp.srtt_avg_us * UINT64_C(1000));
	if (is_kind(record, "dns") && number_of(record, "dns.latency", &ns)) {
		char message[32];

		text_of(record, "dns.message", message, sizeof(message));
		handler_observe(handler, 2, record, (const char *[]){ message }, ns);
	}
}

static const struct handler_row rows[] = {
	{ "drop",
	  { { "hubble_drop_total", "Packets dropped", SERIES_COUNTER, { "reason", "protocol" } } },
	  count_drop },
	{ "flow",
	  { { "hubble_flows_processed_total",
	      "Flow records processed",
	      SERIES_COUNTER,
	      { "protocol", "subtype", "type", "verdict" } } },
	  count_flow },
	{ "dns",
	  { { "hubble_dns_queries_total",
	      "DNS queries seen",
	      SERIES_COUNTER,
	      { "rcode", "qtypes", "ips_returned" } },
	    { "hubble_dns_responses_total",
	      "DNS responses seen",
	      SERIES_COUNTER,
	      { "rcode", "qtypes", "ips_returned" } },
	    { "hubble_dns_response_types_total",
	      "Record types in DNS responses",
	      SERIES_COUNTER,
	      { "type", "qtypes" } } },
	  count_dns },
	{ "tcp",
	  { { "hubble_tcp_flags_total",
	      "TCP flags of flows",
	      SERIES_COUNTER,
	      { "flag", "family" } } },
	  count_tcp },
	{ "icmp",
	  { { "hubble_icmp_total", "ICMP messages", SERIES_COUNTER, { "family", "type" } } },
	  count_icmp },
	{ "port-distribution",
	  { { "hubble_port_distribution_total",
	      "Flows by destination port",
	      SERIES_COUNTER,
	      { "protocol", "port" } } },
	  count_port },
	{ "flows-to-world",
	  { { "hubble_flows_to_world_total",
	      "Flows to addresses outside",
	      SERIES_COUNTER,
	      { "protocol", "verdict" } } },
	  count_world },
	{ "traffic",
	  { { "flowd_packets_total",
	      "Packets of flows",
	      SERIES_COUNTER,
	      { "protocol", "direction" } },
	    { "flowd_bytes_total",
	      "Bytes of flows on the wire",
	      SERIES_COUNTER,
	      { "protocol", "direction" } },
	    { "flowd_tcp_events_total",
	      "TCP retransmissions, resets and closed windows",
	      SERIES_COUNTER,
	      { "event" } } },
	  count_traffic },
	{ "latency",
	  { { "flowd_tcp_handshake_seconds",
	      "From SYN to its answer, of ended flows",
	      SERIES_SECONDS,
	      { NULL } },
	    { "flowd_tcp_rtt_seconds",
	      "Smoothed round trip time of ended flows",
	      SERIES_SECONDS,
	      { NULL } },
	    { "flowd_dns_latency_seconds",
	      "From a DNS query to its answer, or to giving up",
	      SERIES_SECONDS,
	      { "message" } } },
	  count_latency },
};

const struct handler_row *handler_rows(size_t *count)
{
	*count = COUNT(rows);
	return rows;
}
