/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS messages and names of addresses, between struct flow_record and message Flow. */
#include <errno.h>
#include <string.h>

#include "proto/address.h"
#include "proto/codec_parts.h"

/* ---- record to message ---------------------------------------------------------------------- */

/* The list is of at most `most`; its length. */
static size_t image_names(char **list, const char *names)
{
	size_t count = 0;

	for (; names && *names && count < FLOW_NAMES_MAX; names = flow_dns_next_text(names))
		list[count++] = codec_string(names);
	return count;
}

static void image_ips(struct dns_image *image, const struct flow_dns *dns)
{
	for (unsigned i = 0; i < dns->ip_count; i++) {
		address_write(image->ip[i], flow_dns_ip(dns, i), !flow_dns_ip_is_v6(dns, i));
		image->ips[i] = image->ip[i];
	}
	image->dns.ips = image->ips;
	image->dns.n_ips = dns->ip_count;
}

/* Types of questions, then of answers: they stand so in the record. */
static void image_types(struct dns_image *image, const struct flow_dns *dns)
{
	unsigned count = (unsigned)dns->qtype_count + dns->rrtype_count;

	for (unsigned i = 0; i < count; i++) {
		*dns_type_write(image->type[i], flow_dns_qtypes(dns)[i]) = '\0';
		image->types[i] = image->type[i];
	}
	image->dns.qtypes = image->types;
	image->dns.n_qtypes = dns->qtype_count;
	image->dns.rrtypes = image->types + dns->qtype_count;
	image->dns.n_rrtypes = dns->rrtype_count;
}

static void image_message(struct dns_image *image, const struct flow_dns *dns)
{
	const char *text = flow_dns_query(dns);

	flowd__dns__init(&image->dns);
	image->dns.query = codec_string(text);
	for (unsigned i = 0; i < dns->cname_count; i++)
		image->cnames[i] = codec_string(text = flow_dns_next_text(text));
	image->dns.cnames = image->cnames;
	image->dns.n_cnames = dns->cname_count;
	image->dns.ttl = dns->ttl;
	image->dns.rcode = dns->rcode;
	image->dns.observation_source = codec_string("flowd");
	image_ips(image, dns);
	image_types(image, dns);
}

static void image_facts(struct dns_image *image, const struct flow_dns *dns)
{
	Flowd__DnsFacts *facts = &image->facts;

	flowd__dns_facts__init(facts);
	facts->event = dns->event;
	facts->flags = dns->flags;
	facts->id = dns->id;
	facts->opcode = dns->opcode;
	facts->answers = dns->answers;
	facts->edns_size = dns->edns_size;
	facts->retries = dns->retries;
	facts->message_bytes = dns->message_bytes;
	facts->waited_ns = dns->waited_ns;
	facts->client_port = dns->client_port;
	address_write(image->server, dns->server, !dns->server_ipv6);
	facts->server = image->server;
}

static Flowd__L7FlowType l7_type(const struct flow_dns *dns)
{
	switch ((enum flow_dns_event)dns->event) {
	case FLOW_DNS_EVENT_REQUEST:
		return FLOWD__L7_FLOW_TYPE__REQUEST;
	case FLOW_DNS_EVENT_RESPONSE:
		return FLOWD__L7_FLOW_TYPE__RESPONSE;
	case FLOW_DNS_EVENT_TIMEOUT:
	case FLOW_DNS_EVENT_COUNT:
		break;
	}
	return FLOWD__L7_FLOW_TYPE__UNKNOWN_L7_TYPE;
}

void codec_dns_image(struct flow_image *whole, const struct flow_record *record)
{
	struct dns_image *image = &whole->dns;
	Flowd__Flow *flow = &whole->flow;

	flow->source_names = image->names[0];
	flow->n_source_names = image_names(image->names[0], record->source_names);
	flow->destination_names = image->names[1];
	flow->n_destination_names = image_names(image->names[1], record->destination_names);
	if (!record->dns)
		return;
	flowd__layer7__init(&image->l7);
	image_message(image, record->dns);
	image_facts(image, record->dns);
	image->l7.type = l7_type(record->dns);
	image->l7.latency_ns = record->dns->latency_ns;
	image->l7.record_case = FLOWD__LAYER7__RECORD_DNS;
	image->l7.dns = &image->dns;
	flow->l7 = &image->l7;
	flow->dns = &image->facts;
}

