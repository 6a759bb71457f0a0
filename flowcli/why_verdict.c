/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/why_case.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"
#include "proto/errno_name.h"
#include "proto/icmp.h"
#include "proto/protocol.h"
#include "proto/time.h"

#define WHY_SLOW_NS   (UINT64_C(1000) * 1000000) /* a handshake longer than this is told */
#define WHY_LOSS_RATE 100			 /* one retransmission in so many packets is told */
#define WHY_FULL_SIZE 1000 /* bytes a packet, from which a segment counts as full */

static void __attribute__((format(printf, 2, 0)))
add_sentence(struct why_verdict *verdict, const char *format, va_list arguments)
{
	if (verdict->count < WHY_SENTENCES)
		vsnprintf(verdict->sentences[verdict->count++], WHY_SENTENCE, format, arguments);
}

void why_say(struct why_case *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_sentence(why->verdict, format, arguments);
	va_end(arguments);
	why->verdict->outcome = WHY_FOUND;
}

void why_note(struct why_case *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_sentence(why->verdict, format, arguments);
	va_end(arguments);
}

const char *why_plural(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

static const char *times_word(uint64_t times)
{
	return why_plural(times, "time", "times");
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Resets of the destination before it had opened anything; where its flows are not seen (a socket
 * of this node, its device not monitored), events and errors tell. */
static uint64_t refusals(const struct evidence *evidence)
{
	if (evidence->back.refusals)
		return evidence->back.refusals;
	return !(evidence->back.flags & FLOW_TCP_SYN) && evidence->back.resets_told ? 1 : 0;
}

static void judge_resets(struct why_case *why)
{
	const struct evidence *evidence = why->evidence;
	const struct evidence_way *there = &evidence->there, *back = &evidence->back;
	uint64_t refused = refusals(evidence);

	if (refused && evidence->established)
		why_say(why,
			"%" PRIu64 " %s answered by RST from %s: nothing listened there; %" PRIu64
			" %s opened",
			refused, why_plural(refused, "connect was", "connects were"),
			why->destination, evidence->established,
			why_plural(evidence->established, "was", "were"));
	else if (refused)
		why_say(why, "answered by RST from %s: nothing listens there", why->destination);
	if (back->resets > back->refusals || (back->resets_told && !refused))
		why_say(why, "reset by %s after the connection was open", why->destination);
	if (there->resets && !refused)
		why_say(why, "reset by %s", why->source);
}

static void judge_overflow(struct why_case *why)
{
	const struct evidence *evidence = why->evidence;

	if (evidence->overflows)
		why_say(why,
			"the queue of the socket that listens at %s was full %" PRIu64
			" %s (network namespace %" PRIu32 "): its program accepts too slowly",
			why->destination, evidence->overflows, times_word(evidence->overflows),
			evidence->overflow_netns);
}

static void judge_icmp(struct why_case *why)
{
	const struct evidence_way *way = &why->evidence->there;
	char reporter[ADDRESS_TEXT_MAX], message[128];

	if (!way->icmp_errors)
		return;
	address_write(reporter, way->icmp.reporter, !way->icmp_ipv6);
	*icmp_write(message, way->icmp_ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP, way->icmp.type,
		    way->icmp.code) = '\0';
	why_say(why, "%" PRIu64 " ICMP %s from %s: %s", way->icmp_errors,
		why_plural(way->icmp_errors, "error", "errors"), reporter, message);
}

/* What an errno of connect() says of where to look; NULL: it speaks for itself. */
static const char *connect_meaning(uint32_t error)
{
	switch (error) {
	case ENETUNREACH:
		return ": its node has no route to the destination";
	case EHOSTUNREACH:
		return ": the next hop does not answer, or a router has no route";
	case EPERM:
	case EACCES:
		return ": a firewall or policy of its own node forbids it";
	case EADDRNOTAVAIL:
		return ": no local port or address was left";
	default:
		return "";
	}
}

static void judge_connect(struct why_case *why)
{
	const struct evidence *evidence = why->evidence;

	if (evidence->connect_failures && evidence->connect_error)
		why_say(why, "connect() failed %" PRIu64 " %s, the last with %s%s",
			evidence->connect_failures, times_word(evidence->connect_failures),
			errno_name(evidence->connect_error),
			connect_meaning(evidence->connect_error));
}

/* Nothing came back, and nothing here says why. */
static void judge_silence(struct why_case *why)
{
	const struct evidence *evidence = why->evidence;
	const struct evidence_way *there = &evidence->there;

	if (why->verdict->count || !there->packets)
		return;
	if (there->syn_only)
		why_say(why,
			"SYN left %s %" PRIu64 " %s; no answer and no drop seen on this node: look "
			"at %s's node",
			why->source, there->syn_only, times_word(there->syn_only), why->host);
	else if (!evidence->back.packets)
		why_say(why,
			"%" PRIu64 " %s left %s; no answer and no drop seen on this node: look at "
			"%s's node",
			there->packets, why_plural(there->packets, "packet", "packets"),
			why->source, why->host);
}

/* ---- quality -------------------------------------------------------------------------------- */

static void judge_path_mtu(struct why_case *why, const struct evidence_way *way)
{
	bool full_size = way->packets && way->bytes / way->packets > WHY_FULL_SIZE;
	char reporter[ADDRESS_TEXT_MAX];

	if (way->icmp_too_big) {
		address_write(reporter, way->icmp.reporter, !way->icmp_ipv6);
		if (way->retransmits)
			why_say(why,
				"path MTU: %" PRIu64
				" full-size %s retransmitted, ICMP too-big seen "
				"from %s",
				way->retransmits,
				why_plural(way->retransmits, "segment", "segments"), reporter);
		else
			why_say(why,
				"path MTU: packets are too large for a link on the way, ICMP too-big "
				"seen from %s",
				reporter);
	} else if (way->retransmits && full_size && way->retransmits_of[TRACE_RETRANSMIT_RTO] > 1) {
		why_say(why, "path MTU may be smaller than it seems: full-size segments time out");
	}
}

static void judge_loss(struct why_case *why, const struct evidence_way *way, const char *sender)
{
	uint64_t handshakes = way->retransmits_of[TRACE_RETRANSMIT_SYN] +
			      way->retransmits_of[TRACE_RETRANSMIT_SYNACK];
	uint64_t others = way->retransmits > handshakes ? way->retransmits - handshakes : 0;

	if (handshakes)
		why_say(why, "%s repeated the handshake %" PRIu64 " %s", sender, handshakes,
			times_word(handshakes));
	if (others && others * WHY_LOSS_RATE >= way->packets)
		why_say(why, "%s retransmitted %" PRIu64 " of %" PRIu64 " packets (%.1f %%)",
			sender, others, way->packets,
			100.0 * (double)others / (double)(way->packets ? way->packets : 1));
	if (way->zero_windows)
		why_say(why,
			"%s closed its receive window %" PRIu64 " %s: its program reads too slowly",
			sender, way->zero_windows, times_word(way->zero_windows));
}

static void judge_times(struct why_case *why)
{
	uint64_t handshake_ns = why->evidence->there.handshake_max_ns;
	char text[TIME_TEXT_MAX];

	if (handshake_ns < WHY_SLOW_NS)
		return;
	time_format_duration(handshake_ns, text, sizeof(text));
	why_say(why, "the answer to the SYN took %s", text);
}

/* ---- all ------------------------------------------------------------------------------------ */

static void say_well(struct why_case *why)
{
	const struct evidence *evidence = why->evidence;
	char text[TIME_TEXT_MAX] = "";

	if (evidence->there.handshake_max_ns)
		time_format_duration(evidence->there.handshake_max_ns, text, sizeof(text));
	why_say(why, "nothing wrong seen: %" PRIu64 " %s there, %" PRIu64 " back%s%s",
		evidence->there.packets, why_plural(evidence->there.packets, "packet", "packets"),
		evidence->back.packets, *text ? ", handshake " : "", text);
	why->verdict->outcome = WHY_NOTHING_WRONG;
}

static void say_no_data(struct why_case *why)
{
	why_say(why, "no record of traffic between %s and %s%s", why->source, why->destination,
		why->evidence->dns.resolved ? ", only of the answer to its name" : "");
	why->verdict->outcome = WHY_NO_DATA;
}

void why_judge(const struct evidence *evidence, const char *source, const char *destination,
	       const char *host, struct why_verdict *verdict)
{
	struct why_case why = { evidence, source, destination, host, verdict };

	*verdict = (struct why_verdict){ .outcome = WHY_NO_DATA };
	why_judge_lookup(&why);
	if (!evidence->records) {
		if (!verdict->count)
			say_no_data(&why);
		return;
	}
	judge_path_mtu(&why, &evidence->there);
	judge_path_mtu(&why, &evidence->back);
	why_judge_drops(&why);
	judge_overflow(&why);
	judge_resets(&why);
	judge_icmp(&why);
	judge_silence(&why);
	why_judge_waiting(&why);
	judge_loss(&why, &evidence->there, source);
	judge_loss(&why, &evidence->back, destination);
	judge_times(&why);
	judge_connect(&why);
	if (!verdict->count)
		say_well(&why);
	why_note_drops(&why);
}
