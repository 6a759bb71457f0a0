/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/export/ipfix_options.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/export/ipfix_element.h"

#define NAMES_MAX	 256
#define NAME_BYTES	 16
#define SELECTORS_MAX	 64
#define TEMPLATE_NAME	 512
#define TEMPLATE_SAMPLER 513
#define UNIFORM		 4 /* selectorAlgorithm: each packet by itself, with one probability */

struct ipfix_options {
	pthread_mutex_t lock;
	struct {
		uint32_t ifindex;
		char name[NAME_BYTES];
	} names[NAMES_MAX];
	uint32_t selectors[SELECTORS_MAX]; /* 1 in so many */
	size_t name_count, names_told, selector_count, selectors_told;
};

/*
 * Scope ingressInterface (10): interfaceName (82). Scope selectorId (302): selectorAlgorithm (304),
 * samplingProbability (311), samplingPacketInterval (305), samplingPacketSpace (306).
 */
static const uint16_t templates[] = {
	TEMPLATE_NAME, 2, 1,   10, 4,	82, NAME_BYTES, TEMPLATE_SAMPLER, 5, 1, 302, 4, 304, 2,
	311,	       8, 305, 4,  306, 4,
};

const uint16_t *ipfix_options_templates(size_t *count)
{
	*count = sizeof(templates) / sizeof(templates[0]);
	return templates;
}

int ipfix_options_open(struct ipfix_options **out)
{
	struct ipfix_options *options = calloc(1, sizeof(*options));

	if (!options)
		return -ENOMEM;
	pthread_mutex_init(&options->lock, NULL);
	*out = options;
	return 0;
}

void ipfix_options_close(struct ipfix_options *options)
{
	if (!options)
		return;
	pthread_mutex_destroy(&options->lock);
	free(options);
}

static void learn_name(struct ipfix_options *options, uint32_t ifindex, const char *name)
{
	size_t i = 0;

	while (i < options->name_count && options->names[i].ifindex != ifindex)
		i++;
	if (i == NAMES_MAX ||
	    (i < options->name_count && !strncmp(options->names[i].name, name, NAME_BYTES - 1)))
		return;
	options->names[i].ifindex = ifindex;
	snprintf(options->names[i].name, NAME_BYTES, "%s", name);
	options->name_count += i == options->name_count;
	if (options->names_told > i)
		options->names_told = i;
}

static void learn_sampling(struct ipfix_options *options, uint32_t sampling)
{
	size_t i = 0;

	while (i < options->selector_count && options->selectors[i] != sampling)
		i++;
	if (i == options->selector_count && i < SELECTORS_MAX)
		options->selectors[options->selector_count++] = sampling;
}

void ipfix_options_learn(struct ipfix_options *options, const struct flow_record *record)
{
	pthread_mutex_lock(&options->lock);
	for (size_t i = 0; i < record->point_count; i++) {
		if (record->points[i].interface)
			learn_name(options, record->points[i].ifindex, record->points[i].interface);
	}
	learn_sampling(options, record->sampling ? record->sampling : 1);
	pthread_mutex_unlock(&options->lock);
}

static size_t put_name(const struct ipfix_options *options, size_t index, uint8_t *out)
{
	uint8_t *at = ipfix_put(out, options->names[index].ifindex, 4);

	memcpy(at, options->names[index].name, NAME_BYTES);
	return 4 + NAME_BYTES;
}

static size_t put_selector(const struct ipfix_options *options, size_t index, uint8_t *out)
{
	uint32_t sampling = options->selectors[index];
	double probability = 1.0 / sampling;
	uint64_t bits;
	uint8_t *at;

	memcpy(&bits, &probability, sizeof(bits));
	at = ipfix_put(out, sampling, 4);
	at = ipfix_put(at, UNIFORM, 2);
	at = ipfix_put(at, bits, 8);
	at = ipfix_put(at, 1, 4);
	return (size_t)(ipfix_put(at, sampling - 1, 4) - out);
}

size_t ipfix_options_next(struct ipfix_options *options, uint16_t *template_id,
			  uint8_t out[IPFIX_OPTION_MAX])
{
	size_t size = 0;

	pthread_mutex_lock(&options->lock);
	if (options->names_told < options->name_count) {
		*template_id = TEMPLATE_NAME;
		size = put_name(options, options->names_told++, out);
	} else if (options->selectors_told < options->selector_count) {
		*template_id = TEMPLATE_SAMPLER;
		size = put_selector(options, options->selectors_told++, out);
	}
	pthread_mutex_unlock(&options->lock);
	return size;
}

void ipfix_options_restart(struct ipfix_options *options)
{
	pthread_mutex_lock(&options->lock);
	options->names_told = options->selectors_told = 0;
	pthread_mutex_unlock(&options->lock);
}
