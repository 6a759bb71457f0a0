/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening, closing, the pipeline's side; the threads are in exporter_threads.c. */
#include "flowd/export/exporter.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/exporter_inside.h"
#include "flowd/export/spool.h"
#include "proto/filter_line.h"

/* ---- opening --------------------------------------------------------------------------------- */

static void exporter_spool_path(const struct export_settings *settings, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", settings->spool, settings->name);
}

static int exporter_open_spool(struct exporter *exporter, struct spool **out, char *why,
			       size_t why_size)
{
	const struct export_settings *settings = exporter->setup.settings;
	char path[PATH_MAX];
	int error;

	if (!settings->spool)
		return 0;
	exporter_spool_path(settings, path);
	error = spool_open(out, path, settings->spool_size, settings->spool_age);
	if (error == -EBUSY)
		snprintf(why, why_size, "spool %s: another exporter uses it; give it its own name",
			 path);
	else if (error)
		snprintf(why, why_size, "spool %s: cannot be used: %s; make its directory writable",
			 path, strerror(-error));
	return error;
}

/* What a killed daemon had not brought to the spool: told in the stream, like every loss. */
static int exporter_open_sign(struct exporter *exporter)
{
	const struct export_settings *settings = exporter->setup.settings;
	struct life_note left;
	char path[PATH_MAX];
	bool killed = false;
	int error;

	if (!settings->spool)
		return 0;
	exporter_spool_path(settings, path);
	error = life_sign_open(&exporter->sign, path, &left, &killed);
	if (error || !killed)
		return error;
	exporter->counts.lost = left.taken - left.kept;
	exporter_loss(exporter, &(struct flow_loss){ .source = "daemon_killed",
						     .records = left.taken - left.kept,
						     .first_ns = left.time_ns,
						     .last_ns = exporter->setup.epoch,
						     .node_name = exporter->setup.node_name });
	log_warning("export %s: the previous flowd was killed; what it saw in its last moments is "
		    "not in the spool: %" PRIu64 " records that are known of",
		    settings->name, left.taken - left.kept);
	return 0;
}

static int exporter_open_backlog(struct exporter *exporter, char *why, size_t why_size)
{
	struct spool *spool = NULL;
	int error = exporter_open_spool(exporter, &spool, why, why_size);

	if (error)
		return error;
	error = backlog_open(&exporter->backlog, exporter->setup.settings->queue, spool);
	if (error)
		spool_close(spool);
	return error;
}

static int exporter_open_making(struct exporter *exporter, char *why, size_t why_size)
{
	const struct export_settings *settings = exporter->setup.settings;
	int error = filter_line_parse(settings->filter ? settings->filter : "", &exporter->filter,
				      why, why_size);

	if (!error)
		error = format_open(&exporter->format, exporter->setup.format, settings->fields,
				    exporter->setup.node_name, why, why_size);
	if (!error && settings->interval)
		error = summary_open(&exporter->summary, settings->by, settings->interval,
				     exporter->setup.format, exporter->setup.node_name);
	if (!error)
		error = record_queue_open(&exporter->queue, settings->queue);
	return error;
}

static void exporter_init_locks(struct exporter *exporter)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&exporter->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&exporter->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void exporter_free(struct exporter *exporter)
{
	if (exporter->target)
		exporter->kind->close(exporter->target);
	record_queue_close(exporter->queue);
	backlog_close(exporter->backlog);
	life_sign_close(exporter->sign);
	summary_close(exporter->summary);
	format_close(exporter->format);
	filter_free(exporter->filter);
	pthread_cond_destroy(&exporter->changed);
	pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}

int exporter_open(struct exporter **out, const struct exporter_options *options, char *why,
		  size_t why_size)
{
	struct exporter *exporter = calloc(1, sizeof(*exporter));
	int error;

	snprintf(why, why_size, "not enough memory");
	if (!exporter)
		return -ENOMEM;
	exporter->kind = options->kind;
	exporter->setup = (struct export_setup){
		.settings = options->settings,
		.node_name = options->node_name,
		.epoch = options->epoch,
		.format = export_format_of(options->kind, options->settings),
		.batch = export_batch_of(options->kind, options->settings),
		.summaries = options->settings->interval != 0,
	};
	exporter->position = exporter->last_position = options->position;
	exporter_init_locks(exporter);
	error = exporter_open_making(exporter, why, why_size);
	if (!error)
		error = exporter_open_backlog(exporter, why, why_size);
	if (!error)
		error = exporter_open_sign(exporter);
	if (!error)
		error = exporter->kind->open(&exporter->target, &exporter->setup, why, why_size);
	if (!error)
		error = exporter_threads_start(exporter);
	if (error) {
		exporter_free(exporter);
		return error;
	}
	*out = exporter;
	return 0;
}

