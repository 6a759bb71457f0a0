/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "tests/bench/hook_cost.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RING_BYTES     (1u << 24)
#define SEQUENCE_LEAST (1u << 20) /* longer than a branch predictor remembers */
#define READER_WAIT_MS 100

/* One case, opened. */
struct subjects {
	const struct hook_case *of;
	struct mutator *mutator;
	struct datapath *datapath;
};

static void subjects_open(struct subjects *subjects, const struct hook_case *of)
{
	subjects->of = of;
	subjects->mutator = mutator_open(of->lru_entries);
	subjects->datapath = mutator_open_datapath(
		of->entries * (uint32_t)sysconf(_SC_NPROCESSORS_CONF), RING_BYTES);
	mutator_packet(subjects->mutator, &of->sample);
}

static void subjects_close(struct subjects *subjects)
{
	datapath_close(subjects->datapath);
	mutator_close(subjects->mutator);
}

/* At rest only: the drain's counters are read too. */
static struct flow_ledger subjects_ledger(const struct subjects *subjects)
{
	struct datapath_ledger ledger;

	datapath_ledger(subjects->datapath, &ledger);
	return ledger.kernel;
}

static double subjects_run(struct subjects *subjects, enum mutator_subject subject, uint32_t from,
			   uint32_t count)
{
	mutator_target(subjects->mutator, subjects->of->hook, subject, subjects->datapath);
	return mutator_run(subjects->mutator, subjects->of->hook, from, count);
}

/* ---- the reader of the ring buffer, as the daemon's ----------------------------------------- */

struct reader {
	struct datapath *datapath;
	pthread_t thread;
	atomic_bool stop;
};

static void reader_take(void *context, const struct flow_delta *delta)
{
	(void)context;
	(void)delta;
}

static void *reader_run(void *context)
{
	struct reader *reader = context;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(0);

	timing_pin(0);
	if (epoll < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, datapath_event_fd(reader->datapath), &event))
		timing_die("cannot watch the ring buffer");
	while (!atomic_load(&reader->stop)) {
		if (epoll_wait(epoll, &event, 1, READER_WAIT_MS) < 0 && errno != EINTR)
			timing_die("cannot wait for the ring buffer");
		datapath_drain_events(reader->datapath, reader_take, NULL);
	}
	close(epoll);
	return NULL;
}

static void reader_start(struct reader *reader, struct datapath *datapath)
{
	reader->datapath = datapath;
	atomic_init(&reader->stop, false);
	if (pthread_create(&reader->thread, NULL, reader_run, reader))
		timing_die("cannot start the reader");
}

static void reader_stop(struct reader *reader)
{
	atomic_store(&reader->stop, true);
	pthread_join(reader->thread, NULL);
}

/* ---- rounds --------------------------------------------------------------------------------- */

/* Each subject once, beginning with another in each round. */
static void cost_round(struct subjects *subjects, int round, uint32_t from, uint32_t settle,
		       uint32_t count, double ns[MUTATOR_SUBJECTS])
{
	for (int turn = 0; turn < MUTATOR_SUBJECTS; turn++) {
		enum mutator_subject subject =
			(enum mutator_subject)((round + turn) % MUTATOR_SUBJECTS);

		if (settle)
			subjects_run(subjects, subject, from, settle);
		ns[subject] = subjects_run(subjects, subject, from + settle, count);
	}
}

static void cost_enter(struct hook_cost *cost, int round, const double ns[MUTATOR_SUBJECTS])
{
	cost->ours[round] = ns[MUTATOR_OURS] - ns[MUTATOR_EMPTY];
	cost->lru[round] = ns[MUTATOR_LRU] - ns[MUTATOR_EMPTY];
	cost->ratio[round] = cost->ours[round] / cost->lru[round];
}

static void cost_shares(struct hook_cost *cost, const struct flow_ledger *before,
			const struct flow_ledger *after)
{
	double packets = (double)(after->seen_packets - before->seen_packets);

	cost->made = before->inserts;
	cost->missed = (double)(after->inserts - before->inserts) / packets;
	cost->lost = (double)(after->evict_lost_packets - before->evict_lost_packets) / packets;
}

/* Rounds over a sequence that has been run once to the end through both tables. */
static void cost_rounds(struct subjects *subjects, uint32_t length, uint32_t count, int reads,
			struct hook_cost *cost)
{
	uint32_t settle = count / 8;
	struct flow_ledger before, after;
	struct reader reader;

