/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/fleet_merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fleet_window_open(struct fleet_window *window)
{
	*window = (struct fleet_window){ .messages = calloc(FLEET_WINDOW + 1,
							    sizeof(*window->messages)) };
	return window->messages ? 0 : -ENOMEM;
}

void fleet_window_close(struct fleet_window *window)
{
	while (window->count)
		fleet_window_pop(window);
	free(window->messages);
}

static bool is_older(const struct fleet_message *a, const struct fleet_message *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->number < b->number;
}

static void swap(struct fleet_window *window, size_t a, size_t b)
{
	struct fleet_message kept = window->messages[a];

	window->messages[a] = window->messages[b];
	window->messages[b] = kept;
}

static uint64_t time_of(const struct answer *answer)
{
	if (answer->record_count)
		return answer->records[0].time_ns;
	return answer->loss_count ? answer->losses[0].last_ns : 0;
}

void fleet_window_push(struct fleet_window *window, struct answer *answer, uint64_t came_ns)
{
	size_t at = window->count++;

	window->messages[at] = (struct fleet_message){ .answer = *answer,
						       .time_ns = time_of(answer),
						       .came_ns = came_ns,
						       .number = window->numbers++ };
	for (; at && is_older(&window->messages[at], &window->messages[(at - 1) / 2]);
	     at = (at - 1) / 2)
		swap(window, at, (at - 1) / 2);
}

const struct fleet_message *fleet_window_top(const struct fleet_window *window)
{
	return window->count ? &window->messages[0] : NULL;
}

void fleet_window_pop(struct fleet_window *window)
{
	size_t at = 0;

	answer_fini(&window->messages[0].answer);
	window->messages[0] = window->messages[--window->count];
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < window->count &&
		    is_older(&window->messages[child + 1], &window->messages[child]))
			child++;
		if (child >= window->count ||
		    !is_older(&window->messages[child], &window->messages[at]))
			return;
		swap(window, at, child);
		at = child;
	}
}

static struct fleet_node *find_node(struct fleet_nodes *nodes, const char *name, bool *fresh)
{
	*fresh = false;
	for (size_t i = 0; i < nodes->count; i++) {
		if (!strcmp(nodes->node[i].name, name))
			return &nodes->node[i];
	}
	if (nodes->count == FLEET_NODES)
		return NULL;
	*fresh = true;
	snprintf(nodes->node[nodes->count].name, sizeof(nodes->node[0].name), "%s", name);
	return &nodes->node[nodes->count++];
}

enum fleet_verdict fleet_nodes_judge(struct fleet_nodes *nodes, const struct answer *answer,
				     uint64_t sequence, struct fleet_node **out, uint64_t *missing)
{
	enum fleet_verdict verdict = FLEET_FRESH;
	bool fresh;
	struct fleet_node *node =
		find_node(nodes, answer->node_name ? answer->node_name : "", &fresh);

	*out = node;
	*missing = 0;
	if (!node) {
		nodes->not_watched++;
		return FLEET_FRESH;
	}
	if (!fresh && node->epoch == answer->epoch) {
		if (sequence <= node->sequence)
			return FLEET_TWICE;
		*missing = sequence - node->sequence - 1;
		verdict = *missing ? FLEET_GAP : FLEET_FRESH;
	} else if (!fresh) {
		node->restarts++;
	}
	node->epoch = answer->epoch;
	node->sequence = sequence;
	node->lost += *missing;
	return verdict;
}
