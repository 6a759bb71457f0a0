/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/metrics/series.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json_text.h"

#define SKETCH_ROWS 4
#define SKETCH_SIZE 1024
#define LOOKED_AT   16 /* series that are compared to find a small one */
#define KEY_MAX	    (SERIES_LABELS_MAX * (SERIES_TEXT_MAX + 1))

/* Upper bounds of histograms, ns: 100 us to 10 s. */
static const uint64_t bounds[] = { 100000,     250000,	   500000,     1000000,
				   2500000,    5000000,	   10000000,   25000000,
				   50000000,   100000000,  250000000,  500000000,
				   1000000000, 2500000000, 5000000000, 10000000000 };
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

struct histogram {
	uint64_t sum_ns;
	uint64_t count[BOUNDS + 1];
};

struct series {
	char *key; /* the label values, a zero byte behind each */
	size_t size;
	uint64_t hash;
	uint64_t count;
	uint64_t changed_ns;
	struct histogram *histogram;
};

struct series_family {
	struct series_about about;
	size_t label_count;
	struct series *series; /* in no order */
	size_t count;
	uint32_t *slots; /* open addressing: index + 1 */
	size_t slot_count;
	struct series other;
	uint64_t folded, dice;
	uint32_t sketch[SKETCH_ROWS][SKETCH_SIZE];
};

/* ---- opening --------------------------------------------------------------------------------- */

static size_t power_of_two(size_t least)
{
	size_t power = 16;

	while (power < least)
		power *= 2;
	return power;
}

static struct histogram *histogram_for(const struct series_family *family)
{
	return family->about.type == SERIES_SECONDS ? calloc(1, sizeof(struct histogram)) : NULL;
}

int series_open(struct series_family **out, const struct series_about *about)
{
	struct series_family *family = calloc(1, sizeof(*family));

	if (!family)
		return -ENOMEM;
	family->about = *about;
	while (about->labels[family->label_count])
		family->label_count++;
	family->slot_count = power_of_two(about->limit * 2);
	family->slots = calloc(family->slot_count, sizeof(*family->slots));
	family->series = calloc(about->limit, sizeof(*family->series));
	family->other.histogram = histogram_for(family);
	if (!family->slots || !family->series ||
	    (about->type == SERIES_SECONDS && !family->other.histogram)) {
		series_close(family);
		return -ENOMEM;
	}
	*out = family;
	return 0;
}

static void series_fini(struct series *series)
{
	free(series->key);
	free(series->histogram);
	*series = (struct series){ 0 };
}

void series_close(struct series_family *family)
{
	if (!family)
		return;
	for (size_t i = 0; family->series && i < family->count; i++)
		series_fini(&family->series[i]);
	series_fini(&family->other);
	free(family->series);
	free(family->slots);
	free(family);
}

/* ---- finding --------------------------------------------------------------------------------- */

static size_t key_of(const struct series_family *family, const char *const *values, char *key)
{
	size_t size = 0;

	for (size_t i = 0; i < family->label_count; i++) {
		const char *value = values[i] ? values[i] : "";
		size_t length = strnlen(value, SERIES_TEXT_MAX);

		memcpy(key + size, value, length);
		key[size + length] = 0;
		size += length + 1;
	}
	return size;
}

static uint64_t hash_of(const char *key, size_t size)
{
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)key[i]) * 1099511628211ull;
	return hash ^ hash >> 31;
}

static bool is_series(const struct series *series, const char *key, size_t size, uint64_t hash)
{
	return series->hash == hash && series->size == size && !memcmp(series->key, key, size);
}

/* The slot that leads to the key, or the free one where it would. */
static size_t slot_of(const struct series_family *family, const char *key, size_t size,
		      uint64_t hash)
{
	size_t mask = family->slot_count - 1, slot = hash & mask;

	while (family->slots[slot] &&
	       !is_series(&family->series[family->slots[slot] - 1], key, size, hash))
		slot = (slot + 1) & mask;
	return slot;
}

static void index_again(struct series_family *family)
{
	memset(family->slots, 0, family->slot_count * sizeof(*family->slots));
	for (size_t i = 0; i < family->count; i++) {
		const struct series *series = &family->series[i];

		family->slots[slot_of(family, series->key, series->size, series->hash)] =
			(uint32_t)i + 1;
	}
}

