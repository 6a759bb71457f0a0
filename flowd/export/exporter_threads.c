/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/export/exporter_inside.h"

#define INTAKE_WAIT_NS (200 * CLOCK_MS)
#define IDLE_NS	       CLOCK_S
#define RETRY_FIRST_NS (100 * CLOCK_MS)
#define RETRY_LAST_NS  (30 * CLOCK_S)

static void wait_change(struct exporter *exporter, uint64_t wait_ns)
{
	struct timespec end = record_queue_deadline(wait_ns);

	pthread_cond_timedwait(&exporter->changed, &exporter->lock, &end);
}

/* Under the lock: `state` is the target's or the spool's. Logs when things turn, not at every
 * attempt. */
static void set_state(struct exporter *exporter, char state[EXPORTER_WHY_MAX], const char *why)
{
	bool failed = state[0];

	snprintf(state, EXPORTER_WHY_MAX, "%s", why);
	if (*why && !failed)
		log_warning("export %s: %s; trying again", exporter->setup.settings->name, why);
	else if (!*why && failed)
		log_info("export %s: works again", exporter->setup.settings->name);
}

void exporter_count_lost(struct exporter *exporter, uint64_t records)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->counts.lost += records;
	pthread_mutex_unlock(&exporter->lock);
}

static bool out_of_time(const struct exporter *exporter)
{
	return exporter->give_up_ns && clock_monotonic_ns() > exporter->give_up_ns;
}

/* ---- intake ---------------------------------------------------------------------------------- */

static int intake_begin(struct exporter *exporter)
{
	exporter->item_start = exporter->items.size;
	return item_begin(&exporter->items);
}

static void intake_end(struct exporter *exporter, const struct export_item *item)
{
	item_end(&exporter->items, exporter->item_start, item,
		 exporter->setup.settings->spool != NULL);
	exporter->item_count++;
	exporter->sequence++;
}

/* The item that was begun is none. */
static void intake_take_back(struct exporter *exporter)
{
	exporter->items.size = exporter->item_start;
}

static void intake_id(struct exporter *exporter, uint64_t position, struct format_id *id)
{
	id->epoch = exporter->setup.epoch;
	id->sequence = exporter->sequence + 1;
	item_id_of(&exporter->origin, exporter->setup.node_name, id->epoch, position, id->text);
}

static int intake_body(struct exporter *exporter, const struct flow_record *record,
		       struct export_item *item)
{
	const struct export_kind *kind = exporter->kind;
	struct format_id id;
	int error = intake_begin(exporter);

	if (error)
		return error;
	if (kind->encode)
		return kind->encode(exporter->target, record, item, &exporter->items);
	intake_id(exporter, item->position, &id);
	if (kind->prefix)
		error = kind->prefix(exporter->target, record, id.text, &exporter->items);
	return error ? error : format_record(exporter->format, record, &id, &exporter->items);
}

static void intake_record(struct exporter *exporter, const struct flow_record *record)
{
	struct export_item item = { .epoch = exporter->setup.epoch,
				    .position = record->position,
				    .time_ns = record->time_ns,
				    .conversation = item_conversation(&record->key),
				    .type = item_type_of(record) };

	exporter->last_position = record->position;
	if (exporter->summary) {
		summary_add(exporter->summary, record);
	} else if (intake_body(exporter, record, &item)) {
		intake_take_back(exporter);
		exporter_count_lost(exporter, 1);
	} else {
		intake_end(exporter, &item);
	}
}

/* The second of two records at one position: a loss, or a summary, gets the high bits. */
static uint64_t intake_side_position(struct exporter *exporter)
{
	static const uint64_t side = UINT64_C(1) << 48;

	exporter->last_position += side;
	return exporter->last_position;
}

static void intake_loss(struct exporter *exporter, const struct flow_loss *loss)
{
	struct export_item item = { .epoch = exporter->setup.epoch,
				    .position = intake_side_position(exporter),
				    .time_ns = loss->last_ns,
				    .type = EXPORT_ITEM_LOSS };

	struct format_id id;
	int error = exporter->kind->encode ? -ENOTSUP : 0;

	if (error || intake_begin(exporter))
		return;
	intake_id(exporter, item.position, &id);
	if (exporter->kind->prefix)
		error = exporter->kind->prefix(exporter->target, NULL, id.text, &exporter->items);
	if (!error)
		error = format_loss(exporter->format, loss, &id, &exporter->items);
	if (error)
		intake_take_back(exporter);
	else
		intake_end(exporter, &item);
}

