/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/drain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/pages.h"

#include "flowd/kernel/malformed.h"

#define DRAIN_CHUNK	2048 /* copies; a set's worth is kept free */
#define DRAIN_TRIES	16   /* a replacement takes the writer well below a microsecond */
#define DRAIN_TCP_CLOSE (FLOW_TCP_FIN | FLOW_TCP_RST)

/* What has been delivered of the generation that a slot held last. */
struct drain_slot {
	uint64_t bytes;
	uint32_t packets;
	uint32_t l2_bytes;
	uint32_t key_hash;
	uint16_t generation;
	uint16_t flags : 12;	  /* FLOW_TCP_MASK */
	uint16_t points : 4;	  /* how many */
	uint32_t certain_packets; /* as in struct flow_extra */
	uint32_t certain_bytes;
};
_Static_assert(sizeof(struct drain_slot) == 32, "memory per flow table entry");

struct drain_copy {
	uint32_t slot;
	struct flow_hot hot;
	struct flow_cold cold;
	struct flow_extra extra; /* where hot.flags call for it (FLOW_EXTRA_FLAGS) */
};

/* An entry as it was copied, or evicted. */
struct drain_entry {
	const struct flow_hot *hot;
	const struct flow_cold *cold;
	const struct flow_extra *extra; /* NULL or garbage where hot->flags do not call for it */
};

struct drain {
	struct drain_tables tables;
	struct jiffies_sample now;
	uint64_t looked_ns, previous_ns; /* when the last pass over the sets began, and the one
					    that was the last at drain_begin */
	drain_delta_fn emit;
	void *context;
	struct drain_listener listener;
	struct drain_stats stats;
	struct drain_slot *slots;
	uint64_t *next_seq; /* per CPU */
	size_t sets;
	size_t cursor; /* the set that the pass has come to */
	size_t copy_count;
	struct drain_copy copies[DRAIN_CHUNK];
};

static size_t drain_slots_bytes(const struct drain *drain)
{
	return drain->sets * FLOW_WAYS * sizeof(struct drain_slot);
}

int drain_open(struct drain **out, const struct drain_tables *tables)
{
	struct drain *drain;

	if (!tables->cpus.count || flow_cpus_sets(&tables->cpus) < FLOW_SETS_MIN)
		return -EINVAL;
	drain = calloc(1, sizeof(*drain));
	if (!drain)
		return -ENOMEM;
	drain->tables = *tables;
	drain->sets = (size_t)tables->cpus.count << tables->cpus.sets_bits;
	drain->slots = pages_map(drain_slots_bytes(drain));
	drain->next_seq = calloc(tables->cpus.count, sizeof(*drain->next_seq));
	if (!drain->slots || !drain->next_seq) {
		drain_close(drain);
		return -ENOMEM;
	}
	*out = drain;
	return 0;
}

void drain_close(struct drain *drain)
{
	if (!drain)
		return;
	pages_unmap(drain->slots, drain_slots_bytes(drain));
	free(drain->next_seq);
	free(drain);
}

void drain_set_listener(struct drain *drain, struct drain_listener listener)
{
	drain->listener = listener;
}

void drain_begin(struct drain *drain, const struct jiffies_sample *now, drain_delta_fn emit,
		 void *context)
{
	drain->previous_ns = drain->looked_ns;
	drain->now = *now;
	drain->emit = emit;
	drain->context = context;
	drain->cursor = 0;
	drain->copy_count = 0;
}

void drain_stats(const struct drain *drain, struct drain_stats *stats)
{
	*stats = drain->stats;
}

