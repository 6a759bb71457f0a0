/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPFIX (RFC 7011) over UDP, TCP and TLS. Templates for each IP version, and for both directions in
 * one record where that is asked for. Over UDP the templates come again and again. The sequence
 * number counts the data records sent before, per session and domain. The options are the device's,
 * so they have domain 0; there are collectors that count only flows, and would miss them in ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/export/ipfix_biflow.h"
#include "flowd/export/ipfix_element.h"
#include "flowd/export/ipfix_options.h"
#include "flowd/export/stream.h"

#define VERSION	       10
#define HEAD_SIZE      16
#define SET_HEAD       4
#define SET_TEMPLATES  2
#define SET_OPTIONS    3
#define TEMPLATE       256 /* and these, added: */
#define TEMPLATE_IPV6  1
#define TEMPLATE_FACTS 2
#define TEMPLATE_BOTH  4 /* directions in one record */
#define TCP_MESSAGE    65000
#define BIFLOW	       239 /* biflowDirection */

struct ipfix_settings {
	struct export_settings common;
	const char *address;
	uint64_t domain, interval, message, enterprise, biflow;
};

struct export_target {
	const struct ipfix_settings *settings;
	struct stream_address address;
	struct stream *stream;
	struct ipfix_options *options;
	struct ipfix_pairs pairs;
	uint32_t sequence[2];  /* of our domain, and of the options' */
	bool telling;	       /* the message has options */
	uint64_t described_ns; /* when the templates were sent; 0 = not on this session */
	uint8_t *message;
	size_t size, room;
	size_t set;	  /* where the open set begins; 0 = none */
	uint32_t pending; /* data records in the message */
};

#define AT(member) offsetof(struct ipfix_settings, member)
static const struct option rows[] = {
	{ "address", OPTION_TEXT, AT(address), 0, 0, NULL, NULL, false,
	  "udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT" },
	{ "domain", OPTION_COUNT, AT(domain), 0, UINT32_MAX, "1", NULL, false,
	  "observation domain" },
	{ "template_interval", OPTION_DURATION, AT(interval), CLOCK_S, CLOCK_S * 3600, "60s", NULL,
	  false, "how often templates are sent again over UDP" },
	{ "message_size", OPTION_COUNT, AT(message), 512, 65000, "1400", NULL, false,
	  "bytes of a message over UDP, at most" },
	{ "enterprise", OPTION_COUNT, AT(enterprise), 1, UINT32_MAX, "32473", NULL, false,
	  "private enterprise number of our own elements" },
	{ "biflow", OPTION_SWITCH, AT(biflow), 0, 0, "false", NULL, false,
	  "both directions in one record, where they come together" },
};

static int ipfix_check(const struct export_settings *common, char *why, size_t why_size)
{
	const struct ipfix_settings *settings = (const struct ipfix_settings *)common;
	struct stream_address address;
	char what[256];
	int error = stream_parse(settings->address, "4739", &address, what, sizeof(what));

	if (error)
		snprintf(why, why_size, "address: %s", what);
	return error;
}

static void ipfix_close(struct export_target *target)
{
	stream_close(target->stream);
	ipfix_options_close(target->options);
	ipfix_pairs_fini(&target->pairs);
	free(target->message);
	free(target);
}

static int ipfix_open(struct export_target **out, const struct export_setup *setup, char *why,
		      size_t why_size)
{
	struct export_target *target = calloc(1, sizeof(*target));
	int error;

	if (!target)
		return -ENOMEM;
	target->settings = (const struct ipfix_settings *)setup->settings;
	error = stream_parse(target->settings->address, "4739", &target->address, why, why_size);
	target->room = target->address.kind == STREAM_UDP ? target->settings->message : TCP_MESSAGE;
	target->message = malloc(TCP_MESSAGE);
	if (!error)
		error = target->message ? ipfix_options_open(&target->options) : -ENOMEM;
	if (error) {
		ipfix_close(target);
		return error;
	}
	*out = target;
	return 0;
}