/* ---- message to record ---------------------------------------------------------------------- */

/* So are names as we write them; the bounds of the JSON rest on it. */
static bool is_printable(const char *text)
{
	while (*text > ' ' && *text < 0x7f)
		text++;
	return !*text;
}

/* Texts one behind the other, each with its end; more than fit are an error. */
static int read_texts(char *const *texts, size_t count, char *room, size_t size, const char *what,
		      const struct reason *reason)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(texts[i]) + 1;

		if (used + length >= size || length == 1 || !is_printable(texts[i]))
			return reason_set(reason, -EBADMSG, "flow: %s too long, empty or bad",
					  what);
		memcpy(room + used, texts[i], length);
		used += length;
	}
	room[used] = '\0';
	return 0;
}

static int read_names(char *const *texts, size_t count, const char **out, struct arena *arena,
		      const struct reason *reason)
{
	char room[FLOW_NAMES_SIZE];
	char *names;
	size_t size;

	if (!count)
		return 0;
	if (codec_narrow(count, FLOW_NAMES_MAX, "number of names", reason) ||
	    read_texts(texts, count, room, sizeof(room), "names", reason))
		return -EBADMSG;
	size = flow_names_size(room);
	names = arena_alloc(arena, size);
	if (!names)
		return -ENOMEM;
	memcpy(names, room, size);
	*out = names;
	return 0;
}

static int read_types(char *const *texts, size_t count, size_t most, uint16_t *types,
		      const struct reason *reason)
{
	if (codec_narrow(count, most, "number of DNS types", reason))
		return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		if (dns_type_parse(texts[i], &types[i]))
			return reason_set(reason, -EBADMSG, "flow: \"%.20s\" is no DNS type",
					  texts[i]);
	return 0;
}

static int read_facts(const Flowd__DnsFacts *facts, struct flow_dns *head,
		      const struct reason *reason)
{
	int version;

	if (!facts)
		return reason_set(reason, -EBADMSG, "flow: a DNS message without its facts");
	if (codec_narrow(facts->event, FLOW_DNS_EVENT_COUNT - 1, "DNS event", reason) ||
	    codec_narrow(facts->flags, UINT16_MAX, "DNS flags", reason) ||
	    codec_narrow(facts->id, UINT16_MAX, "DNS id", reason) ||
	    codec_narrow(facts->opcode, 15, "DNS opcode", reason) ||
	    codec_narrow(facts->answers, UINT16_MAX, "DNS answers", reason) ||
	    codec_narrow(facts->edns_size, UINT16_MAX, "EDNS size", reason) ||
	    codec_narrow(facts->retries, UINT16_MAX, "DNS retries", reason) ||
	    codec_narrow(facts->message_bytes, UINT16_MAX, "DNS message bytes", reason) ||
	    codec_narrow(facts->client_port, UINT16_MAX, "DNS client port", reason))
		return -EBADMSG;
	if (address_parse(facts->server, head->server, &version))
		return reason_set(reason, -EBADMSG, "flow: DNS server \"%.50s\" is no address",
				  facts->server);
	head->server_ipv6 = version == 6;
	head->event = (uint8_t)facts->event;
	head->flags = (uint16_t)facts->flags;
	head->id = (uint16_t)facts->id;
	head->opcode = (uint8_t)facts->opcode;
	head->answers = (uint16_t)facts->answers;
	head->edns_size = (uint16_t)facts->edns_size;
	head->retries = (uint16_t)facts->retries;
	head->message_bytes = (uint16_t)facts->message_bytes;
	head->client_port = (uint16_t)facts->client_port;
	head->waited_ns = facts->waited_ns;
	return 0;
}