/* Tells apart the keys that follow each other in one slot; 0 is kept for "none". */
static uint32_t drain_key_hash(const struct flow_key *key)
{
	uint64_t words[5], sum = 0;

	memcpy(words, key, sizeof(words));
	for (int i = 0; i < 5; i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(sum >> 32) | 1;
}

static uint16_t drain_point_count(const struct flow_cold *cold)
{
	uint16_t count = 0;

	while (count < FLOW_POINTS && cold->points[count])
		count++;
	return count;
}

/* ---- deltas --------------------------------------------------------------------------------- */

/* A delta of an entry that was delivered before begins no earlier than the last look at it. */
static void drain_delta_times(const struct drain *drain, struct flow_delta *delta,
			      const struct flow_hot *hot, bool fresh)
{
	uint64_t now = drain->now.monotonic_ns;

	delta->last_ns = jiffies_to_ns(&drain->now, hot->last_jiffies);
	if (!fresh && delta->first_ns < drain->previous_ns)
		delta->first_ns = drain->previous_ns;
	if (delta->first_ns > now)
		delta->first_ns = now;
	if (delta->last_ns < delta->first_ns)
		delta->last_ns = delta->first_ns;
}

static void drain_delta_extra(struct flow_delta *delta, const struct flow_extra *extra,
			      const struct drain_slot *old, const struct drain_slot *now)
{
	if (delta->flags & FLOW_FLAG_TUNNEL)
		delta->outer = extra->outer;
	if (delta->flags & FLOW_FLAG_QUOTE)
		delta->quoted = extra->quoted;
	delta->certain_packets = now->certain_packets - old->certain_packets;
	delta->certain_bytes = now->certain_bytes - old->certain_bytes;
}

static void drain_emit(struct drain *drain, const struct drain_entry *entry,
		       const struct drain_slot *old, const struct drain_slot *now, bool fresh,
		       bool starts)
{
	const struct flow_hot *hot = entry->hot;
	const struct flow_cold *cold = entry->cold;
	struct flow_delta delta = {
		.key = hot->key,
		.packets = (uint32_t)(now->packets - old->packets),
		.bytes = now->bytes - old->bytes,
		.first_ns = cold->first_ns,
		.flags = hot->flags,
		.vlan = { cold->vlan[0], cold->vlan[1] },
		.sampling = cold->sampling,
		.starts = starts,
		.continues = !fresh,
	};

	delta.l3_bytes = delta.bytes - (uint32_t)(now->l2_bytes - old->l2_bytes);
	memcpy(delta.eth_src, cold->eth_src, sizeof(delta.eth_src));
	memcpy(delta.eth_dst, cold->eth_dst, sizeof(delta.eth_dst));
	memcpy(delta.points, cold->points, sizeof(delta.points));
	drain_delta_times(drain, &delta, hot, fresh);
	if (hot->flags & FLOW_EXTRA_FLAGS)
		drain_delta_extra(&delta, entry->extra, old, now);
	drain->stats.deltas++;
	if (!(hot->key.scope & FLOW_SCOPE_CARRIER)) { /* counted with the packets they carry */
		drain->stats.packets += delta.packets;
		drain->stats.bytes += delta.bytes;
	}
	drain->emit(drain->context, &delta);
}

/*
 * Brings the slot's memory to what `hot` says, with `bytes` of its bytes, and emits the difference
 * to `old` (what was delivered of this generation; zeros when nothing was). The copy may hold the
 * link bytes of a packet whose other counts came too late for it: those wait for the next copy.
 */
static void drain_advance(struct drain *drain, struct drain_slot *slot,
			  const struct drain_slot *old, const struct drain_entry *entry,
			  uint64_t bytes)
{
	const struct flow_hot *hot = entry->hot;
	struct drain_slot before = *slot;
	uint32_t hash = drain_key_hash(&hot->key), l2 = hot->l2_bytes - old->l2_bytes;
	bool fresh = !old->key_hash, starts;

	starts = fresh && before.key_hash == hash && (hot->flags & FLOW_TCP_SYN) &&
		 (before.flags & DRAIN_TCP_CLOSE);
	if (l2 > bytes - old->bytes)
		l2 = (uint32_t)(bytes - old->bytes);
	slot->bytes = bytes;
	slot->packets = hot->packets;
	slot->l2_bytes = old->l2_bytes + l2;
	slot->key_hash = hash;
	slot->generation = hot->generation;
	slot->flags = hot->flags & FLOW_TCP_MASK;
	slot->points = drain_point_count(entry->cold) & 0xf;
	slot->certain_packets = slot->certain_bytes = 0;
	if (hot->flags & FLOW_FLAG_SAMPLED) {
		slot->certain_packets = entry->extra->certain_packets;
		slot->certain_bytes = entry->extra->certain_bytes;
	}
	if (!fresh && slot->packets == old->packets && slot->bytes == old->bytes &&
	    slot->points == before.points)
		return;
	drain_emit(drain, entry, old, slot, fresh, starts);
}

/* ---- copies --------------------------------------------------------------------------------- */

static struct flow_hot *drain_hot(const struct drain *drain, size_t slot)
{
	return &flow_cpus_hots(&drain->tables.cpus, slot / FLOW_WAYS)->way[slot % FLOW_WAYS];
}

static struct flow_cold *drain_cold(const struct drain *drain, size_t slot)
{
	return &drain->tables.colds[slot / FLOW_WAYS].way[slot % FLOW_WAYS];
}

static struct flow_extra drain_extra(const struct drain *drain, size_t slot)
{
	const struct flow_extra_set *sets = drain->tables.extras(drain->tables.context);

	return sets ? sets[slot / FLOW_WAYS].way[slot % FLOW_WAYS] : (struct flow_extra){ 0 };
}

static uint16_t drain_generation(const struct flow_hot *hot)
{
	return __atomic_load_n(&hot->generation, __ATOMIC_ACQUIRE);
}

/*
 * One try: the copy is whole when no replacement began or ended meanwhile. `packets` is read first
 * because the writer stores it last, so that every other count is at least as new. `settled`: it
 * did not move either.
 */
static bool drain_copy_once(const struct drain *drain, struct drain_copy *copy, bool *settled)
{
	struct flow_hot *hot = drain_hot(drain, copy->slot);
	uint16_t generation = drain_generation(hot);
	uint32_t packets = __atomic_load_n(&hot->packets, __ATOMIC_ACQUIRE);

	copy->hot = *hot;
	copy->cold = *drain_cold(drain, copy->slot);
	if (copy->hot.flags & FLOW_EXTRA_FLAGS)
		copy->extra = drain_extra(drain, copy->slot);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*settled = __atomic_load_n(&hot->packets, __ATOMIC_RELAXED) == packets;
	copy->hot.packets = packets;
	copy->hot.generation = generation;
	return !(generation & 1) && drain_generation(hot) == generation &&
	       (uint16_t)(copy->cold.drained >> 32) == generation &&
	       (uint16_t)(copy->cold.drained_bytes >> 48) == generation;
}

/* False: the entry is being replaced all the time; its set stays touched for the next pass. */
static bool drain_copy_slot(struct drain *drain, struct drain_copy *copy)
{
	bool whole = false, settled = false;

	for (int i = 0; i < DRAIN_TRIES && !(whole && settled); i++) {
		whole = drain_copy_once(drain, copy, &settled);
		drain->stats.torn_reads += !whole;
	}
	return whole;
}

static void drain_touch(const struct drain *drain, size_t set)
{
	__atomic_fetch_or(flow_cpus_head(&drain->tables.cpus, set), FLOW_HEAD_TOUCHED,
			  __ATOMIC_RELEASE);
}

/* Whether the slot has anything that was not delivered. */
static bool drain_slot_changed(const struct drain *drain, size_t slot)
{
	const struct drain_slot *memory = &drain->slots[slot];
	const struct flow_hot *hot = drain_hot(drain, slot);
	uint16_t generation = drain_generation(hot);

	if (generation != memory->generation)
		return true;
	if (!generation)
		return false;
	if (__atomic_load_n(&hot->packets, __ATOMIC_RELAXED) != memory->packets)
		return true;
	return memory->points < FLOW_POINTS && drain_cold(drain, slot)->points[memory->points];
}

static void drain_collect_set(struct drain *drain, size_t set)
{
	for (size_t slot = set * FLOW_WAYS; slot < (set + 1) * FLOW_WAYS; slot++) {
		struct drain_copy *copy = &drain->copies[drain->copy_count];

		if (!drain_slot_changed(drain, slot))
			continue;
		copy->slot = (uint32_t)slot;
		if (drain_copy_slot(drain, copy))
			drain->copy_count++;
		else
			drain_touch(drain, set);
	}
}

/* The next set at or behind the cursor that was touched, or the number of sets. */
static size_t drain_next_touched(const struct drain *drain)
{
	const struct flow_cpus *cpus = &drain->tables.cpus;
	size_t set = drain->cursor;

	while (set < drain->sets &&
	       !(__atomic_load_n(flow_cpus_head(cpus, set), __ATOMIC_RELAXED) & FLOW_HEAD_TOUCHED))
		set++;
	return set;
}

/* The bit is cleared before the counters are read: an update that comes too late sets it again. */
bool drain_collect(struct drain *drain, bool everything)
{
	drain->copy_count = 0;
	while (drain->copy_count + FLOW_WAYS <= DRAIN_CHUNK) {
		if (!everything)
			drain->cursor = drain_next_touched(drain);
		if (drain->cursor >= drain->sets)
			break;
		__atomic_fetch_and(flow_cpus_head(&drain->tables.cpus, drain->cursor),
				   ~FLOW_HEAD_TOUCHED, __ATOMIC_SEQ_CST);
		drain_collect_set(drain, drain->cursor++);
	}
	if (drain->cursor < drain->sets)
		return true;
	drain->looked_ns = drain->now.monotonic_ns;
	return false;
}

/* ---- applying ------------------------------------------------------------------------------- */

static const struct drain_slot drain_nothing;

/*
 * What was delivered of the copy's generation. NULL: the copy is older than what an event said. A
 * generation that looks older and is still there is no copy of the past, the number has wrapped.
 */
static const struct drain_slot *drain_copy_base(const struct drain *drain,
						const struct drain_copy *copy)
{
	const struct drain_slot *slot = &drain->slots[copy->slot];
	int16_t ahead = (int16_t)(copy->hot.generation - slot->generation);

	if (ahead == 0 && slot->key_hash == drain_key_hash(&copy->hot.key))
		return (int32_t)(copy->hot.packets - slot->packets) < 0 ? NULL : slot;
	if (ahead < 0 && drain_generation(drain_hot(drain, copy->slot)) != copy->hot.generation)
		return NULL;
	return &drain_nothing;
}

/* Tells the kernel what is about to be delivered. It takes the word with an exchange when it
 * replaces the entry; from then on the event, or the loss counter, stands for the rest. False: it
 * was first. */
static bool drain_claim(__u64 *word, __u64 expected, __u64 desired)
{
	return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void drain_apply_copy(struct drain *drain, const struct drain_copy *copy,
			     bool events_complete)
{
	struct flow_cold *cold = drain_cold(drain, copy->slot);
	const struct flow_hot *hot = &copy->hot;
	const struct drain_entry entry = { hot, &copy->cold, &copy->extra };
	const struct drain_slot *base = drain_copy_base(drain, copy);
	struct drain_slot old;
	uint64_t bytes;

	if (!base)
		return;
	if (base == &drain_nothing && !events_complete) {
		drain_touch(drain, copy->slot / FLOW_WAYS);
		return;
	}
	if (!drain_claim(&cold->drained, copy->cold.drained,
			 FLOW_DRAINED(hot->generation, hot->packets)))
		return;
	old = *base;
	bytes = drain_claim(&cold->drained_bytes, copy->cold.drained_bytes,
			    FLOW_DRAINED_BYTES(hot->generation, hot->bytes))
			? hot->bytes
			: old.bytes;
	drain_advance(drain, &drain->slots[copy->slot], &old, &entry, bytes);
}

void drain_apply(struct drain *drain, bool events_complete)
{
	for (size_t i = 0; i < drain->copy_count; i++)
		drain_apply_copy(drain, &drain->copies[i], events_complete);
	drain->copy_count = 0;
}

/* ---- events --------------------------------------------------------------------------------- */

static void drain_sequence(struct drain *drain, const struct flow_event *event)
{
	uint64_t *next = &drain->next_seq[event->cpu];

	if (*next && event->seq > *next)
		drain->stats.event_gaps += event->seq - *next;
	*next = event->seq + 1;
}

/* What the kernel took back of the entry as delivered. */
static struct drain_slot drain_evicted_base(const struct flow_evicted *evicted)
{
	const struct flow_hot *hot = &evicted->hot;
	struct drain_slot base = { .key_hash = 1, .l2_bytes = hot->l2_bytes };

	base.packets = (uint32_t)evicted->cold.drained;
	base.bytes =
		hot->bytes - ((hot->bytes - evicted->cold.drained_bytes) & FLOW_DRAINED_BYTES_MASK);
	return base.packets ? base : drain_nothing;
}

/*
 * An evicted entry is the last word on its generation: what was not delivered of it, is now. One
 * that the slot's memory has left behind must not turn the memory back.
 */
static void drain_evicted(struct drain *drain, const struct flow_evicted *evicted,
			  const struct flow_extra *extra)
{
	const struct drain_entry entry = { &evicted->hot, &evicted->cold, extra };
	struct drain_slot *slot = &drain->slots[evicted->slot], old, aside;
	const struct flow_hot *hot = &evicted->hot;
	int16_t ahead = (int16_t)(hot->generation - slot->generation);

	if (ahead == 0 && slot->key_hash == drain_key_hash(&hot->key))
		old = *slot;
	else
		old = drain_evicted_base(evicted);
	if (ahead < 0) {
		aside = *slot;
		slot = &aside;
	}
	drain_advance(drain, slot, &old, &entry, hot->bytes);
}

/* With the extra part where the flags call for it, and not else. */
static bool drain_evicted_fits(const struct flow_evicted *evicted, uint32_t size)
{
	if (size < sizeof(*evicted))
		return false;
	return size == (evicted->hot.flags & FLOW_EXTRA_FLAGS ? sizeof(struct flow_evicted_extra)
							      : sizeof(*evicted));
}

void drain_event(struct drain *drain, const void *sample, uint32_t size)
{
	const struct flow_event *event = sample;
	const struct flow_evicted *evicted = sample;

	if (size < sizeof(*event) || event->size != size ||
	    event->cpu >= drain->tables.cpus.count) {
		drain->stats.events_unknown++;
		return;
	}
	drain_sequence(drain, event);
	if (event->type == FLOW_EVENT_FLOW_EVICTED && drain_evicted_fits(evicted, size) &&
	    evicted->slot < drain->sets * FLOW_WAYS)
		drain_evicted(drain, evicted, &((const struct flow_evicted_extra *)sample)->extra);
	else if (!malformed_fits(event, size) &&
		 (!drain->listener.take || !drain->listener.take(drain->listener.context, event)))
		drain->stats.events_unknown++;
}