/* Waits for room; a full disk is tried again every second. */
static void intake_commit(struct exporter *exporter)
{
	int error;

	pthread_mutex_lock(&exporter->lock);
	while (exporter->item_count) {
		error = backlog_append(exporter->backlog, &exporter->items, exporter->item_count);
		exporter->counts.lost += backlog_given_up(exporter->backlog);
		if (!error) {
			set_state(exporter, exporter->spool_why, "");
			break;
		}
		if (error != -EAGAIN) {
			char why[EXPORTER_WHY_MAX];

			snprintf(why, sizeof(why), "spool: cannot be written: %s; make room in %s",
				 strerror(-error), exporter->setup.settings->spool);
			set_state(exporter, exporter->spool_why, why);
			exporter->counts.failures++;
		}
		if (out_of_time(exporter)) {
			exporter->counts.lost += exporter->item_count;
			break;
		}
		exporter->full = error == -EAGAIN;
		pthread_cond_broadcast(&exporter->changed);
		wait_change(exporter, error == -EAGAIN ? INTAKE_WAIT_NS : CLOCK_S);
	}
	exporter->full = false;
	exporter->counts.received = exporter->taken;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
	exporter->items.size = 0;
	exporter->item_count = 0;
}

/* After a kill the next daemon tells what the spool does not have. */
static void intake_give_sign(struct exporter *exporter)
{
	const struct life_note note = { .epoch = exporter->setup.epoch,
					.taken = record_queue_total(exporter->queue),
					.kept = exporter->taken,
					.time_ns = clock_realtime_ns() };

	if (exporter->sign)
		life_sign_tell(exporter->sign, &note);
}

static void intake_summaries(struct exporter *exporter, bool all)
{
	uint64_t now_ns = clock_realtime_ns(), time_ns;
	struct format_id id;

	if (!exporter->summary)
		return;
	while (summary_due(exporter->summary, all ? UINT64_MAX : now_ns)) {
		struct export_item item = { .epoch = exporter->setup.epoch,
					    .position = intake_side_position(exporter),
					    .type = EXPORT_ITEM_SUMMARY };

		if (intake_begin(exporter))
			return;
		intake_id(exporter, item.position, &id);
		if (exporter->kind->prefix)
			exporter->kind->prefix(exporter->target, NULL, id.text, &exporter->items);
		if (summary_next(exporter->summary, id.text, &exporter->items, &time_ns,
				 &item.conversation)) {
			item.time_ns = time_ns;
			intake_end(exporter, &item);
		} else {
			intake_take_back(exporter);
		}
		if (exporter->item_count >= RECORD_PAGE)
			intake_commit(exporter);
	}
}

static void intake_page(struct exporter *exporter, const struct record_page *page)
{
	if (page->is_loss)
		intake_loss(exporter, &page->loss);
	for (size_t i = 0; i < page->count; i++) {
		if (exporter->summary && summary_due(exporter->summary, page->records[i].time_ns))
			intake_summaries(exporter, true);
		intake_record(exporter, &page->records[i]);
	}
	exporter->taken += page->count;
}

static void *intake_run(void *context)
{
	struct exporter *exporter = context;

	while (!record_queue_ended(exporter->queue)) {
		struct record_page *page = record_queue_get(exporter->queue, INTAKE_WAIT_NS);

		if (page)
			intake_page(exporter, page);
		record_page_free(page);
		intake_summaries(exporter, false);
		intake_commit(exporter);
		intake_give_sign(exporter);
	}
	intake_summaries(exporter, true);
	intake_commit(exporter);
	pthread_mutex_lock(&exporter->lock);
	exporter->intake_done = true;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
	return NULL;
}

/* ---- sender ---------------------------------------------------------------------------------- */

struct batch {
	struct export_item *items;
	size_t count, done;
	uint64_t retry_ns;
};

/* Waits until there is enough, or the first has waited long enough. Under the lock. */
static void batch_wait(struct exporter *exporter)
{
	const struct export_settings *settings = exporter->setup.settings;
	uint64_t first_ns = 0, idle_ns = clock_monotonic_ns() + IDLE_NS;

	for (;;) {
		uint64_t waiting = backlog_waiting(exporter->backlog),
			 now_ns = clock_monotonic_ns();
		uint64_t end_ns;

		if (waiting && !first_ns)
			first_ns = now_ns;
		end_ns = waiting ? first_ns + settings->delay : idle_ns;
		if (waiting >= exporter->setup.batch ||
		    (waiting && (exporter->hurry || exporter->full)) || exporter->reopen ||
		    exporter->intake_done || now_ns >= end_ns)
			return;
		wait_change(exporter, end_ns - now_ns);
	}
}

static void batch_take(struct exporter *exporter, struct batch *batch)
{
	batch->count = batch->done = 0;
	pthread_mutex_lock(&exporter->lock);
	batch_wait(exporter);
	batch->count = backlog_take(exporter->backlog, exporter->setup.batch, batch->items);
	exporter->in_flight = batch->count;
	exporter->counts.lost += backlog_given_up(exporter->backlog);
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
}

/* Under the lock: `done` more of the batch need no further thought. */
static void batch_done(struct exporter *exporter, struct batch *batch, size_t done, bool refused)
{
	batch->done += done;
	exporter->in_flight -= done;
	backlog_acknowledge(exporter->backlog, done);
	if (refused) {
		exporter->counts.lost += done;
		return;
	}
	exporter->counts.sent += done;
	if (exporter->kind->acknowledges)
		exporter->counts.acknowledged += done;
}