/* Takes the key out of the table of slots, moving up those behind it. */
static void slot_free(struct series_family *family, const struct series *series)
{
	size_t mask = family->slot_count - 1;
	size_t hole = slot_of(family, series->key, series->size, series->hash), at = hole;

	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (!family->slots[at])
			break;
		home = family->series[family->slots[at] - 1].hash & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		family->slots[hole] = family->slots[at];
		hole = at;
	}
	family->slots[hole] = 0;
}

/* ---- the bound ------------------------------------------------------------------------------- */

/* Adds to what the sketch knows of the key; an upper bound of it. */
static uint32_t sketch_add(struct series_family *family, uint64_t hash, uint64_t count)
{
	uint32_t least = UINT32_MAX;

	for (int row = 0; row < SKETCH_ROWS; row++) {
		uint32_t *cell = &family->sketch[row][hash >> row * 10 & (SKETCH_SIZE - 1)];

		*cell = count > UINT32_MAX - *cell ? UINT32_MAX : *cell + (uint32_t)count;
		least = *cell < least ? *cell : least;
	}
	return least;
}

static struct series *small_series(struct series_family *family)
{
	struct series *small = NULL;

	for (int i = 0; i < LOOKED_AT; i++) {
		struct series *one;

		family->dice = family->dice * 6364136223846793005ull + 1442695040888963407ull;
		one = &family->series[(family->dice >> 33) % family->count];
		if (!small || one->count < small->count)
			small = one;
	}
	return small;
}

static void join_other(struct series_family *family, struct series *series)
{
	family->other.count += series->count;
	for (size_t i = 0; series->histogram && i <= BOUNDS; i++)
		family->other.histogram->count[i] += series->histogram->count[i];
	if (series->histogram)
		family->other.histogram->sum_ns += series->histogram->sum_ns;
	family->folded++;
}

static bool fill_series(struct series_family *family, struct series *series, const char *key,
			size_t size, uint64_t hash)
{
	*series = (struct series){ .key = malloc(size + 1), .size = size, .hash = hash };
	series->histogram = histogram_for(family);
	if (!series->key || (family->about.type == SERIES_SECONDS && !series->histogram)) {
		series_fini(series);
		return false;
	}
	memcpy(series->key, key, size);
	return true;
}

/* A place for a new key; NULL: it belongs to "other". */
static struct series *new_series(struct series_family *family, const char *key, size_t size,
				 uint64_t hash, uint64_t count)
{
	struct series *place = &family->series[family->count], fresh;

	if (family->count == family->about.limit) {
		place = small_series(family);
		if (sketch_add(family, hash, count) <= place->count)
			return NULL;
	}
	if (!fill_series(family, &fresh, key, size, hash))
		return NULL;
	if (family->count == family->about.limit) {
		join_other(family, place);
		slot_free(family, place);
		series_fini(place);
	} else {
		family->count++;
	}
	*place = fresh;
	family->slots[slot_of(family, key, size, hash)] = (uint32_t)(place - family->series) + 1;
	return place;
}

static struct series *find_series(struct series_family *family, const char *const *values,
				  uint64_t count)
{
	char key[KEY_MAX];
	size_t size = key_of(family, values, key), slot;
	uint64_t hash = hash_of(key, size);
	struct series *series;

	slot = slot_of(family, key, size, hash);
	if (family->slots[slot])
		return &family->series[family->slots[slot] - 1];
	series = new_series(family, key, size, hash, count);
	if (series)
		return series;
	family->folded++;
	return &family->other;
}

void series_add(struct series_family *family, const char *const *values, uint64_t count,
		uint64_t now_ns)
{
	struct series *series = find_series(family, values, count);

	series->count += count;
	series->changed_ns = now_ns;
}

void series_observe(struct series_family *family, const char *const *values, uint64_t value_ns,
		    uint64_t now_ns)
{
	struct series *series = find_series(family, values, 1);
	size_t bucket = 0;

	while (bucket < BOUNDS && value_ns > bounds[bucket])
		bucket++;
	series->count++;
	series->changed_ns = now_ns;
	series->histogram->count[bucket]++;
	series->histogram->sum_ns += value_ns;
}

uint64_t series_folded(const struct series_family *family)
{
	return family->folded;
}

size_t series_count(const struct series_family *family)
{
	return family->count;
}

const struct series_about *series_about(const struct series_family *family)
{
	return &family->about;
}