static void exporter_tell_rest(struct exporter *exporter)
{
	uint64_t rest = backlog_waiting(exporter->backlog) + exporter->in_flight, items, bytes;

	backlog_spooled(exporter->backlog, &items, &bytes);
	if (exporter->setup.settings->spool && items)
		log_info("export %s: %" PRIu64 " records stay in the spool for the next start",
			 exporter->setup.settings->name, items);
	else if (!exporter->setup.settings->spool && rest)
		log_warning("export %s: %" PRIu64 " records were not sent and are lost: %s; "
			    "remedy: a spool",
			    exporter->setup.settings->name, rest,
			    *exporter->target_why ? exporter->target_why
						  : "the target was too slow");
}

static void exporter_tell_missed(struct exporter *exporter)
{
	if (exporter->missed.records)
		exporter_loss(exporter, &exporter->missed);
	exporter->missed.records = 0;
}

void exporter_close(struct exporter *exporter, uint64_t patience_ns)
{
	if (!exporter)
		return;
	exporter_tell_missed(exporter);
	exporter_threads_stop(exporter, patience_ns);
	exporter_tell_rest(exporter);
	life_sign_end(exporter->sign);
	exporter_free(exporter);
}

/* ---- the pipeline's side --------------------------------------------------------------------- */

static void exporter_missed(struct exporter *exporter, const struct history_page *found)
{
	struct flow_loss *missed = &exporter->missed;

	if (!missed->records)
		*missed = (struct flow_loss){ .source = "export",
					      .first_ns = found->missed_first_ns,
					      .node_name = exporter->setup.node_name };
	missed->records += found->missed;
	missed->last_ns = found->missed_last_ns;
	exporter_count_lost(exporter, found->missed);
	if (exporter->told_lost)
		return;
	exporter->told_lost = true;
	log_warning("export %s: %" PRIu64 " records left history before they were exported; "
		    "remedy: a spool, a faster target or a larger history.records",
		    exporter->setup.settings->name, found->missed);
}

bool exporter_pump(struct exporter *exporter, struct history *history)
{
	struct history_page missed = { .missed = 0 };
	bool more;

	if (record_queue_room(exporter->queue))
		exporter_tell_missed(exporter);
	more = record_queue_fill(exporter->queue, history, exporter->filter, &exporter->position,
				 &missed);
	if (missed.missed)
		exporter_missed(exporter, &missed);
	return more;
}

uint64_t exporter_oldest(struct exporter *exporter)
{
	return record_queue_oldest(exporter->queue);
}

void exporter_loss(struct exporter *exporter, const struct flow_loss *loss)
{
	record_queue_put_loss(exporter->queue, loss);
}

void exporter_reopen(struct exporter *exporter)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->reopen = true;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
}

void exporter_stats(struct exporter *exporter, struct exporter_stats *stats)
{
	const char *why;

	pthread_mutex_lock(&exporter->lock);
	*stats = exporter->counts;
	stats->name = exporter->setup.settings->name;
	stats->kind = exporter->kind->name;
	backlog_spooled(exporter->backlog, &stats->spooled, &stats->spooled_bytes);
	stats->waiting =
		stats->spooled ? 0 : backlog_waiting(exporter->backlog) + exporter->in_flight;
	/* In the queue, and in the hands of the intake: that goes on only when it has our lock. */
	stats->waiting += record_queue_total(exporter->queue) - stats->received;
	why = *exporter->spool_why ? exporter->spool_why : exporter->target_why;
	stats->failing = *why;
	memcpy(stats->why, why, sizeof(stats->why));
	pthread_mutex_unlock(&exporter->lock);
}