/* Whatever changes meanwhile, unless someone is in a hurry or has put things right. */
static void wait_retry(struct exporter *exporter, uint64_t wait_ns)
{
	uint64_t now_ns = clock_monotonic_ns(), end_ns = now_ns + wait_ns;

	if (exporter->hurry)
		wait_change(exporter, RETRY_FIRST_NS);
	while (!exporter->hurry && !exporter->reopen && now_ns < end_ns) {
		wait_change(exporter, end_ns - now_ns);
		now_ns = clock_monotonic_ns();
	}
}

/* Under the lock. */
static void batch_failed(struct exporter *exporter, struct batch *batch, int error, const char *why)
{
	set_state(exporter, exporter->target_why, why);
	exporter->counts.failures++;
	if (error == -EBADMSG) {
		batch_done(exporter, batch, 1, true);
		return;
	}
	exporter->counts.retried += batch->count - batch->done;
	batch->retry_ns = !batch->retry_ns ? RETRY_FIRST_NS : batch->retry_ns * 2;
	if (batch->retry_ns > RETRY_LAST_NS)
		batch->retry_ns = RETRY_LAST_NS;
	wait_retry(exporter, batch->retry_ns);
}

/* What was taken and thrown away has not arrived. */
static void batch_unwanted(struct exporter *exporter, size_t done)
{
	size_t unwanted = exporter->kind->unwanted ? exporter->kind->unwanted(exporter->target) : 0;

	if (unwanted > done)
		unwanted = done;
	exporter->counts.lost += unwanted;
	if (exporter->kind->acknowledges)
		exporter->counts.acknowledged -= unwanted;
}

static void batch_try(struct exporter *exporter, struct batch *batch)
{
	char why[EXPORTER_WHY_MAX] = "the target failed";
	size_t done = 0;
	int error = exporter->kind->send(exporter->target, batch->items + batch->done,
					 batch->count - batch->done, &done, why, sizeof(why));

	if (!error)
		done = batch->count - batch->done;
	pthread_mutex_lock(&exporter->lock);
	batch_done(exporter, batch, done, false);
	batch_unwanted(exporter, done);
	if (done)
		batch->retry_ns = 0;
	if (error) {
		batch_failed(exporter, batch, error, why);
	} else {
		set_state(exporter, exporter->target_why, "");
		batch->retry_ns = 0;
	}
	pthread_mutex_unlock(&exporter->lock);
}

static void sender_reopen(struct exporter *exporter)
{
	bool reopen;

	pthread_mutex_lock(&exporter->lock);
	reopen = exporter->reopen;
	exporter->reopen = false;
	pthread_mutex_unlock(&exporter->lock);
	if (reopen && exporter->kind->reopen)
		exporter->kind->reopen(exporter->target);
}

static bool sender_finished(struct exporter *exporter)
{
	bool finished;

	pthread_mutex_lock(&exporter->lock);
	finished = (exporter->intake_done && !backlog_waiting(exporter->backlog) &&
		    !exporter->in_flight) ||
		   out_of_time(exporter);
	pthread_mutex_unlock(&exporter->lock);
	return finished;
}

static void *sender_run(void *context)
{
	struct exporter *exporter = context;
	struct batch batch = { .items = calloc(exporter->setup.batch, sizeof(struct export_item)) };

	while (batch.items && !sender_finished(exporter)) {
		if (batch.done == batch.count)
			batch_take(exporter, &batch);
		sender_reopen(exporter);
		if (batch.done < batch.count)
			batch_try(exporter, &batch);
		else if (exporter->kind->idle)
			exporter->kind->idle(exporter->target);
	}
	free(batch.items);
	return NULL;
}

/* ---- both ------------------------------------------------------------------------------------ */

int exporter_threads_start(struct exporter *exporter)
{
	char name[16];
	int error = pthread_create(&exporter->intake, NULL, intake_run, exporter);

	if (error)
		return -error;
	error = pthread_create(&exporter->sender, NULL, sender_run, exporter);
	if (error) {
		record_queue_end(exporter->queue);
		pthread_join(exporter->intake, NULL);
		return -error;
	}
	snprintf(name, sizeof(name), "in/%.11s", exporter->setup.settings->name);
	pthread_setname_np(exporter->intake, name);
	snprintf(name, sizeof(name), "out/%.10s", exporter->setup.settings->name);
	pthread_setname_np(exporter->sender, name);
	return 0;
}

void exporter_threads_stop(struct exporter *exporter, uint64_t patience_ns)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->hurry = true;
	exporter->give_up_ns = clock_monotonic_ns() + patience_ns;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
	record_queue_end(exporter->queue);
	pthread_join(exporter->intake, NULL);
	pthread_join(exporter->sender, NULL);
	buffer_fini(&exporter->items);
}