static void forget_old(struct series_family *family, uint64_t now_ns)
{
	size_t before = family->count;

	if (!family->about.ttl_ns)
		return;
	for (size_t i = 0; i < family->count;) {
		if (now_ns - family->series[i].changed_ns < family->about.ttl_ns) {
			i++;
			continue;
		}
		series_fini(&family->series[i]);
		family->series[i] = family->series[--family->count];
		family->series[family->count] = (struct series){ 0 };
	}
	if (family->count != before)
		index_again(family);
}

/* ---- writing --------------------------------------------------------------------------------- */

size_t series_escape(char *out, const char *text)
{
	char *at = out;

	for (;;) {
		size_t plain = strcspn(text, "\\\"\n");

		memcpy(at, text, plain);
		at += plain;
		text += plain;
		if (!*text)
			return (size_t)(at - out);
		*at++ = '\\';
		*at++ = *text == '\n' ? 'n' : *text;
		text++;
	}
}

int series_write_head(struct buffer *page, const char *name, const char *help, const char *type,
		      bool openmetrics)
{
	size_t length = strlen(name), room = 2 * length + strlen(help) + 64;
	int used;

	/* OpenMetrics: the family of a counter has no _total. */
	if (openmetrics && !strcmp(type, "counter") && length > 6)
		length -= strlen("_total");
	if (openmetrics && !strcmp(type, "untyped"))
		type = "unknown";
	if (buffer_reserve(page, room))
		return -ENOMEM;
	used = snprintf((char *)page->data + page->size, room, "# HELP %.*s %s\n# TYPE %.*s %s\n",
			(int)length, name, help, (int)length, name, type);
	page->size += (size_t)used;
	return 0;
}

/* {label="value",...} with `extra` (already a pair) as last; nothing where there are no labels. */
static char *write_labels(char *out, const struct series_family *family, const char *key,
			  const char *extra)
{
	char before = '{';

	for (size_t i = 0; i < family->label_count; i++) {
		*out++ = before;
		before = ',';
		out = json_literal(json_word(out, family->about.labels[i]), "=\"");
		out += series_escape(out, key ? key : "other");
		*out++ = '"';
		if (key)
			key += strlen(key) + 1;
	}
	if (extra) {
		*out++ = before;
		out = json_word(out, extra);
	}
	if (extra || family->label_count)
		*out++ = '}';
	return out;
}

static char *write_histogram(char *out, const struct series_family *family,
			     const struct series *series)
{
	uint64_t sum = 0;
	char bound[48];

	for (size_t i = 0; i <= BOUNDS; i++) {
		sum += series->histogram->count[i];
		if (i < BOUNDS)
			snprintf(bound, sizeof(bound), "le=\"%g\"", (double)bounds[i] / 1e9);
		else
			snprintf(bound, sizeof(bound), "le=\"+Inf\"");
		out += sprintf(out, "%s_bucket", family->about.name);
		out = write_labels(out, family, series->key, bound);
		out += sprintf(out, " %" PRIu64 "\n", sum);
	}
	out += sprintf(out, "%s_sum", family->about.name);
	out = write_labels(out, family, series->key, NULL);
	out += sprintf(out, " %.9f\n%s_count", (double)series->histogram->sum_ns / 1e9,
		       family->about.name);
	out = write_labels(out, family, series->key, NULL);
	return out + sprintf(out, " %" PRIu64 "\n", sum);
}

static int write_one(struct series_family *family, const struct series *series, struct buffer *page)
{
	size_t line = strlen(family->about.name) + 2 * KEY_MAX + 64 * SERIES_LABELS_MAX + 64;
	char *out;

	if (buffer_reserve(page, series->histogram ? (BOUNDS + 3) * line : line))
		return -ENOMEM;
	out = (char *)page->data + page->size;
	if (series->histogram) {
		out = write_histogram(out, family, series);
	} else {
		out = json_word(out, family->about.name);
		out = write_labels(out, family, series->key, NULL);
		*out++ = ' ';
		out = json_u64(out, series->count);
		*out++ = '\n';
	}
	page->size = (size_t)(out - (char *)page->data);
	return 0;
}

int series_write(struct series_family *family, bool openmetrics, uint64_t now_ns,
		 struct buffer *page)
{
	const char *type = family->about.type == SERIES_SECONDS ? "histogram" : "counter";
	int error;

	forget_old(family, now_ns);
	error = series_write_head(page, family->about.name, family->about.help, type, openmetrics);
	for (size_t i = 0; i < family->count && !error; i++)
		error = write_one(family, &family->series[i], page);
	if (!error && (family->other.count || !family->label_count))
		error = write_one(family, &family->other, page);
	return error;
}