/* On the intake's thread. */
static int ipfix_encode(struct export_target *target, const struct flow_record *record,
			struct export_item *item, struct buffer *body)
{
	ipfix_options_learn(target->options, record);
	item->type = ipfix_item_type(record, target->settings->biflow);
	return ipfix_write_record(record, body);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void message_begin(struct export_target *target)
{
	target->telling = false;
	target->size = HEAD_SIZE;
	target->set = 0;
	target->pending = 0;
}

static void set_close(struct export_target *target)
{
	if (target->set)
		ipfix_put(target->message + target->set + 2, target->size - target->set, 2);
	target->set = 0;
}

static int message_send(struct export_target *target, char *why, size_t why_size)
{
	uint8_t *at = target->message;
	int error;

	if (target->size == HEAD_SIZE)
		return 0;
	set_close(target);
	at = ipfix_put(at, VERSION, 2);
	at = ipfix_put(at, target->size, 2);
	at = ipfix_put(at, clock_realtime_ns() / CLOCK_S, 4);
	at = ipfix_put(at, target->sequence[target->telling], 4);
	ipfix_put(at, target->telling ? 0 : target->settings->domain, 4);
	error = stream_write(target->stream, target->message, target->size, why, why_size);
	if (!error)
		target->sequence[target->telling] += target->pending;
	message_begin(target);
	return error;
}

/* Opens the set unless it is open. */
static void set_open(struct export_target *target, uint16_t id)
{
	uint8_t *at = target->message + target->set;

	if (target->set && at[0] == id >> 8 && at[1] == (id & 0xff))
		return;
	set_close(target);
	target->set = target->size;
	ipfix_put(target->message + target->set, id, 2);
	target->size += SET_HEAD;
}

static void put(struct export_target *target, uint64_t number, size_t bytes)
{
	ipfix_put(target->message + target->size, number, bytes);
	target->size += bytes;
}

static void put_element(struct export_target *target, uint16_t id, uint16_t length,
			uint32_t enterprise)
{
	put(target, id | (enterprise ? 0x8000 : 0), 2);
	put(target, length, 2);
	if (enterprise)
		put(target, enterprise, 4);
}

static uint16_t put_reverse_elements(struct export_target *target, unsigned int family)
{
	size_t rows_count;
	const struct ipfix_element *element = ipfix_elements(&rows_count);
	uint16_t count = 1;

	for (size_t i = 0; i < rows_count; i++) {
		if (!element[i].reverse || !ipfix_element_used(&element[i], family))
			continue;
		put_element(target, element[i].id, element[i].length, IPFIX_REVERSE);
		count++;
	}
	put_element(target, BIFLOW, 1, 0);
	return count;
}

static uint16_t template_of(unsigned int family, bool both)
{
	return (uint16_t)(TEMPLATE + (family & IPFIX_IPV6 ? TEMPLATE_IPV6 : 0) +
			  (family & IPFIX_FACTS ? TEMPLATE_FACTS : 0) + (both ? TEMPLATE_BOTH : 0));
}

static void put_template(struct export_target *target, unsigned int family, bool both)
{
	size_t rows_count, count_at;
	const struct ipfix_element *element = ipfix_elements(&rows_count);
	uint16_t count = 0;

	set_open(target, SET_TEMPLATES);
	put(target, template_of(family, both), 2);
	count_at = target->size;
	put(target, 0, 2);
	for (size_t i = 0; i < rows_count; i++) {
		if (!ipfix_element_used(&element[i], family))
			continue;
		put_element(target, element[i].id, element[i].length,
			    element[i].enterprise ? (uint32_t)target->settings->enterprise : 0);
		count++;
	}
	if (both)
		count = (uint16_t)(count + put_reverse_elements(target, family));
	ipfix_put(target->message + count_at, count, 2);
}

static void put_options_templates(struct export_target *target)
{
	size_t count;
	const uint16_t *words = ipfix_options_templates(&count);

	set_open(target, SET_OPTIONS);
	for (size_t i = 0; i < count; i++)
		put(target, words[i], 2);
}

/* Messages of their own: the one for flows is empty when this begins, and when it ends. */
static int send_options(struct export_target *target, char *why, size_t why_size)
{
	uint8_t body[IPFIX_OPTION_MAX];
	uint16_t id;
	size_t size;
	int error = 0;

	message_begin(target);
	while (!error && (size = ipfix_options_next(target->options, &id, body))) {
		if (target->size + SET_HEAD + size > target->room)
			error = message_send(target, why, why_size);
		target->telling = true;
		set_open(target, id);
		memcpy(target->message + target->size, body, size);
		target->size += size;
		target->pending++;
	}
	return error ? error : message_send(target, why, why_size);
}

static int send_flow_templates(struct export_target *target, bool both, char *why, size_t why_size)
{
	static const unsigned int families[] = { IPFIX_IPV4, IPFIX_IPV6, IPFIX_IPV4 | IPFIX_FACTS,
						 IPFIX_IPV6 | IPFIX_FACTS };
	int error = 0;

	for (size_t i = 0; i < 4 && !error; i++) {
		message_begin(target);
		put_template(target, families[i], both);
		error = message_send(target, why, why_size);
	}
	return error;
}

static int send_templates(struct export_target *target, char *why, size_t why_size)
{
	int error = send_flow_templates(target, false, why, why_size);

	if (!error && target->settings->biflow)
		error = send_flow_templates(target, true, why, why_size);
	if (error)
		return error;
	target->telling = true;
	put_options_templates(target);
	return message_send(target, why, why_size);
}

/* At the session's start and, over UDP, every interval. */
static int describe(struct export_target *target, char *why, size_t why_size)
{
	uint64_t now_ns = clock_monotonic_ns();
	bool again = target->address.kind == STREAM_UDP &&
		     now_ns - target->described_ns >= target->settings->interval;
	int error;

	if (target->described_ns && !again)
		return send_options(target, why, why_size);
	error = send_templates(target, why, why_size);
	if (error)
		return error;
	target->described_ns = now_ns;
	ipfix_options_restart(target->options);
	return send_options(target, why, why_size);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void ipfix_disconnect(struct export_target *target)
{
	stream_close(target->stream);
	target->stream = NULL;
}

static int ipfix_connect(struct export_target *target, char *why, size_t why_size)
{
	if (target->stream && stream_is_alive(target->stream))
		return 0;
	ipfix_disconnect(target);
	target->described_ns = 0;
	if (target->address.kind != STREAM_UDP)
		target->sequence[0] = target->sequence[1] =
			0; /* a TCP connection is a session of its own */
	message_begin(target);
	return stream_open(&target->stream, &target->address, &target->settings->common, why,
			   why_size);
}

/* `mate`: the other direction's item; NULL: the record is of one. */
static int ipfix_add(struct export_target *target, const struct export_item *item,
		     const struct export_item *mate, char *why, size_t why_size)
{
	size_t size = item->size + (mate ? IPFIX_REVERSE_MAX : 0);
	unsigned int family = ipfix_item_family(item);
	int error = 0;

	if (target->size + SET_HEAD + size > target->room)
		error = message_send(target, why, why_size);
	if (error)
		return error;
	set_open(target, template_of(family, mate));
	memcpy(target->message + target->size, item->body, item->size);
	target->size += item->size;
	if (mate)
		target->size +=
			ipfix_write_reverse(target->message + target->size, mate->body, family);
	target->pending++;
	return 0;
}

/* The item, by itself or with its mate; nothing where it went with another. */
static int ipfix_add_of(struct export_target *target, const struct export_item *items, size_t index,
			char *why, size_t why_size)
{
	uint32_t mate = target->settings->biflow ? target->pairs.mate[index] : IPFIX_ALONE;

	if (mate == IPFIX_TAKEN)
		return 0;
	return ipfix_add(target, &items[index], mate == IPFIX_ALONE ? NULL : &items[mate], why,
			 why_size);
}

static int ipfix_send(struct export_target *target, const struct export_item *items, size_t count,
		      size_t *done, char *why, size_t why_size)
{
	int error = ipfix_connect(target, why, why_size);

	if (!error)
		error = describe(target, why, why_size);
	if (!error && target->settings->biflow)
		error = ipfix_pair(&target->pairs, items, count);
	for (size_t i = 0; i < count && !error; i++) {
		uint32_t sent = target->sequence[0];

		error = ipfix_add_of(target, items, i, why, why_size);
		if (!error && target->sequence[0] != sent)
			*done = i; /* those before went with the message */
	}
	if (!error)
		error = message_send(target, why, why_size);
	if (!error)
		*done = count;
	else
		message_begin(target);
	if (error)
		target->described_ns = 0; /* a collector that comes has no templates */
	if (error && target->address.kind != STREAM_UDP) {
		stream_abort(target->stream);
		target->stream = NULL;
	}
	return error;
}

const struct export_kind export_kind_ipfix = {
	.name = "ipfix",
	.help = "IPFIX messages by UDP, TCP or TLS",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.settings_size = sizeof(struct ipfix_settings),
	.check = ipfix_check,
	.open = ipfix_open,
	.encode = ipfix_encode,
	.send = ipfix_send,
	.reopen = ipfix_disconnect,
	.close = ipfix_close,
};