	if (reads)
		reader_start(&reader, subjects->datapath);
	subjects_run(subjects, MUTATOR_OURS, 0, length);
	subjects_run(subjects, MUTATOR_LRU, 0, length);
	before = subjects_ledger(subjects);
	for (int round = 0; round < subjects->of->rounds; round++) {
		double ns[MUTATOR_SUBJECTS];

		cost_round(subjects, round, (uint32_t)round * (settle + count), settle, count, ns);
		cost_enter(cost, round, ns);
	}
	if (reads)
		reader_stop(&reader);
	after = subjects_ledger(subjects);
	cost_shares(cost, &before, &after);
}

static uint32_t cost_sequence_length(uint32_t flows)
{
	uint32_t length = SEQUENCE_LEAST;

	while (length < MUTATOR_SEQUENCE_MAX && length < 4 * flows)
		length *= 2;
	return length;
}

void hook_cost_hit(const struct hook_case *of, struct hook_cost *cost)
{
	uint32_t length = cost_sequence_length(of->flows);
	struct subjects subjects;

	subjects_open(&subjects, of);
	mutator_draw(subjects.mutator, length, of->flows);
	cost_rounds(&subjects, length, of->flows > 500000 ? 100000 : 50000, 1, cost);
	subjects_close(&subjects);
}

void hook_cost_evict(const struct hook_case *of, int reader, struct hook_cost *cost)
{
	struct subjects subjects;

	subjects_open(&subjects, of);
	mutator_shuffle(subjects.mutator, of->flows);
	cost_rounds(&subjects, of->flows, 200000, reader, cost);
	subjects_close(&subjects);
}

/* The round before the first is not entered: it warms up code, not tables. */
void hook_cost_insert(const struct hook_case *of, struct hook_cost *cost)
{
	struct flow_ledger zero = { 0 }, ledger = { 0 };

	for (int round = -1; round < of->rounds; round++) {
		double ns[MUTATOR_SUBJECTS];
		struct subjects subjects;
		struct reader reader;

		subjects_open(&subjects, of);
		mutator_shuffle(subjects.mutator, of->flows);
		reader_start(&reader, subjects.datapath);
		cost_round(&subjects, round + 1, 0, 0, of->flows, ns);
		reader_stop(&reader);
		if (round >= 0)
			cost_enter(cost, round, ns);
		ledger = subjects_ledger(&subjects);
		subjects_close(&subjects);
	}
	cost_shares(cost, &zero, &ledger);
}

/* ---- DNS ------------------------------------------------------------------------------------ */

/* Ours above empty, for a packet. */
static double dns_cost(struct subjects *subjects, const struct packet_sample *sample, int round)
{
	const uint32_t count = 200000, settle = count / 8;
	uint32_t from = (uint32_t)round * (count + settle);
	double ns[2];

	mutator_packet(subjects->mutator, sample);
	for (int turn = 0; turn < 2; turn++) {
		int subject = (round + turn) % 2; /* MUTATOR_EMPTY, MUTATOR_OURS */

		subjects_run(subjects, (enum mutator_subject)subject, from, settle);
		ns[subject] =
			subjects_run(subjects, (enum mutator_subject)subject, from + settle, count);
	}
	return ns[MUTATOR_OURS] - ns[MUTATOR_EMPTY];
}

void hook_cost_dns(const struct hook_case *of, struct hook_dns_cost *cost)
{
	struct packet_sample plain, dns;
	struct flow_ledger before, after;
	struct subjects subjects;
	struct reader reader;

	if (packet_kinds_make("dns-twin", &plain) || packet_kinds_make("dns", &dns))
		timing_die("no packets for DNS");
	subjects_open(&subjects, of);
	mutator_draw(subjects.mutator, SEQUENCE_LEAST, of->flows);
	dns_cost(&subjects, &plain, 0);
	dns_cost(&subjects, &dns, 0);
	before = subjects_ledger(&subjects);
	reader_start(&reader, subjects.datapath);
	for (int round = 0; round < of->rounds; round++) {
		cost->plain[round] = dns_cost(&subjects, &plain, round);
		cost->dns[round] = dns_cost(&subjects, &dns, round);
		cost->extra[round] = cost->dns[round] - cost->plain[round];
	}
	reader_stop(&reader);
	after = subjects_ledger(&subjects);
	cost->events = 2 * (double)(after.events - before.events) /
		       (double)(after.seen_packets - before.seen_packets);
	subjects_close(&subjects);
}

/* ---- two CPUs ------------------------------------------------------------------------------- */