static int read_ips(const Flowd__DNS *dns, struct flow_dns *head, uint8_t (*ips)[16],
		    const struct reason *reason)
{
	int version;

	if (codec_narrow(dns->n_ips, FLOW_DNS_IPS, "number of addresses", reason))
		return -EBADMSG;
	for (size_t i = 0; i < dns->n_ips; i++) {
		if (address_parse(dns->ips[i], ips[i], &version))
			return reason_set(reason, -EBADMSG, "flow: \"%.50s\" is no address",
					  dns->ips[i]);
		head->ipv6 |= (uint64_t)(version == 6) << i;
	}
	head->ip_count = (uint8_t)dns->n_ips;
	return 0;
}

/* What the lists of a message are read into, before they become one piece. */
struct dns_lists {
	uint8_t ips[FLOW_DNS_IPS][16];
	uint16_t qtypes[FLOW_DNS_QTYPES], rrtypes[FLOW_DNS_RRTYPES];
	char cnames[FLOW_DNS_TEXT];
};

static int read_message(const Flowd__DNS *dns, struct flow_dns *head, struct dns_lists *lists,
			const struct reason *reason)
{
	if (strlen(dns->query) >= FLOW_DNS_NAME || !is_printable(dns->query))
		return reason_set(reason, -EBADMSG, "flow: DNS name too long or bad");
	if (codec_narrow(dns->rcode, UINT16_MAX, "DNS rcode", reason) ||
	    codec_narrow(dns->n_cnames, FLOW_DNS_CNAMES, "number of CNAMEs", reason) ||
	    read_ips(dns, head, lists->ips, reason) ||
	    read_types(dns->qtypes, dns->n_qtypes, FLOW_DNS_QTYPES, lists->qtypes, reason) ||
	    read_types(dns->rrtypes, dns->n_rrtypes, FLOW_DNS_RRTYPES, lists->rrtypes, reason) ||
	    read_texts(dns->cnames, dns->n_cnames, lists->cnames, sizeof(lists->cnames), "CNAMEs",
		       reason))
		return -EBADMSG;
	head->rcode = (uint16_t)dns->rcode;
	head->ttl = dns->ttl;
	head->qtype_count = (uint8_t)dns->n_qtypes;
	head->rrtype_count = (uint8_t)dns->n_rrtypes;
	head->cname_count = (uint8_t)dns->n_cnames;
	return 0;
}

static int read_dns(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
		    const struct reason *reason)
{
	_Alignas(8) uint8_t room[FLOW_DNS_SIZE];
	struct dns_lists lists;
	struct flow_dns_parts parts = { .ips = (const uint8_t(*)[16])lists.ips,
					.qtypes = lists.qtypes,
					.rrtypes = lists.rrtypes,
					.cnames = lists.cnames };
	const struct flow_dns *made;
	void *kept;

	if (flow->l7->record_case != FLOWD__LAYER7__RECORD_DNS)
		return reason_set(reason, -EBADMSG, "flow: l7 is not DNS");
	if (read_facts(flow->dns, &parts.head, reason) ||
	    read_message(flow->l7->dns, &parts.head, &lists, reason))
		return -EBADMSG;
	parts.head.latency_ns = flow->l7->latency_ns;
	parts.query = flow->l7->dns->query;
	made = flow_dns_make(&parts, room);
	kept = arena_alloc(arena, made->size);
	if (!kept)
		return -ENOMEM;
	record->dns = memcpy(kept, made, made->size);
	return 0;
}

int codec_dns_read(const Flowd__Flow *flow, struct flow_record *record, struct arena *arena,
		   const struct reason *reason)
{
	int err = read_names(flow->source_names, flow->n_source_names, &record->source_names, arena,
			     reason);

	if (!err)
		err = read_names(flow->destination_names, flow->n_destination_names,
				 &record->destination_names, arena, reason);
	if (err)
		return err;
	if ((record->kind == FLOW_KIND_DNS) != (flow->l7 != NULL))
		return reason_set(reason, -EBADMSG, "flow: kind and l7 do not agree");
	return flow->l7 ? read_dns(flow, record, arena, reason) : 0;
}
