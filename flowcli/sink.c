/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sink_record(void *context, const struct flow_record *record)
{
	struct sink *sink = context;

	if (sink_is_full(sink))
		return;
	sink->writer.kind->record(&sink->writer, record);
	sink->records++;
	if (record->time_ns > sink->last_ns)
		sink->last_ns = record->time_ns;
}

bool sink_is_full(const struct sink *sink)
{
	return (sink->limit && sink->records >= sink->limit) || output_error(sink->writer.output);
}

void sink_time(const struct sink *sink, uint64_t ns, char *text, size_t size)
{
	time_format(ns, TIME_RFC3339_MILLI, &sink->writer.view.zone, text, size);
}

/* " between A and B", as far as it is known. */
static void describe_times(const struct sink *sink, const struct flow_loss *loss, char *text,
			   size_t size)
{
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	*text = '\0';
	sink_time(sink, loss->first_ns, first, sizeof(first));
	sink_time(sink, loss->last_ns, last, sizeof(last));
	if (loss->first_ns && loss->last_ns)
		snprintf(text, size, ", between %s and %s", first, last);
	else if (loss->first_ns || loss->last_ns)
		snprintf(text, size, ", %s %s", loss->first_ns ? "since" : "until",
			 loss->first_ns ? first : last);
}

/* "12 records, 340 packets, 51000 bytes"; what is zero is left out. */
static void describe_amount(const struct flow_loss *loss, bool unknown, char *text, size_t size)
{
	size_t used = 0;

	if (loss->records)
		used = (size_t)snprintf(text, size, "%s%" PRIu64 " record%s",
					unknown ? "at least " : "", loss->records,
					loss->records == 1 ? "" : "s");
	else
		used = (size_t)snprintf(text, size, "an unknown number of records");
	if (loss->packets && used < size)
		used += (size_t)snprintf(text + used, size - used, ", %" PRIu64 " packets",
					 loss->packets);
	if (loss->bytes && used < size)
		snprintf(text + used, size - used, ", %" PRIu64 " bytes", loss->bytes);
}

static void tell_restart(const struct sink *sink, const struct flow_loss *loss)
{
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	sink_time(sink, loss->first_ns, first, sizeof(first));
	sink_time(sink, loss->last_ns, last, sizeof(last));
	fprintf(stderr, "lost: flowd restarted at %s: records between %s and then are not known\n",
		last, first);
}

static void tell_loss(const struct sink *sink, const struct flow_loss *loss)
{
	char amount[128], times[160], source[128], node[128];

	describe_amount(loss, false, amount, sizeof(amount));
	describe_times(sink, loss, times, sizeof(times));
	terminal_escape(loss->source ? loss->source : "unknown", source, sizeof(source));
	terminal_escape(loss->node_name ? loss->node_name : "", node, sizeof(node));
	fprintf(stderr, "lost: %s at %s%s%s%s\n", amount, source, *node ? " on " : "", node, times);
}

static void tell_limit(const struct sink *sink, const struct flow_loss *loss)
{
	char times[160];

	describe_times(sink, loss, times, sizeof(times));
	fprintf(stderr, "limited: %" PRIu64 " events above events.rate were only counted%s\n",
		loss->records, times);
}

void sink_loss(struct sink *sink, const struct flow_loss *loss)
{
	if (flow_loss_is_limit(loss)) {
		sink->limited += loss->records;
		tell_limit(sink, loss);
		return;
	}
	sink->gaps++;
	sink->lost.records += loss->records;
	sink->lost.packets += loss->packets;
	sink->lost.bytes += loss->bytes;
	sink->lost_unknown |= !loss->records;
	/* What was read before the gap stands before the line that tells of it. */
	writer_flush(&sink->writer);
	if (loss->source && !strcmp(loss->source, SINK_RESTART))
		tell_restart(sink, loss);
	else
		tell_loss(sink, loss);
	if (sink->writer.kind->loss)
		sink->writer.kind->loss(&sink->writer, loss);
}

static void __attribute__((format(printf, 3, 0)))
append(char *text, size_t size, const char *format, va_list arguments)
{
	size_t used = strlen(text);

	if (used)
		used += (size_t)snprintf(text + used, size - used, "; ");
	if (used < size)
		vsnprintf(text + used, size - used, format, arguments);
}

void sink_missing(struct sink *sink, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	append(sink->missing, sizeof(sink->missing), format, arguments);
	va_end(arguments);
}

void sink_fact(struct sink *sink, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	append(sink->facts, sizeof(sink->facts), format, arguments);
	va_end(arguments);
}

static void tell_completeness(const struct sink *sink)
{
	bool incomplete = sink->gaps || *sink->missing;
	char amount[128];

	fprintf(stderr, "%s: %" PRIu64 " record%s", incomplete ? "INCOMPLETE" : "complete",
		sink->records, sink->records == 1 ? "" : "s");
	if (*sink->facts)
		fprintf(stderr, "; %s", sink->facts);
	if (sink->gaps) {
		describe_amount(&sink->lost, sink->lost_unknown, amount, sizeof(amount));
		fprintf(stderr, "; lost %s in %" PRIu64 " gap%s", amount, sink->gaps,
			sink->gaps == 1 ? "" : "s");
	}
	if (*sink->missing)
		fprintf(stderr, "; %s", sink->missing);
	fputc('\n', stderr);
}

int sink_finish(struct sink *sink)
{
	int error = writer_flush(&sink->writer);

	writer_close(&sink->writer);
	if (error == -EPIPE)
		return 0;
	if (error && error != -EINTR) {
		fprintf(stderr, "flowcli: cannot write the output: %s\n", strerror(-error));
		return 1;
	}
	if (!sink->quiet)
		tell_completeness(sink);
	return 0;
}