#define TWO_COUNT   500000
#define TWO_OVERLAP 0.9 /* of the time both must run, else the round is taken again */
#define TWO_TRIES   3	/* for each round */

struct two_writer {
	struct subjects *subjects;
	pthread_barrier_t *barrier; /* NULL: alone */
	pthread_t thread;
	int cpu;
	double ns, begin, end;
};

static void two_wait(const struct two_writer *writer)
{
	if (writer->barrier)
		pthread_barrier_wait(writer->barrier);
}

static void *two_write(void *context)
{
	struct two_writer *writer = context;
	struct mutator *mutator = writer->subjects->mutator;
	enum mutator_hook hook = writer->subjects->of->hook;

	timing_pin(writer->cpu);
	two_wait(writer);
	mutator_run(mutator, hook, 0, TWO_COUNT / 8);
	two_wait(writer);
	writer->begin = timing_now_ns();
	writer->ns = mutator_run(mutator, hook, TWO_COUNT / 8, TWO_COUNT);
	writer->end = timing_now_ns();
	return NULL;
}

static double two_overlap(const struct two_writer *a, const struct two_writer *b)
{
	double from = a->begin > b->begin ? a->begin : b->begin;
	double to = a->end < b->end ? a->end : b->end;
	double longer =
		a->end - a->begin > b->end - b->begin ? a->end - a->begin : b->end - b->begin;

	return (to - from) / longer;
}

/* ns a packet, mean of CPU 0 and 1, `together` or one after the other. Lowers *overlap. */
static double two_run(struct subjects *subjects, int together, double *overlap)
{
	struct two_writer writers[2];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++) {
		writers[i] = (struct two_writer){ .subjects = subjects,
						  .barrier = together ? &barrier : NULL,
						  .cpu = i };
		if (pthread_create(&writers[i].thread, NULL, two_write, &writers[i]))
			timing_die("cannot start a writer");
		if (!together)
			pthread_join(writers[i].thread, NULL);
	}
	for (int i = 0; together && i < 2; i++)
		pthread_join(writers[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
	if (together && two_overlap(&writers[0], &writers[1]) < *overlap)
		*overlap = two_overlap(&writers[0], &writers[1]);
	return (writers[0].ns + writers[1].ns) / 2;
}

/* All subjects, alone and together. Returns the least overlap. */
static double two_round(struct subjects *subjects, int round, double alone[MUTATOR_SUBJECTS],
			double both[MUTATOR_SUBJECTS])
{
	double overlap = 1;

	for (int turn = 0; turn < MUTATOR_SUBJECTS; turn++) {
		int subject = (round + turn) % MUTATOR_SUBJECTS;

		mutator_target(subjects->mutator, subjects->of->hook, (enum mutator_subject)subject,
			       subjects->datapath);
		alone[subject] = two_run(subjects, 0, &overlap);
		both[subject] = two_run(subjects, 1, &overlap);
	}
	return overlap;
}

static void two_enter(struct hook_two_cost *cost, int round, const double alone[MUTATOR_SUBJECTS],
		      const double both[MUTATOR_SUBJECTS])
{
	for (int subject = 0; subject < MUTATOR_SUBJECTS; subject++) {
		double alone_empty = subject == MUTATOR_EMPTY ? 0 : alone[MUTATOR_EMPTY];
		double both_empty = subject == MUTATOR_EMPTY ? 0 : both[MUTATOR_EMPTY];

		cost->alone[subject][round] = alone[subject] - alone_empty;
		cost->both[subject][round] = both[subject] - both_empty;
		cost->ratio[subject][round] =
			cost->both[subject][round] / cost->alone[subject][round];
	}
}

void hook_cost_two(const struct hook_case *of, struct hook_two_cost *cost)
{
	double alone[MUTATOR_SUBJECTS], both[MUTATOR_SUBJECTS];
	int tries = of->rounds * TWO_TRIES;
	struct subjects subjects;

	cost->overlap = 1;
	subjects_open(&subjects, of);
	mutator_draw(subjects.mutator, cost_sequence_length(of->flows), of->flows);
	two_round(&subjects, 0, alone, both); /* fills the tables */
	for (int round = 0; round < of->rounds;) {
		double overlap = two_round(&subjects, round, alone, both);

		if (overlap < TWO_OVERLAP && --tries > of->rounds - round)
			continue;
		two_enter(cost, round++, alone, both);
		if (overlap < cost->overlap)
			cost->overlap = overlap;
	}
	subjects_close(&subjects);
}
